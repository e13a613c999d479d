// Numbers with units, for people; and what people type, as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/harness/figure_text.hpp"

namespace ringbell::tools {

using bench::bytes_text;

// "1:02:03", "0:07".
[[nodiscard]] std::string duration_text(double seconds);

// "4096", "64K", "2M", "1G", also with a "iB" behind: powers of 1024. Nothing: not a size.
[[nodiscard]] std::optional<std::uint64_t> size_of_text(std::string_view text);

}  // namespace ringbell::tools
