// Pages that are given to a pipe: what comes is what was sent, although the sender writes on.
#include <chrono>
#include <cstddef>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/support/failure.hpp>

#include "bench/compare/plan.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

Point point_of(Bench bench, Wait wait, std::size_t message_bytes) {
  Point point{.bench = bench, .transport = "vmsplice", .wait = wait};
  point.placement = Placement::one_cpu;
  point.message_bytes = message_bytes;
  point.duration = std::chrono::milliseconds(20);
  return point;
}

TEST(Vmsplice, EveryByteThatComesIsOneThatWasSent) {
  for (const std::size_t bytes : {std::size_t{4096}, std::size_t{65536}, std::size_t{1} << 20U}) {
    for (const Wait wait : {Wait::polled, Wait::blocking}) {
      Row row;
      Point point = point_of(Bench::throughput, wait, bytes);
      point.checksum = true;
      const Result<void> measured = measure(point, choose_cpus(), row);
      ASSERT_TRUE(measured) << bytes << ": " << measured.error().message;
      EXPECT_EQ(row["verified"], true);
      EXPECT_GT(row["verified_messages"], 0) << row;
    }
  }
}

TEST(Vmsplice, LoanedMessagesComeInTheirOrderBothWays) {
  for (const Bench bench : {Bench::round_trip, Bench::throughput}) {
    Row row;
    Point point = point_of(bench, Wait::polled, 65536);
    point.loaned = true;
    const Result<void> measured = measure(point, choose_cpus(), row);
    ASSERT_TRUE(measured) << measured.error().message;
    EXPECT_GT(row[bench == Bench::round_trip ? "samples" : "verified_messages"], 0) << row;
  }
}

TEST(Vmsplice, AMessageThatIsNoWholePageIsRefused) {
  Row row;
  const Result<void> measured =
      measure(point_of(Bench::round_trip, Wait::polled, 56), choose_cpus(), row);
  EXPECT_EQ(code_of(measured), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(measured), testing::HasSubstr("whole pages"));
}

TEST(Vmsplice, IsComparedOverLongMessagesOnly) {
  for (const Mode mode : {Mode::quick, Mode::plain, Mode::full}) {
    int planned = 0;
    for (const Point& point : plan({.mode = mode, .sizes = {}, .transports = {}}, 0)) {
      if (point.transport != "vmsplice") continue;
      ++planned;
      EXPECT_GE(point.message_bytes, 65536U) << point.title();
    }
    EXPECT_GT(planned, 0);
  }
}

}  // namespace
}  // namespace ringbell::bench
