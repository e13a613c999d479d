// A call that waits, ended by a std::stop_token.
//
//   std::jthread reading([&](std::stop_token stop) {
//     auto got = until_stopped(stop, receiver, [&] { return receiver.receive(buffer); });
//   });
#pragma once

#include <stop_token>
#include <type_traits>
#include <utility>

#include <ringbell/transport/base/error.hpp>

namespace ringbell {

// What `call()` returns, a Result of a call on `end`. Errors: those of the call; cancelled, once a
// stop was requested: at once, else when the call waits. Nothing is lost by it. A request that
// comes when the wait is over already ends the end's next one.
template <class End, class Call>
[[nodiscard]] std::invoke_result_t<Call> until_stopped(const std::stop_token& stop, End& end,
                                                       Call&& call) {
  if (stop.stop_requested()) {
    return tl::unexpected(Error{ErrorCode::cancelled, 0, "a stop was requested"});
  }
  const std::stop_callback stopping(stop, [&end]() noexcept { end.interrupt(); });
  return std::forward<Call>(call)();
}

}  // namespace ringbell
