// The tables of single benchmarks: a line for each transport and size.
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/compare/chosen.hpp"
#include "bench/compare/row_text.hpp"
#include "bench/compare/table.hpp"

namespace ringbell::bench {
namespace {

using Rows = std::vector<const Row*>;

struct Columns {
  std::vector<std::string> names;
  const char* metric;  // by which of several repeats the median one is found
  std::function<Line(const Row& row, const std::vector<Row>& all)> cells;
};

// The rows of each setting, in the order of their first appearance.
std::vector<std::pair<std::string, Rows>> by_setting(const std::vector<Row>& rows,
                                                     const std::vector<std::string>& benches) {
  Ordered<std::string> settings;
  std::map<std::string, Rows> groups;
  for (const Row& row : rows) {
    const bool wanted =
        std::find(benches.begin(), benches.end(), text_of(row, "bench")) != benches.end();
    if (!wanted || row.contains("error")) continue;
    settings.add(setting_of(row));
    groups[setting_of(row)].push_back(&row);
  }
  std::vector<std::pair<std::string, Rows>> found;
  for (const std::string& setting : settings.keys()) found.emplace_back(setting, groups[setting]);
  return found;
}

std::string table(const Rows& rows, const std::vector<Row>& all, const Columns& columns,
                  std::size_t width) {
  using Key = std::pair<std::size_t, std::string>;
  Ordered<Key> keys;
  std::map<Key, Rows> repeats;
  for (const Row* row : rows) {
    const std::string bench = text_of(*row, "bench");
    std::string who = bench == "floor" ? text_of(*row, "name") + ", bare" : label_of(*row);
    if (bench == "open_loop") who += ", " + load_text(*row);
    const Key key{row->value("message_bytes", std::size_t{0}), std::move(who)};
    keys.add(key);
    repeats[key].push_back(row);
  }
  std::vector<Line> lines{{"", "size"}};
  lines[0].insert(lines[0].end(), columns.names.begin(), columns.names.end());
  for (const Key& key : keys.keys()) {
    const Row& row = *median_of(repeats[key], columns.metric);
    Line line{key.second, key.first == 0 ? "-" : size_text(key.first)};
    if (flag_of(row, "split")) line.back() += "*";
    const Line cells = columns.cells(row, all);
    line.insert(line.end(), cells.begin(), cells.end());
    lines.push_back(std::move(line));
  }
  return aligned(lines, width);
}

std::string tables(const std::vector<Row>& rows, const char* title,
                   const std::vector<std::string>& benches, const Columns& columns,
                   std::size_t width) {
  std::string out;
  for (const auto& [setting, group] : by_setting(rows, benches)) {
    out += fmt::format("{}: {}\n{}\n", title, setting, table(group, rows, columns, width));
  }
  for (const std::string& note : {failures_table(rows), split_note(rows)}) out += note;
  return out;
}

std::string time_cell(const Row& row, const char* field) {
  return row.contains(field) ? duration_text(number_of(row, field)) : "-";
}

Line percentiles(const Row& row) {
  Line cells;
  for (const char* const field : {"p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"}) {
    cells.push_back(time_cell(row, field));
  }
  return cells;
}

// The floor of this name, of the same setting, repeat and size; null if it was not measured.
const Row* floor_of(const Row& row, const std::vector<Row>& all, const char* name,
                    std::size_t message_bytes) {
  for (const Row& other : all) {
    if (text_of(other, "bench") == "floor" && text_of(other, "name") == name &&
        text_of(other, "placement") == text_of(row, "placement") &&
        flag_of(other, "quick_wake") == flag_of(row, "quick_wake") &&
        other.value("message_bytes", std::size_t{0}) == message_bytes &&
        other.value("repeat", 0) == row.value("repeat", 0) && !other.contains("error")) {
      return &other;
    }
  }
  return nullptr;
}

std::string times_text(double own, double floor) { return fmt::format("{:.2f}x", own / floor); }

// The floor, and how many times it the row takes.
Line floor_cells(const Row& row, const std::vector<Row>& all) {
  double floor_ns = number_of(row, "floor_p50_ns");
  if (row.contains("quick_wake")) {  // it sleeps
    const char* const name = text_of(row, "wait") == "eventfd" ? "eventfd" : "futex";
    const Row* const bare = floor_of(row, all, name, 0);
    if (bare != nullptr) floor_ns = number_of(*bare, "p50_ns");
  }
  if (floor_ns == 0) return {"-", "-"};
  return {duration_text(floor_ns), times_text(number_of(row, "p50_ns"), floor_ns)};
}

std::string verified_text(const Row& row) {
  const auto messages = number_of(row, "verified_messages");
  const double bytes = messages * number_of(row, "message_bytes");
  return fmt::format("{} ({})", count_text(messages), volume_text(bytes));
}

}  // namespace

std::string round_trip_table(const std::vector<Row>& rows, std::size_t columns) {
  const Columns shown{{"p50", "p90", "p99", "p99.9", "max", "floor", "p50/floor"},
                      "p50_ns",
                      [](const Row& row, const std::vector<Row>& all) {
                        Line cells = percentiles(row);
                        const Line floor = floor_cells(row, all);
                        cells.insert(cells.end(), floor.begin(), floor.end());
                        return cells;
                      }};
  return tables(rows, "Round trip", {"round_trip"}, shown, columns);
}

std::string throughput_table(const std::vector<Row>& rows, std::size_t columns) {
  const Columns shown{
      {"messages", "bytes", "verified", "memcpy", "of memcpy"},
      "messages_per_s",
      [](const Row& row, const std::vector<Row>& all) {
        const double own = number_of(row, "bytes_per_s");
        double floor = number_of(row, "floor_bytes_per_s");
        const auto size = row.value("message_bytes", std::size_t{0});
        const Row* const copied =
            row.contains("quick_wake") ? nullptr : floor_of(row, all, "memcpy", size);
        if (floor == 0 && copied != nullptr) floor = number_of(*copied, "bytes_per_s");
        return Line{message_rate_text(number_of(row, "messages_per_s")), byte_rate_text(own),
                    verified_text(row), floor == 0 ? "-" : byte_rate_text(floor),
                    floor == 0 ? "-" : times_text(own, floor)};
      }};
  return tables(rows, "One-way throughput", {"throughput"}, shown, columns);
}

std::string open_loop_table(const std::vector<Row>& rows, std::size_t columns) {
  const Columns shown{{"intended", "achieved", "p50", "p90", "p99", "p99.9", "max"},
                      "p50_ns",
                      [](const Row& row, const std::vector<Row>&) {
                        Line cells{message_rate_text(number_of(row, "rate_intended_per_s")),
                                   message_rate_text(number_of(row, "rate_achieved_per_s"))};
                        const Line times = percentiles(row);
                        cells.insert(cells.end(), times.begin(), times.end());
                        return cells;
                      }};
  return tables(rows, "Open loop, from when a message was due to when it came", {"open_loop"},
                shown, columns);
}

std::string wake_table(const std::vector<Row>& rows, std::size_t columns) {
  const Columns shown{{"a wake-up", "p50", "p90", "p99", "p99.9", "max"},
                      "p50_ns",
                      [](const Row& row, const std::vector<Row>&) {
                        Line cells{duration_text(number_of(row, "p50_ns") / 2)};
                        const Line times = percentiles(row);
                        cells.insert(cells.end(), times.begin(), times.end());
                        return cells;
                      }};
  return tables(rows, "Half a round trip is a wake-up", {"floor", "round_trip"}, shown, columns);
}

}  // namespace ringbell::bench
