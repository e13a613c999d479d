#include "bench/compare/table.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/compare/row_text.hpp"

namespace ringbell::bench {
namespace {

using Form = std::function<std::string(const Row&)>;

// "130 / 180 ns", "990 ns / 1.20 us": the unit once if it is the same.
std::string duration_pair(double first_ns, double second_ns) {
  std::string first = duration_text(first_ns);
  const std::string second = duration_text(second_ns);
  const std::size_t unit = first.find(' ');
  if (first.substr(unit) == second.substr(second.find(' '))) first.erase(unit);
  return first + " / " + second;
}

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
  for (const std::size_t size : sizes) header.push_back(size_text(size));
  std::vector<Line> lines{header};
  for (const std::string& label : labels.keys()) {
    Line line{label};
    for (const std::size_t size : sizes) {
      const Row* const row = median_of(cells[{label, size}], metric);
      line.push_back(row == nullptr ? "-" : form(*row) + (flag_of(*row, "split") ? "*" : ""));
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
    if (text_of(*row, "bench") != bench) continue;
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

// Messages at a fixed rate: a line for each transport and size, a column for each load.
std::string open_loops(const std::vector<const Row*>& rows, std::size_t columns) {
  Ordered<std::string> loads;
  Ordered<std::string> labels;
  std::map<std::pair<std::string, std::string>, std::vector<const Row*>> cells;
  for (const Row* row : rows) {
    if (text_of(*row, "bench") != "open_loop") continue;
    const std::string label =
        fmt::format("{} {}, {}", text_of(*row, "transport"), text_of(*row, "wait"),
                    size_text(row->value("message_bytes", std::size_t{0})));
    labels.add(label);
    loads.add(load_text(*row));
    cells[{label, load_text(*row)}].push_back(row);
  }
  if (labels.keys().empty()) return {};
  std::vector<Line> lines{{""}};
  lines[0].insert(lines[0].end(), loads.keys().begin(), loads.keys().end());
  for (const std::string& label : labels.keys()) {
    Line line{label};
    for (const std::string& load : loads.keys()) {
      const Row* const row = median_of(cells[{label, load}], "p50_ns");
      line.push_back(row == nullptr
                         ? "-"
                         : duration_pair(number_of(*row, "p50_ns"), number_of(*row, "p99_ns")));
    }
    lines.push_back(line);
  }
  return fmt::format("Open loop at a share of the capacity, p50 / p99 from the intended time\n{}\n",
                     aligned(lines, columns));
}

std::string files(const std::vector<const Row*>& rows, std::size_t columns) {
  std::vector<Line> lines{{"", "copies/byte", "speed", "placement", "SHA-256"}};
  for (const Row* row : rows) {
    if (text_of(*row, "bench") != "file_copy") continue;
    std::string label = fmt::format("{} {}", text_of(*row, "transport"), text_of(*row, "wait"));
    if (flag_of(*row, "quick_wake")) label += " (quick wake-ups)";
    lines.push_back({label, fmt::format("{:.2f}", number_of(*row, "copies_per_byte")),
                     byte_rate_text(number_of(*row, "bytes_per_s")), placement_of(*row),
                     flag_of(*row, "sha256_match") ? "equal" : "DIFFERENT"});
  }
  return lines.size() == 1 ? std::string()
                           : fmt::format("File to file\n{}\n", aligned(lines, columns));
}

std::string floors_table(const std::vector<Row>& rows, std::size_t columns) {
  std::vector<Line> lines{{"", "carries", "p50", "speed", "placement"}};
  for (const Row& row : rows) {
    if (text_of(row, "bench") != "floor" || row.contains("error")) continue;
    const auto bytes = row.value("message_bytes", std::size_t{0});
    std::string label = text_of(row, "name");
    if (flag_of(row, "quick_wake")) label += " (quick wake-ups)";
    lines.push_back(
        {label, bytes == 0 ? "-" : size_text(bytes), duration_text(number_of(row, "p50_ns")),
         row.contains("bytes_per_s") ? byte_rate_text(number_of(row, "bytes_per_s")) : "-",
         placement_of(row)});
  }
  return lines.size() == 1
             ? std::string()
             : fmt::format("Floors: what this machine allows\n{}\n", aligned(lines, columns));
}

}  // namespace

std::string failures_table(const std::vector<Row>& rows) {
  Ordered<std::string> reasons;
  std::map<std::string, int> counts;
  for (const Row& row : rows) {
    if (!row.contains("error")) continue;
    const std::string who = text_of(row, row.contains("transport") ? "transport" : "name");
    const std::string reason = fmt::format("{}: {}", who, text_of(row, "error"));
    reasons.add(reason);
    ++counts[reason];
  }
  std::string out;
  for (const std::string& reason : reasons.keys()) {
    out += fmt::format("  {} ({} row{})\n", reason, counts[reason], counts[reason] == 1 ? "" : "s");
  }
  return out.empty() ? out : fmt::format("Not measured\n{}\n", out);
}

std::string split_note(const std::vector<Row>& rows) {
  const bool split =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return flag_of(row, "split"); });
  return split ? "  * larger than the transport's limit: split and put together again\n" : "";
}

std::string table_of(const std::vector<Row>& rows, std::size_t columns) {
  std::vector<const Row*> good;
  for (const Row& row : rows) {
    if (!row.contains("error")) good.push_back(&row);
  }
  const Form times = [](const Row& row) {
    return duration_pair(number_of(row, "p50_ns"), number_of(row, "p99_ns"));
  };
  const Form rates = [](const Row& row) {
    return row.value("message_bytes", 0) < 1024 || flag_of(row, "loaned")
               ? message_rate_text(number_of(row, "messages_per_s"))
               : byte_rate_text(number_of(row, "bytes_per_s"));
  };
  return by_setting(good, "round_trip", "Round trip, p50 / p99", "p50_ns", times, columns) +
         by_setting(good, "throughput", "One-way throughput", "messages_per_s", rates, columns) +
         open_loops(good, columns) + files(good, columns) + floors_table(rows, columns) +
         failures_table(rows) + split_note(rows);
}

}  // namespace ringbell::bench
