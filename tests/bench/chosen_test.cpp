#include "bench/compare/chosen.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ringbell::bench {
namespace {

using ::testing::ElementsAre;

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

TEST(Chosen, SamplesStandInPlaceOfTheTime) {
  Chosen chosen;
  chosen.transports = {"pipe"};
  const Point timed = chosen_points(chosen, Bench::round_trip, 0).front();
  EXPECT_EQ(timed.duration, std::chrono::seconds(1));
  EXPECT_EQ(timed.samples, UINT64_MAX);
  chosen.samples = 123;
  const Point counted = chosen_points(chosen, Bench::round_trip, 0).front();
  EXPECT_EQ(counted.samples, 123U);
  EXPECT_GT(counted.duration, std::chrono::hours(1));
  EXPECT_LT(counted.seconds(), 1);
}

}  // namespace
}  // namespace ringbell::bench
