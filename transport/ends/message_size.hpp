// Whether a message may be sent, asked by every end in the same words, and its copy.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>

namespace ringbell {

// As size_t, before any cast. A message of 0 bytes is one.
[[nodiscard]] constexpr bool fits(std::size_t size_bytes, std::size_t most_bytes) noexcept {
  return size_bytes <= most_bytes;
}

// Why it does not fit. `what` and `into` are for people: "a message", "this queue". Errors:
// too_large.
RINGBELL_API [[nodiscard]] tl::unexpected<Error> fail_size(std::size_t size_bytes,
                                                           std::size_t most_bytes,
                                                           std::string_view what,
                                                           std::string_view into);
// A message of `size_bytes` does not fit into the caller's buffer. Errors: too_large.
RINGBELL_API [[nodiscard]] tl::unexpected<Error> fail_buffer(std::size_t size_bytes,
                                                             std::size_t buffer_bytes);

// The span of a message of 0 bytes may have no data, which memcpy does not allow.
inline void copy_message(std::byte* into, std::span<const std::byte> message) noexcept {
  if (!message.empty()) std::memcpy(into, message.data(), message.size());
}

}  // namespace ringbell
