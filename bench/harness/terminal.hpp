// The terminal, if a user may be looking at it.
#pragma once

#include <cstddef>
#include <limits>

namespace ringbell::bench {

inline constexpr std::size_t kUnlimitedColumns = std::numeric_limits<std::size_t>::max();

// How many characters a line of the terminal behind `fd` takes; kUnlimitedColumns where there is no
// terminal, or one that does not say.
[[nodiscard]] std::size_t terminal_columns(int fd) noexcept;

}  // namespace ringbell::bench
