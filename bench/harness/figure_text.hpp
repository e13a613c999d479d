// Figures, for people: three significant digits and a unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ringbell::bench {

// "130 ns", "1.20 us".
[[nodiscard]] std::string duration_text(double ns);
// "76.0 M/s", "2.31 GB/s".
[[nodiscard]] std::string message_rate_text(double per_s);
[[nodiscard]] std::string byte_rate_text(double per_s);
// "0 B", "1023 B", "1.50 MiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "56 B", "4 KiB": whole units only.
[[nodiscard]] std::string size_text(std::size_t bytes);

}  // namespace ringbell::bench
