#include "bench/harness/figure_text.hpp"

#include <span>

#include <fmt/format.h>

namespace ringbell::bench {
namespace {

// A value that would print as `step` takes the next unit.
std::string scaled(double value, double step, std::span<const char* const> units) {
  std::size_t unit = 0;
  while (value >= step - 0.5 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

}  // namespace

std::string duration_text(double ns) {
  static constexpr const char* kUnits[] = {"us", "ms", "s"};
  return ns < 999.5 ? fmt::format("{:.0f} ns", ns) : scaled(ns / 1000, 1000, kUnits);
}

std::string message_rate_text(double per_s) {
  static constexpr const char* kUnits[] = {"/s", "k/s", "M/s", "G/s"};
  return scaled(per_s, 1000, kUnits);
}

std::string byte_rate_text(double per_s) {
  static constexpr const char* kUnits[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
  return scaled(per_s, 1000, kUnits);
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  return bytes < 1024 ? fmt::format("{} B", bytes)
                      : scaled(static_cast<double>(bytes), 1024, kUnits);
}

std::string size_text(std::size_t bytes) {
  if (bytes > 0 && bytes % (1UL << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  if (bytes > 0 && bytes % (1UL << 10) == 0) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} B", bytes);
}

}  // namespace ringbell::bench
