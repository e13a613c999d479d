// Many of everything: each way carries what was sent and leaves nothing; what came wrong is seen.
#include "bench/scale/scale.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/row_sink.hpp"
#include "bench/peers/peers.hpp"
#include "bench/scale/many.hpp"

namespace ringbell::bench {
namespace {

ScaleOptions short_run(std::vector<std::uint32_t> counts) {
  ScaleOptions options;
  options.cpus = choose_cpus();
  options.counts = std::move(counts);
  options.duration = std::chrono::milliseconds(5);
  options.samples = 20;
  return options;
}

TEST(Scale, EachWayHasItsFigureAtEachCount) {
  const ScaleOptions options = short_run({1, 9});
  if (options.cpus[1] < 0) GTEST_SKIP() << "needs two CPUs";
  RowSink sink;
  const Result<void> done = measure_scale(options, sink);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(sink.rows().size(), 2 * many_ways().size());
  for (const Row& row : sink.rows()) {
    const std::string error = row.value("error", "");
    if (error.find("io_uring") != std::string::npos) continue;  // forbidden here
    EXPECT_EQ(error, "") << row;
    const char* const figure = row.contains("ns_per_message")   ? "ns_per_message"
                               : row.contains("p50_ns")         ? "p50_ns"
                               : row.contains("attaches_per_s") ? "attaches_per_s"
                                                                : "idle_cpu_ns_per_s";
    ASSERT_TRUE(row.contains(figure)) << row;
    EXPECT_GE(row[figure], 0) << row;
    if (row.contains("attaches_per_s")) {
      EXPECT_GT(row["descriptors"], 0) << row;
      EXPECT_GT(row["memory_bytes"], 0) << row;
    }
    EXPECT_GE(row.value("samples", 20), 20) << row;
    if (row.contains("ns_per_message")) {
      EXPECT_GT(row["messages"], 0) << row;
      EXPECT_TRUE(row.contains("line_ns_before")) << row;
    }
  }
}

TEST(Scale, AThousandChannelsAreHadInEveryLoop) {
  ScaleOptions options = short_run({1000});
  if (options.cpus[1] < 0) GTEST_SKIP() << "needs two CPUs";
  options.transports = {"ringbell"};
  RowSink sink;
  ASSERT_TRUE(measure_scale(options, sink));
  std::set<std::string> loops;
  for (const Row& row : sink.rows()) {
    const std::string error = row.value("error", "");
    if (error.find("io_uring") != std::string::npos || error.find("ulimit") != std::string::npos)
      continue;
    EXPECT_EQ(error, "") << row;
    loops.insert(row["wait"]);
  }
  EXPECT_GE(loops.size(), 4U);
}

TEST(Scale, OnlyWhatWasChosenIsMeasuredAndNoMoreThanThereCanBe) {
  ScaleOptions options = short_run({2, 300});
  options.transports = {"ringbell_queue"};
  options.cpus[1] = -1;  // what needs two CPUs then has a row that says so
  RowSink sink;
  ASSERT_TRUE(measure_scale(options, sink));
  ASSERT_FALSE(sink.rows().empty());
  for (const Row& row : sink.rows()) {
    EXPECT_EQ(row["transport"], "ringbell_queue");
    EXPECT_EQ(row["count"], 2) << row;
    EXPECT_EQ(row.contains("error"), row["placement"] == "two_cpus") << row;
  }
}

TEST(Scale, OtherLibrariesHaveTheirFiguresForOneAndForMany) {
  const std::vector<ManyWay> ways = peers_of_many();
  if (ways.empty()) GTEST_SKIP() << "no such library was installed when this was built";
  const CpuPair cpus = choose_cpus();
  for (const ManyWay& way : ways) {
    if (way.two_cpus && cpus[1] < 0) continue;
    for (const std::uint32_t count : {1U, 64U}) {
      // Long enough that ends come and go more often than there may be of them at a time.
      const ManyPoint point{count, way.loop, cpus, std::chrono::milliseconds(50), 20};
      Row row{{"kind", way.kind}, {"transport", way.transport}, {"count", count}};
      const Result<void> done = way.measure(point, row);
      ASSERT_TRUE(done) << row << done.error().message;
    }
  }
}

TEST(Scale, TheNamesOfTheTransportsStandOnce) {
  EXPECT_EQ(many_transport_names(),
            "ringbell, ringbell_topic, ringbell_lossy_topic, ringbell_collector, ringbell_queue, "
            "pipe");
}

Letter letter(std::uint64_t source, std::uint64_t sequence) {
  return {.stamp = Stamp::of(sequence, 0), .source = source, .rest = {}};
}

TEST(Arrivals, WhatComesInItsTurnIsCountedAndTheEndIsSeen) {
  Arrivals arrivals(Shape::writers, 2, false);
  for (const auto& one : {letter(0, 0), letter(1, 0), letter(1, 1), letter(0, 1)}) {
    arrivals.see(0, one.bytes());
  }
  EXPECT_EQ(arrivals.count(), 4U);
  EXPECT_TRUE(arrivals.goes_on());
  arrivals.see(0, letter(0, kEndOfStream).bytes());
  EXPECT_TRUE(arrivals.over());
  EXPECT_TRUE(arrivals.verdict());
}

TEST(Arrivals, WhatIsMissedDoubledTornOrInAnothersWayIsNotTaken) {
  const auto spoilt_by = [](Shape shape, bool gaps, std::uint32_t way, const Letter& one,
                            std::size_t bytes = kLetterBytes) {
    Arrivals arrivals(shape, 2, gaps);
    arrivals.see(1, letter(1, 0).bytes());
    EXPECT_TRUE(arrivals.goes_on());
    arrivals.see(way, one.bytes().first(bytes));
    return !arrivals.verdict();
  };
  EXPECT_FALSE(spoilt_by(Shape::channels, false, 1, letter(1, 1)));
  EXPECT_TRUE(spoilt_by(Shape::channels, false, 1, letter(1, 2)));
  EXPECT_TRUE(spoilt_by(Shape::channels, false, 1, letter(1, 0)));
  EXPECT_TRUE(spoilt_by(Shape::channels, false, 0, letter(1, 1)));
  EXPECT_TRUE(spoilt_by(Shape::writers, false, 0, letter(2, 0)));
  EXPECT_TRUE(spoilt_by(Shape::channels, false, 1, letter(1, 1), 48));
  Letter torn = letter(1, 1);
  torn.stamp.check ^= 1U;
  EXPECT_TRUE(spoilt_by(Shape::channels, false, 1, torn));
  // A lossy topic: gaps are none, what comes twice is.
  EXPECT_FALSE(spoilt_by(Shape::subscribers, true, 1, letter(0, 7)));
  EXPECT_TRUE(spoilt_by(Shape::subscribers, true, 1, letter(0, 0)));
}

}  // namespace
}  // namespace ringbell::bench
