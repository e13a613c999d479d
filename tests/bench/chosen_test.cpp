#include "bench/compare/chosen.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/terminal.hpp"

namespace ringbell::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> waits_of(const Chosen& chosen, const std::string& transport) {
  std::vector<std::string> waits;
  for (const Point& point : chosen_points(chosen, Bench::round_trip, 0)) {
    if (point.transport == transport) waits.emplace_back(name_of(point.wait));
  }
  return waits;
}

TEST(Chosen, EachTransportWaitsAsAskedOrInItsNearestWay) {
  Chosen chosen;
  chosen.waits = {Wait::spin};
  EXPECT_THAT(waits_of(chosen, "pipe"), ElementsAre("polled"));
  chosen.waits = {Wait::blocking};
  EXPECT_THAT(waits_of(chosen, "ringbell"), ElementsAre("park"));
  EXPECT_THAT(waits_of(chosen, "ringbell_mpmc"), ElementsAre());
  chosen.waits = {Wait::park, Wait::eventfd, Wait::polled};
  EXPECT_THAT(waits_of(chosen, "ringbell"), ElementsAre("spin", "park", "eventfd"));
  EXPECT_THAT(waits_of(chosen, "pipe"), ElementsAre("polled", "blocking"));
}

TEST(Chosen, EverySizePlacementAndWakeUpIsMeasuredOnce) {
  Chosen chosen;
  chosen.sizes = {8, 100};
  chosen.placements = {Placement::two_cpus, Placement::one_cpu};
  chosen.quick_wakes = {false, true};
  chosen.waits = {Wait::spin, Wait::park};
  chosen.transports = {"ringbell"};
  std::set<std::string> labels;
  const std::vector<Point> points = chosen_points(chosen, Bench::throughput, 1);
  for (const Point& point : points) {
    EXPECT_EQ(point.repeat, 1);
    EXPECT_TRUE(labels.insert(point.labels().dump()).second) << point.title();
  }
  EXPECT_EQ(points.size(), 2U * 2U * (1U + 2U));  // spin, park, park with quick wake-ups
}

TEST(Chosen, OnlyRingbellIsKeptFromSpinningFirst) {
  Chosen chosen;
  chosen.waits = {Wait::park};
  chosen.spin_first = false;
  for (const Point& point : chosen_points(chosen, Bench::round_trip, 0)) {
    EXPECT_EQ(point.spin_first, point.transport != "ringbell") << point.title();
  }
}

TEST(Chosen, SamplesAreTheUsersOrThoseOfTheComparison) {
  Chosen chosen;
  chosen.transports = {"pipe"};
  EXPECT_EQ(chosen_points(chosen, Bench::round_trip, 0).front().samples, 100'000U);
  chosen.waits = {Wait::park};
  EXPECT_EQ(chosen_points(chosen, Bench::round_trip, 0).front().samples, 10'000U);
  chosen.samples = 123;
  EXPECT_EQ(chosen_points(chosen, Bench::round_trip, 0).front().samples, 123U);
}

Row trip(const char* transport, double p50_ns, int repeat) {
  return {{"bench", "round_trip"},  {"transport", transport}, {"wait", "blocking"},
          {"placement", "one_cpu"}, {"quick_wake", false},    {"message_bytes", 56},
          {"repeat", repeat},       {"p50_ns", p50_ns},       {"p90_ns", 2 * p50_ns},
          {"p99_ns", 3 * p50_ns},   {"p999_ns", 4 * p50_ns},  {"max_ns", 5 * p50_ns}};
}

TEST(ChosenTable, ShowsTheMedianRepeatWithItsFloor) {
  const Row floor{{"bench", "floor"},    {"name", "futex"}, {"placement", "one_cpu"},
                  {"quick_wake", false}, {"repeat", 1},     {"message_bytes", 0},
                  {"p50_ns", 50.0},      {"p99_ns", 70.0}};
  const std::string table = round_trip_table(
      {floor, trip("pipe", 300, 0), trip("pipe", 100, 1), trip("pipe", 90, 2)}, kUnlimitedColumns);
  EXPECT_THAT(table, HasSubstr("Round trip: one CPU, asleep"));
  EXPECT_THAT(table, HasSubstr("100 ns  200 ns  300 ns  400 ns  500 ns  50 ns      2.00x"));
}

TEST(ChosenTable, AWakeUpIsHalfARoundTrip) {
  EXPECT_THAT(wake_table({trip("pipe", 4000, 0)}, kUnlimitedColumns),
              HasSubstr("pipe  56 B    2.00 us  4.00 us"));
}

TEST(ChosenTable, SaysHowMuchWasVerified) {
  const Row row{{"bench", "throughput"},   {"transport", "pipe"},      {"wait", "polled"},
                {"placement", "two_cpus"}, {"message_bytes", 1000},    {"messages_per_s", 2e6},
                {"bytes_per_s", 2e9},      {"verified_messages", 3e6}, {"repeat", 0}};
  EXPECT_THAT(throughput_table({row}, kUnlimitedColumns), HasSubstr("3.00 M (3.00 GB)"));
}

TEST(ChosenTable, SaysWhatWasNotMeasuredAndWhy) {
  Row row = trip("pipe", 1, 0);
  row["error"] = "no such thing";
  EXPECT_THAT(round_trip_table({row}, kUnlimitedColumns), HasSubstr("pipe: no such thing (1 row)"));
}

}  // namespace
}  // namespace ringbell::bench
