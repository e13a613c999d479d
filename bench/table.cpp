#include "bench/table.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace ringbell::bench {
namespace {

using Line = std::vector<std::string>;
using Form = std::function<std::string(const Row&)>;

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

std::string duration(double ns) {
  if (ns < 999.5) return fmt::format("{:.0f} ns", ns);
  return scaled(ns / 1000, 1000, {"us", "ms", "s"});
}
// "130 / 180 ns", "990 ns / 1.20 us": the unit once if it is the same.
std::string duration_pair(double first_ns, double second_ns) {
  std::string first = duration(first_ns);
  const std::string second = duration(second_ns);
  const std::size_t unit = first.find(' ');
  if (first.substr(unit) == second.substr(second.find(' '))) first.erase(unit);
  return first + " / " + second;
}
std::string message_rate(double per_s) { return scaled(per_s, 1000, {"/s", "k/s", "M/s", "G/s"}); }
std::string byte_rate(double per_s) {
  return scaled(per_s, 1000, {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"});
}
std::string size_name(std::size_t bytes) {
  constexpr std::size_t kKibibyte = 1024;
  constexpr std::size_t kMebibyte = kKibibyte * kKibibyte;
  if (bytes >= kMebibyte && bytes % kMebibyte == 0) return fmt::format("{} MiB", bytes / kMebibyte);
  if (bytes >= kKibibyte && bytes % kKibibyte == 0) return fmt::format("{} KiB", bytes / kKibibyte);
  return fmt::format("{} B", bytes);
}

double number(const Row& row, const char* name) { return row.value(name, 0.0); }
std::string text(const Row& row, const char* name) { return row.value(name, std::string()); }
bool flag(const Row& row, const char* name) { return row.value(name, false); }

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

// The first column left, the others right; in several blocks if they do not fit beside each other.
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

bool is_awake(const Row& row) {
  const std::string wait = text(row, "wait");
  return wait == "spin" || wait == "polled";
}

// "one CPU, asleep, quick wake-ups": rows that compete.
std::string setting_of(const Row& row) {
  std::string name = text(row, "placement") == "one_cpu" ? "one CPU" : "two CPUs";
  name += is_awake(row) ? ", awake" : ", asleep";
  if (flag(row, "quick_wake")) name += ", quick wake-ups";
  return name;
}

// The first column: who, and what stands apart.
std::string label_of(const Row& row) {
  std::string name = text(row, "transport");
  if (name == "ringbell") name += fmt::format(" {}", text(row, "wait"));
  if (!row.value("spin_first", true)) name += " (no spinning)";
  if (flag(row, "loaned")) name += " (loaned)";
  if (row.contains("batch")) name += fmt::format(" (batch {})", row["batch"].get<int>());
  if (flag(row, "checksum")) name += " (checksum)";
  return name;
}

// Of repeats the median one; each cell may have another.
const Row* median(std::vector<const Row*> repeats, const char* metric) {
  std::sort(repeats.begin(), repeats.end(),
            [&](const Row* a, const Row* b) { return number(*a, metric) < number(*b, metric); });
  return repeats.empty() ? nullptr : repeats[repeats.size() / 2];
}

// Keeps the order of first appearance.
template <class Key>
class Ordered {
 public:
  void add(const Key& key) {
    if (std::find(keys_.begin(), keys_.end(), key) == keys_.end()) keys_.push_back(key);
  }
  [[nodiscard]] const std::vector<Key>& keys() const noexcept { return keys_; }

 private:
  std::vector<Key> keys_;
};

// One table: a line for each transport, a column for each size.
std::string by_size(const std::vector<const Row*>& rows, std::string_view title, const char* metric,
                    const Form& form, std::size_t columns) {
  std::set<std::size_t> sizes;
  Ordered<std::string> labels;
  std::map<std::pair<std::string, std::size_t>, std::vector<const Row*>> cells;
  for (const Row* row : rows) {
    const auto size = row->value("message_bytes", std::size_t{0});
    sizes.insert(size);
    labels.add(label_of(*row));
    cells[{label_of(*row), size}].push_back(row);
  }
  Line header{std::string(title)};
  for (const std::size_t size : sizes) header.push_back(size_name(size));
  std::vector<Line> lines{header};
  for (const std::string& label : labels.keys()) {
    Line line{label};
    for (const std::size_t size : sizes) {
      const Row* const row = median(cells[{label, size}], metric);
      line.push_back(row == nullptr ? "-" : form(*row) + (flag(*row, "split") ? "*" : ""));
    }
    lines.push_back(line);
  }
  return aligned(lines, columns);
}

std::string by_setting(const std::vector<const Row*>& rows, const char* bench, const char* what,
                       const char* metric, const Form& form, std::size_t columns) {
  Ordered<std::string> settings;
  std::map<std::string, std::vector<const Row*>> groups;
  for (const Row* row : rows) {
    if (text(*row, "bench") != bench) continue;
    settings.add(setting_of(*row));
    groups[setting_of(*row)].push_back(row);
  }
  std::string out;
  for (const std::string& setting : settings.keys()) {
    out += fmt::format("{}: {}\n{}\n", what, setting,
                       by_size(groups[setting], "", metric, form, columns));
  }
  return out;
}

std::string files(const std::vector<const Row*>& rows, std::size_t columns) {
  std::vector<Line> lines{{"", "copies/byte", "speed", "placement", "SHA-256"}};
  for (const Row* row : rows) {
    if (text(*row, "bench") != "file_copy") continue;
    std::string label = fmt::format("{} {}", text(*row, "transport"), text(*row, "wait"));
    if (flag(*row, "quick_wake")) label += " (quick wake-ups)";
    lines.push_back({label, fmt::format("{:.2f}", number(*row, "copies_per_byte")),
                     byte_rate(number(*row, "bytes_per_s")),
                     text(*row, "placement") == "one_cpu" ? "one CPU" : "two CPUs",
                     flag(*row, "sha256_match") ? "equal" : "DIFFERENT"});
  }
  return lines.size() == 1 ? std::string()
                           : fmt::format("File to file\n{}\n", aligned(lines, columns));
}

std::string floors(const std::vector<const Row*>& rows, std::size_t columns) {
  std::vector<Line> lines{{"", "carries", "p50", "speed", "placement"}};
  for (const Row* row : rows) {
    if (text(*row, "bench") != "floor") continue;
    const auto bytes = row->value("message_bytes", std::size_t{0});
    std::string label = text(*row, "name");
    if (flag(*row, "quick_wake")) label += " (quick wake-ups)";
    lines.push_back({label, bytes == 0 ? "-" : size_name(bytes), duration(number(*row, "p50_ns")),
                     row->contains("bytes_per_s") ? byte_rate(number(*row, "bytes_per_s")) : "-",
                     text(*row, "placement") == "one_cpu" ? "one CPU" : "two CPUs"});
  }
  return lines.size() == 1
             ? std::string()
             : fmt::format("Floors: what this machine allows\n{}\n", aligned(lines, columns));
}

// Each reason once, with how many rows it cost.
std::string failures(const std::vector<Row>& rows) {
  Ordered<std::string> reasons;
  std::map<std::string, int> counts;
  for (const Row& row : rows) {
    if (!row.contains("error")) continue;
    const std::string who = text(row, row.contains("transport") ? "transport" : "name");
    const std::string reason = fmt::format("{}: {}", who, text(row, "error"));
    reasons.add(reason);
    ++counts[reason];
  }
  std::string out;
  for (const std::string& reason : reasons.keys()) {
    out += fmt::format("  {} ({} row{})\n", reason, counts[reason], counts[reason] == 1 ? "" : "s");
  }
  return out.empty() ? out : fmt::format("Not measured\n{}\n", out);
}

}  // namespace

std::string table_of(const std::vector<Row>& rows, std::size_t columns) {
  std::vector<const Row*> good;
  for (const Row& row : rows) {
    if (!row.contains("error")) good.push_back(&row);
  }
  const Form times = [](const Row& row) {
    return duration_pair(number(row, "p50_ns"), number(row, "p99_ns"));
  };
  const Form rates = [](const Row& row) {
    return row.value("message_bytes", 0) < 1024 || flag(row, "loaned")
               ? message_rate(number(row, "messages_per_s"))
               : byte_rate(number(row, "bytes_per_s"));
  };
  std::string out =
      by_setting(good, "round_trip", "Round trip, p50 / p99", "p50_ns", times, columns) +
      by_setting(good, "throughput", "One-way throughput", "messages_per_s", rates, columns) +
      files(good, columns) + floors(good, columns) + failures(rows);
  const bool split =
      std::any_of(good.begin(), good.end(), [](const Row* row) { return flag(*row, "split"); });
  if (split) out += "  * larger than the transport's limit: split and put together again\n";
  return out;
}

}  // namespace ringbell::bench
