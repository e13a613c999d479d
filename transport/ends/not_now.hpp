// How every end says that nothing came. A call that never waits returns an optional: nothing means
// not now. A call that waits returns a Result of the same: nothing means that the time is up.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/message_size.hpp>

namespace ringbell {

// What a ring of core gives: an empty span is nothing.
template <class Byte>
[[nodiscard]] constexpr std::optional<std::span<Byte>> if_any(std::span<Byte> found) noexcept {
  if (found.empty()) return std::nullopt;
  return found;
}

// Copies a message out that was waited for, then `end` gives it back. Errors: as it was waited;
// too_large, if `into` is too small: the message then stays.
template <class End>
[[nodiscard]] Result<std::optional<std::size_t>> copy_out(
    End& end, const Result<std::optional<std::span<const std::byte>>>& message,
    std::span<std::byte> into) {
  if (!message) return tl::unexpected(message.error());
  if (!*message) return std::nullopt;
  const std::span<const std::byte> bytes = **message;
  if (bytes.size() > into.size()) return fail_buffer(bytes.size(), into.size());
  if (!bytes.empty()) std::memcpy(into.data(), bytes.data(), bytes.size());
  end.release();
  return bytes.size();
}

}  // namespace ringbell
