#include <ringbell/transport/ends/message_size.hpp>

#include <fmt/format.h>

namespace ringbell {

tl::unexpected<Error> fail_size(std::size_t size_bytes, std::size_t most_bytes,
                                std::string_view what, std::string_view into) {
  return fail(ErrorCode::too_large,
              fmt::format("{} of {} bytes: {} takes at most {}; create it with more room", what,
                          size_bytes, into, most_bytes));
}

tl::unexpected<Error> fail_buffer(std::size_t size_bytes, std::size_t buffer_bytes) {
  return fail(ErrorCode::too_large, fmt::format("the next message has {} bytes, the buffer {}",
                                                size_bytes, buffer_bytes));
}

}  // namespace ringbell
