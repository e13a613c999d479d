#include "bench/compare/summary.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/figure_text.hpp"

namespace ringbell::bench {
namespace {

using Rows = std::vector<const Row*>;
using Line = std::vector<std::string>;

// The value of a field, or 0, "" or false for a row without it.
double number_of(const Row& row, const char* field) { return row.value(field, 0.0); }
std::string text_of(const Row& row, const char* field) { return row.value(field, std::string()); }
bool flag_of(const Row& row, const char* field) { return row.value(field, false); }
std::size_t size_of(const Row& row) { return row.value("message_bytes", std::size_t{0}); }

bool is_of_many(const Row& row) { return text_of(row, "bench") == "scale"; }

bool is_awake(const Row& row) {
  const std::string wait = text_of(row, "wait");
  return wait == "spin" || wait == "polled";
}

// "one CPU, asleep, quick wake-ups": rows that compete.
std::string setting_of(const Row& row) {
  if (is_of_many(row)) return text_of(row, "kind");
  if (!row.contains("placement")) return "here";
  std::string name = text_of(row, "placement") == "one_cpu" ? "one CPU" : "two CPUs";
  if (row.contains("wait")) name += is_awake(row) ? ", awake" : ", asleep";
  if (flag_of(row, "quick_wake")) name += ", quick wake-ups";
  return name;
}

std::string label_of(const Row& row) {
  std::string name = text_of(row, row.contains("transport") ? "transport"
                                  : row.contains("name")    ? "name"
                                                            : "backing");
  if (is_of_many(row)) {
    return fmt::format("{:>4} {} {}", row.value("count", 0), name, text_of(row, "wait"));
  }
  if (name.starts_with("ringbell") && row.contains("wait")) name += " " + text_of(row, "wait");
  if (row.contains("backing")) name += ", huge pages: " + text_of(row, "huge_pages");
  if (!row.value("spin_first", true)) name += " (no spinning)";
  if (!row.value("within_quota", true)) name += " (whatever the quota)";
  if (flag_of(row, "loaned")) name += " (loaned)";
  if (row.contains("batch")) name += fmt::format(" (batch {})", row["batch"].get<int>());
  if (flag_of(row, "checksum")) name += " (checksum)";
  if (flag_of(row, "split")) name += " (split)";
  if (row.contains("load")) name += fmt::format(", {:.0f} %", 100 * number_of(row, "load"));
  if (!row.value("sha256_match", true)) name += ": DIFFERENT";
  return name;
}

std::string plain_text(double value) { return fmt::format("{:.4g}", value); }
std::string memory_text(double bytes) { return bytes_text(static_cast<std::uint64_t>(bytes)); }

struct Column {
  const char* name;
  const char* field;
  std::string (*text)(double);
};

constexpr std::array kColumns{
    Column{"intended", "rate_intended_per_s", message_rate_text},
    Column{"achieved", "rate_achieved_per_s", message_rate_text},
    Column{"a message", "ns_per_message", duration_text},
    Column{"p50", "p50_ns", duration_text},
    Column{"p99", "p99_ns", duration_text},
    Column{"p99.9", "p999_ns", duration_text},
    Column{"max", "max_ns", duration_text},
    Column{"stopped", "times_stopped", plain_text},
    Column{"line", "line_ns_before", duration_text},
    Column{"floor", "floor_p50_ns", duration_text},
    Column{"messages", "messages_per_s", message_rate_text},
    Column{"limit", "limit_per_s", message_rate_text},
    Column{"bytes", "bytes_per_s", byte_rate_text},
    Column{"memcpy", "floor_bytes_per_s", byte_rate_text},
    Column{"copies", "copies_per_byte", plain_text},
    Column{"first touch", "touch_ns", duration_text},
    Column{"second image", "again_ns", duration_text},
    Column{"faults", "page_faults", plain_text},
    Column{"come and go", "attaches_per_s", message_rate_text},
    Column{"memory of each", "memory_bytes", memory_text},
    Column{"descriptors", "descriptors", plain_text},
    Column{"idle CPU a second", "idle_cpu_ns_per_s", duration_text},
};

// By which rows are compared: a time, else a rate.
const char* metric_of(const Row& row) {
  constexpr std::array kMetrics{"p50_ns", "touch_ns", "messages_per_s", "bytes_per_s"};
  const auto* const found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                         [&](const char* field) { return row.contains(field); });
  return found != kMetrics.end() ? *found : kMetrics.front();
}

bool is_better(const Row& one, const Row& other) {
  const char* const metric = metric_of(one);
  const bool time = std::string_view(metric).ends_with("_ns");
  return time ? number_of(one, metric) < number_of(other, metric)
              : number_of(one, metric) > number_of(other, metric);
}

// Of repeats the one in the middle. REQUIRES: there are some.
const Row& median_of(Rows repeats) {
  std::sort(repeats.begin(), repeats.end(),
            [](const Row* a, const Row* b) { return is_better(*a, *b); });
  return *repeats[repeats.size() / 2];
}

// The first column left, the others right.
std::string aligned(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const Line& line : lines) {
    out += fmt::format("  {:<{}}", line[0], widths[0]);
    for (std::size_t i = 1; i < line.size(); ++i)
      out += fmt::format("  {:>{}}", line[i], widths[i]);
    out += '\n';
  }
  return out;
}

// Rows by a key, in the order in which each key first appeared.
template <class KeyOf>
auto grouped(const Rows& rows, KeyOf&& key_of) {
  std::vector<std::pair<decltype(key_of(*rows.front())), Rows>> groups;
  for (const Row* row : rows) {
    const auto key = key_of(*row);
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& one) { return one.first == key; });
    if (group == groups.end()) group = groups.insert(groups.end(), {key, {}});
    group->second.push_back(row);
  }
  return groups;
}

