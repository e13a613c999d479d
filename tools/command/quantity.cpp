#include "tools/command/quantity.hpp"

#include <charconv>
#include <cstddef>

#include <fmt/format.h>

namespace ringbell::tools {

std::string duration_text(double seconds) {
  constexpr double kLongest = 359'999;  // 99:59:59
  const auto whole = static_cast<std::uint64_t>(seconds < kLongest ? seconds : kLongest);
  const std::uint64_t hours = whole / 3600;
  if (hours > 0) {
    return fmt::format("{}:{:02}:{:02}", hours, whole / 60 % 60, whole % 60);
  }
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::optional<std::uint64_t> size_of_text(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(end, text.size() - static_cast<std::size_t>(end - text.data()));
  if (unit.empty() || unit == "B") return value;
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t power = kUnits.find(unit.front() == 'k' ? 'K' : unit.front());
  unit.remove_prefix(1);
  if (power == std::string_view::npos || !(unit.empty() || unit == "iB")) return std::nullopt;
  const auto shift = static_cast<unsigned>(10 * (power + 1));
  if (value > UINT64_MAX >> shift) return std::nullopt;
  return value << shift;
}

}  // namespace ringbell::tools
