#include "bench/compare/row_text.hpp"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringbell::bench {
namespace {

// Three significant digits and a unit.
std::string scaled(double value, double step, const std::vector<const char*>& units) {
  std::size_t unit = 0;
  while (value >= step * 0.9995 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

// The first column and, of the others, `first` to before `end`.
std::string block(const std::vector<Line>& lines, const std::vector<std::size_t>& widths,
                  std::size_t first, std::size_t end) {
  std::string out;
  for (const Line& line : lines) {
    std::string row = fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t i = first; i < std::min(end, line.size()); ++i) {
      row += fmt::format("  {:>{}}", line[i], widths[i]);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += fmt::format("  {}\n", row);
  }
  return out;
}

bool is_awake(const Row& row) {
  const std::string wait = text_of(row, "wait");
  return wait == "spin" || wait == "polled";
}

}  // namespace

std::string duration_text(double ns) {
  if (ns < 999.5) return fmt::format("{:.0f} ns", ns);
  return scaled(ns / 1000, 1000, {"us", "ms", "s"});
}

std::string count_text(double count) {
  if (count < 1000) return fmt::format("{:.0f}", count);
  return scaled(count / 1000, 1000, {"k", "M", "G"});
}
std::string volume_text(double bytes) { return scaled(bytes, 1000, {"B", "kB", "MB", "GB", "TB"}); }
std::string message_rate_text(double per_s) {
  return scaled(per_s, 1000, {"/s", "k/s", "M/s", "G/s"});
}
std::string byte_rate_text(double per_s) { return volume_text(per_s) + "/s"; }
std::string size_text(std::size_t bytes) {
  constexpr std::size_t kKibibyte = 1024;
  constexpr std::size_t kMebibyte = kKibibyte * kKibibyte;
  if (bytes >= kMebibyte && bytes % kMebibyte == 0) return fmt::format("{} MiB", bytes / kMebibyte);
  if (bytes >= kKibibyte && bytes % kKibibyte == 0) return fmt::format("{} KiB", bytes / kKibibyte);
  return fmt::format("{} B", bytes);
}

double number_of(const Row& row, const char* name) { return row.value(name, 0.0); }
std::string text_of(const Row& row, const char* name) { return row.value(name, std::string()); }
bool flag_of(const Row& row, const char* name) { return row.value(name, false); }

std::string placement_of(const Row& row) {
  return text_of(row, "placement") == "one_cpu" ? "one CPU" : "two CPUs";
}

std::string setting_of(const Row& row) {
  std::string name = placement_of(row);
  name += is_awake(row) ? ", awake" : ", asleep";
  if (flag_of(row, "quick_wake")) name += ", quick wake-ups";
  return name;
}

std::string label_of(const Row& row) {
  std::string name = text_of(row, "transport");
  if (name == "ringbell") name += fmt::format(" {}", text_of(row, "wait"));
  if (!row.value("spin_first", true)) name += " (no spinning)";
  if (flag_of(row, "loaned")) name += " (loaned)";
  if (row.contains("batch")) name += fmt::format(" (batch {})", row["batch"].get<int>());
  if (flag_of(row, "checksum")) name += " (checksum)";
  return name;
}

std::string load_text(const Row& row) {
  if (row.contains("load")) return fmt::format("{:.0f} %", 100 * number_of(row, "load"));
  return message_rate_text(number_of(row, "rate_intended_per_s"));
}

const Row* median_of(std::vector<const Row*> repeats, const char* metric) {
  std::sort(repeats.begin(), repeats.end(), [&](const Row* a, const Row* b) {
    return number_of(*a, metric) < number_of(*b, metric);
  });
  return repeats.empty() ? nullptr : repeats[repeats.size() / 2];
}

std::string aligned(const std::vector<Line>& lines, std::size_t columns) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (std::size_t first = 1; first < widths.size();) {
    std::size_t width = 2 + widths[0] + 2 + widths[first];
    std::size_t end = first + 1;  // one column, whether it fits or not
    for (; end < widths.size() && width + 2 + widths[end] <= columns; ++end) {
      width += 2 + widths[end];
    }
    if (!out.empty()) out += '\n';
    out += block(lines, widths, first, end);
    first = end;
  }
  return out;
}

}  // namespace ringbell::bench