Rows measured(const std::vector<Row>& rows) {
  Rows good;
  for (const Row& row : rows) {
    if (text_of(row, "bench") != "meta" && !row.contains("error")) good.push_back(&row);
  }
  return good;
}

std::string table(const Rows& rows) {
  std::vector<Column> columns;
  std::copy_if(kColumns.begin(), kColumns.end(), std::back_inserter(columns),
               [&](const Column& column) {
                 return std::any_of(rows.begin(), rows.end(),
                                    [&](const Row* row) { return row->contains(column.field); });
               });
  std::vector<Line> lines{{"", "size"}};
  for (const Column& column : columns) lines[0].emplace_back(column.name);
  const auto key_of = [](const Row& row) {
    return std::pair(
        label_of(row) +
            (row.contains("load") ? "" : plain_text(number_of(row, "rate_intended_per_s"))),
        size_of(row));
  };
  for (const auto& [key, repeats] : grouped(rows, key_of)) {
    const Row& row = median_of(repeats);
    Line line{label_of(row), size_of(row) == 0 ? "-" : size_text(size_of(row))};
    for (const Column& column : columns) {
      if (!is_of_many(row) && row.contains(column.field)) {
        line.push_back(column.text(number_of(row, column.field)));
        continue;
      }
      std::vector<double> others;  // of many each figure has rows of its own
      for (const Row* one : repeats) {
        if (one->contains(column.field)) others.push_back(number_of(*one, column.field));
      }
      std::sort(others.begin(), others.end());
      line.push_back(others.empty() ? "-" : column.text(others[others.size() / 2]));
    }
    lines.push_back(std::move(line));
  }
  return aligned(lines);
}

std::string bench_text(const Row& row) {
  std::string name = text_of(row, "bench");
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string not_measured(const std::vector<Row>& rows) {
  std::map<std::string, int> reasons;
  for (const Row& row : rows) {
    if (row.contains("error")) ++reasons[label_of(row) + ": " + text_of(row, "error")];
  }
  std::string out;
  for (const auto& [reason, count] : reasons) {
    out += fmt::format("not measured: {} ({} row{})\n", reason, count, count == 1 ? "" : "s");
  }
  return out;
}

// "spin 230 ns", "pipe 1.90 us": the best, of each label's repeats the median; "-": none.
std::string best_of(const Rows& rows) {
  const Row* best = nullptr;
  for (const auto& [label, repeats] : grouped(rows, label_of)) {
    const Row& row = median_of(repeats);
    if (best == nullptr || is_better(row, *best)) best = &row;
  }
  if (best == nullptr) return "-";
  const auto* const column = std::find_if(kColumns.begin(), kColumns.end(), [&](const Column& one) {
    return std::string_view(one.field) == metric_of(*best);
  });
  std::string text = label_of(*best) + " " + column->text(number_of(*best, column->field));
  if (best->contains("copies_per_byte")) {
    text += fmt::format(", {:.2f} copies", number_of(*best, "copies_per_byte"));
  }
  return text;
}

// Copied, one by one, with the machine as it is: what all transports have.
bool is_plain(const Row& row) {
  return !flag_of(row, "loaned") && !row.contains("batch") && !flag_of(row, "checksum") &&
         !flag_of(row, "quick_wake") && row.value("spin_first", true) &&
         (!text_of(row, "transport").starts_with("ringbell_") || row.contains("file_bytes"));
}

}  // namespace

std::string table_of(const std::vector<Row>& rows) {
  const auto title_of = [](const Row& row) { return bench_text(row) + ": " + setting_of(row); };
  std::string out;
  for (const auto& [title, group] : grouped(measured(rows), title_of)) {
    out += fmt::format("{}\n{}\n", title, table(group));
  }
  return out + not_measured(rows);
}

std::string summary_of(const std::vector<Row>& rows) {
  constexpr std::size_t kUsualBytes = 56;
  constexpr std::size_t kLargeBytes = 65536;
  std::vector<Line> lines{{"", "ringbell", "best of the others"}};
  Rows plain = measured(rows);
  std::erase_if(plain, [](const Row* row) {
    return !row->contains("transport") || row->contains("load") || is_of_many(*row) ||
           !is_plain(*row);
  });
  const auto setting = [](const Row& row) { return bench_text(row) + ", " + setting_of(row); };
  auto settings = grouped(plain, setting);  // measured in an order that means nothing
  std::sort(settings.begin(), settings.end(),
            [](const auto& one, const auto& other) { return one.first < other.first; });
  for (const auto& [title, group] : settings) {
    auto sizes = grouped(group, size_of);
    const bool usual = std::any_of(sizes.begin(), sizes.end(),
                                   [](const auto& one) { return one.first == kUsualBytes; });
    for (const auto& [size, all] : sizes) {
      const bool told = usual ? size == kUsualBytes : size == sizes.front().first;
      const bool streamed = size == kLargeBytes && all.front()->contains("bytes_per_s");
      if (!told && !(streamed && is_awake(*all.front()))) continue;
      Rows own;
      Rows others;
      for (const Row* row : all) {
        (text_of(*row, "transport").starts_with("ringbell") ? own : others).push_back(row);
      }
      lines.push_back({size == 0 ? title : fmt::format("{}, {}", title, size_text(size)),
                       best_of(own), best_of(others)});
    }
  }
  return aligned(lines) + not_measured(rows);
}

}  // namespace ringbell::bench
