// The tables that a person reads at a terminal.
#include "bench/compare/table.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/compare/plan.hpp"
#include "bench/harness/terminal.hpp"

namespace ringbell::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Row> rows_of_all_sizes() {
  std::vector<Row> rows;
  rows.reserve(kMessageSizes.size());
  for (const std::size_t size : kMessageSizes) {
    rows.push_back({{"bench", "round_trip"},
                    {"transport", "ringbell"},
                    {"wait", "spin"},
                    {"placement", "two_cpus"},
                    {"message_bytes", size},
                    {"p50_ns", 10.0 * static_cast<double>(size)},
                    {"p99_ns", 900.0 * static_cast<double>(size)}});
  }
  return rows;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream in(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(in, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(Table, HasOneLineForATransportWhereWidthDoesNotMatter) {
  const std::string table = table_of(rows_of_all_sizes(), kUnlimitedColumns);
  EXPECT_GT(longest_line(table), 80U);
  EXPECT_EQ(table.find("ringbell spin"), table.rfind("ringbell spin"));
}

TEST(Table, IsContinuedBelowWhereATerminalIsTooNarrow) {
  for (const std::size_t columns : {40U, 80U, 120U}) {
    const std::string table = table_of(rows_of_all_sizes(), columns);
    EXPECT_LE(longest_line(table), columns) << table;
    for (const char* size : {" 8 B", "56 B", "256 B", "1 KiB", "4 KiB", "64 KiB", "1 MiB"}) {
      EXPECT_THAT(table, HasSubstr(size));
    }
  }
}

TEST(Table, IsWholeHoweverNarrowTheTerminal) {
  EXPECT_THAT(table_of(rows_of_all_sizes(), 1), HasSubstr("1 MiB"));
}

TEST(Table, NamesAUnitOnceWhereBothFiguresHaveIt) {
  std::vector<Row> rows = rows_of_all_sizes();
  rows.resize(1);
  rows[0]["p99_ns"] = 180.0;
  EXPECT_THAT(table_of(rows, kUnlimitedColumns), HasSubstr("  80 / 180 ns"));
  rows[0]["p99_ns"] = 1180.0;
  EXPECT_THAT(table_of(rows, kUnlimitedColumns), HasSubstr("  80 ns / 1.18 us"));
}

TEST(Table, SaysThatACopyIsDifferent) {
  const std::vector<Row> rows{{{"bench", "file_copy"},
                               {"transport", "pipe"},
                               {"wait", "blocking"},
                               {"placement", "two_cpus"},
                               {"copies_per_byte", 4.0},
                               {"bytes_per_s", 1e9},
                               {"sha256_match", false}}};
  EXPECT_THAT(table_of(rows, kUnlimitedColumns), HasSubstr("DIFFERENT"));
}

TEST(Table, SaysWhatWasNotMeasuredAndWhyOnce) {
  std::vector<Row> rows = rows_of_all_sizes();
  for (Row& row : rows) row["error"] = "no such thing";
  const std::string table = table_of(rows, 80);
  EXPECT_THAT(table, HasSubstr("ringbell: no such thing (7 rows)"));
  EXPECT_THAT(table, Not(HasSubstr("Round trip")));
}

}  // namespace
}  // namespace ringbell::bench
