// Whether a message may be sent, asked by every end in the same words.
#pragma once

#include <cstddef>
#include <string_view>

#include <ringbell/transport/base/error.hpp>

namespace ringbell {

// One compare for both bounds, before any cast: 0 is as wrong as what is too long.
[[nodiscard]] constexpr bool fits(std::size_t size_bytes, std::size_t most_bytes) noexcept {
  return size_bytes - 1 < most_bytes;
}

// Why it does not fit. `what` and `into` are for people: "a message", "this queue". Errors:
// invalid_argument for 0 bytes, too_large. REQUIRES: !fits(size_bytes, most_bytes).
[[nodiscard]] tl::unexpected<Error> fail_size(std::size_t size_bytes, std::size_t most_bytes,
                                              std::string_view what, std::string_view into);
// A message of `size_bytes` does not fit into the caller's buffer. Errors: too_large.
[[nodiscard]] tl::unexpected<Error> fail_buffer(std::size_t size_bytes, std::size_t buffer_bytes);

}  // namespace ringbell
