// How every end says that nothing came. A call that never waits returns an optional: nothing means
// not now. A call that waits returns a Result of the same: nothing means that the time is up.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/message_size.hpp>

namespace ringbell {

// What a ring of core gives: a span without data is nothing, one of 0 bytes a message.
template <class Byte>
[[nodiscard]] constexpr std::optional<std::span<Byte>> if_any(std::span<Byte> found) noexcept {
  if (found.data() == nullptr) return std::nullopt;
  return found;
}

// Copies the message out that `end` shows, and gives it back. REQUIRES: into.size() is enough.
template <class End>
[[nodiscard]] std::size_t take_out(End& end, std::span<const std::byte> message,
                                   std::span<std::byte> into) {
  copy_message(into.data(), message);
  end.release();
  return message.size();
}

// receive() of `end`: what is there at the first look is copied before any wait is prepared.
// Errors: as peek_for(); too_large, if `into` is too small: the message then stays.
template <class End>
[[nodiscard]] Result<std::optional<std::size_t>> receive_from(End& end, std::span<std::byte> into,
                                                              Timeout timeout) {
  if (const std::optional<std::span<const std::byte>> message = end.peek();
      message && message->size() <= into.size()) [[likely]] {
    return take_out(end, *message, into);
  }
  const Result<std::optional<std::span<const std::byte>>> message = end.peek_for(timeout);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return std::nullopt;
  if ((*message)->size() > into.size()) return fail_buffer((*message)->size(), into.size());
  return take_out(end, **message, into);
}

}  // namespace ringbell
