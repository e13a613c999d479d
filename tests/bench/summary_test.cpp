// What a person reads at a terminal.
#include "bench/compare/summary.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/figure_text.hpp"

namespace ringbell::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Row trip(const char* transport, double p50_ns, int repeat = 0) {
  const bool ours = std::string(transport) == "ringbell";
  return {{"bench", "round_trip"},   {"transport", transport}, {"wait", ours ? "spin" : "polled"},
          {"placement", "two_cpus"}, {"message_bytes", 56},    {"repeat", repeat},
          {"p50_ns", p50_ns},        {"p90_ns", 2 * p50_ns},   {"p99_ns", 3 * p50_ns},
          {"p999_ns", 4 * p50_ns},   {"max_ns", 5 * p50_ns}};
}

Row stream(const char* transport, std::size_t bytes, double messages_per_s) {
  Row row = trip(transport, 1);
  row["bench"] = "throughput";
  row["message_bytes"] = bytes;
  row["messages_per_s"] = messages_per_s;
  row["bytes_per_s"] = messages_per_s * static_cast<double>(bytes);
  for (const char* field : {"p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"}) row.erase(field);
  return row;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Table, ShowsTheMedianRepeat) {
  const std::string table =
      table_of({trip("pipe", 300, 0), trip("pipe", 100, 1), trip("pipe", 90, 2)});
  EXPECT_THAT(table, HasSubstr("round trip: two CPUs, awake\n"));
  EXPECT_THAT(table, HasSubstr("  pipe  56 B  100 ns  300 ns  400 ns  500 ns\n"));
}

TEST(Table, ShowsTheFloorBesideARow) {
  Row row = trip("ringbell", 200);
  row["floor_p50_ns"] = 130.0;
  EXPECT_THAT(table_of({row}),
              HasSubstr("  ringbell spin  56 B  200 ns  600 ns  800 ns  1.00 us  130 ns\n"));
}

TEST(Table, HasALineForEachCountOfManyWithAllItsFigures) {
  std::vector<Row> rows;
  for (const int repeat : {0, 1, 2}) {
    for (const int count : {1, 10}) {
      Row row{{"bench", "scale"}, {"kind", "channels"},      {"transport", "ringbell"},
              {"wait", "epoll"},  {"placement", "two_cpus"}, {"count", count},
              {"repeat", repeat}, {"message_bytes", 56}};
      Row wake = row;
      row["ns_per_message"] = 10.0 * count * (repeat + 1);
      wake["p50_ns"] = 1000.0 * count * (3 - repeat);
      rows.push_back(row);
      rows.push_back(wake);
    }
  }
  const std::string table = table_of(rows);
  EXPECT_THAT(table, HasSubstr("scale: channels\n"));
  EXPECT_THAT(table, HasSubstr("   1 ringbell epoll  56 B      20 ns  2.00 us\n"));
  EXPECT_THAT(table, HasSubstr("  10 ringbell epoll  56 B     200 ns  20.0 us\n"));
  EXPECT_THAT(summary_of(rows), Not(HasSubstr("scale")));
}

TEST(Table, HasALineForEachLoadOfAnOpenLoop) {
  Row row = trip("pipe", 500);
  row["bench"] = "open_loop";
  row["load"] = 0.5;
  row["rate_intended_per_s"] = 1000.0;
  row["rate_achieved_per_s"] = 999.0;
  const std::string table = table_of({row});
  EXPECT_THAT(table, HasSubstr("open loop: two CPUs, awake\n"));
  EXPECT_THAT(table, HasSubstr("  pipe, 50 %  56 B  1.00 k/s    999 /s  500 ns"));
}

TEST(Table, SaysThatACopyIsDifferent) {
  const Row row{{"bench", "file_copy"},    {"transport", "pipe"},    {"wait", "blocking"},
                {"placement", "two_cpus"}, {"copies_per_byte", 4.0}, {"bytes_per_s", 1e9},
                {"sha256_match", false}};
  EXPECT_THAT(table_of({row}), HasSubstr("pipe: DIFFERENT"));
}

TEST(Table, SaysWhatWasNotMeasuredAndWhyOnce) {
  std::vector<Row> rows{trip("pipe", 1), trip("pipe", 2), trip("tcp", 3)};
  rows[0]["error"] = "no such thing";
  rows[1]["error"] = "no such thing";
  for (const std::string& text : {table_of(rows), summary_of(rows)}) {
    EXPECT_THAT(text, HasSubstr("not measured: pipe: no such thing (2 rows)\n"));
    EXPECT_THAT(text, HasSubstr("tcp"));
  }
}

TEST(Summary, HasRingbellBesideTheBestOfTheOthers) {
  Row loaned = trip("ringbell", 50);
  loaned["loaned"] = true;
  const std::string text = summary_of({trip("ringbell", 200), loaned, trip("ringbell_call", 130),
                                       trip("pipe", 1900), trip("tcp", 6000)});
  EXPECT_THAT(text, HasSubstr("round trip, two CPUs, awake, 56 B"));
  EXPECT_THAT(text, HasSubstr("ringbell spin 200 ns"));
  EXPECT_THAT(text, HasSubstr("pipe 1.90 us\n"));
  EXPECT_THAT(text, Not(HasSubstr("tcp")));
}

TEST(Summary, HasOneSizeOfASettingAndALargeOneOfStreams) {
  std::vector<Row> rows;
  for (const std::size_t bytes : {8U, 56U, 4096U, 65536U}) {
    rows.push_back(stream("ringbell", bytes, 1e6));
    rows.push_back(stream("pipe", bytes, 1e5));
    rows.push_back(trip("ringbell", 100));
    rows.back()["message_bytes"] = bytes;
  }
  const std::string text = summary_of(rows);
  EXPECT_EQ(lines_of(text), 4U) << text;  // with the heading
  EXPECT_THAT(text, HasSubstr("throughput, two CPUs, awake, 56 B"));
  EXPECT_THAT(text, HasSubstr("throughput, two CPUs, awake, 64 KiB"));
}

TEST(FigureText, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(duration_text(129.6), "130 ns");
  EXPECT_EQ(duration_text(999.6), "1.00 us");
  EXPECT_EQ(duration_text(12'340), "12.3 us");
  EXPECT_EQ(message_rate_text(76'040'000), "76.0 M/s");
  EXPECT_EQ(byte_rate_text(2.31e9), "2.31 GB/s");
  EXPECT_EQ(size_text(1000), "1000 B");
  EXPECT_EQ(size_text(65536), "64 KiB");
}

}  // namespace
}  // namespace ringbell::bench
