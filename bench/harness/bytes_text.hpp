// Amounts of memory, for people.
#pragma once

#include <cstdint>
#include <string>

namespace ringbell::bench {

// "0 B", "1023 B", "1.50 MiB": three digits and a binary unit.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace ringbell::bench
