// Messages at a fixed rate: a pause must show in every message that was due meanwhile.
#include "bench/harness/open_loop.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/support/failure.hpp>
#include "bench/compare/series.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/transports/pipe.hpp"
#include "bench/transports/registry.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto kPause = 50ms;

// A transport of which one party stands still once, before its n-th message.
template <Transport T, Party who>
class Pausing {
 public:
  class End {
   public:
    End(typename T::End end, Party party) : end_(std::move(end)), pauses_(party == who) {}

    bool send(std::span<std::byte> message) {
      pause_in(who == Party::first);
      return end_.send(message);
    }
    std::size_t receive(std::span<std::byte> into) {
      const std::size_t came = end_.receive(into);
      pause_in(who == Party::second);
      return came;
    }
    const Error& error() const { return end_.error(); }

   private:
    void pause_in(bool here) {
      constexpr int kAt = 500;
      if (here && pauses_ && ++calls_ == kAt) std::this_thread::sleep_for(kPause);
    }

    typename T::End end_;
    bool pauses_;
    int calls_ = 0;
  };

  static Result<Pausing> open(const LinkOptions& options) {
    Result<T> link = T::open(options);
    if (!link) return tl::unexpected(link.error());
    return Pausing(std::move(*link));
  }
  Result<End> end(Party party) const {
    Result<typename T::End> end = link_.end(party);
    if (!end) return tl::unexpected(end.error());
    return End(std::move(*end), party);
  }
  void describe(Row& row) const { link_.describe(row); }

 private:
  explicit Pausing(T link) : link_(std::move(link)) {}

  T link_;
};

Point point_of(Bench bench) {
  Point point;
  point.bench = bench;
  point.wait = Wait::blocking;
  point.placement = choose_cpus()[1] < 0 ? Placement::one_cpu : Placement::two_cpus;
  point.message_bytes =
      4096;  // 16 of them fill a pipe, so a pause of the receiver stops the sender
  point.samples = 1000;
  point.duration = bench == Bench::round_trip ? 60'000ms : 200ms;
  point.rate_per_s = 5000;
  return point;
}

// Of all samples those that took so long or longer.
double share_from(const Row& row, double ns) {
  double all = 0;
  double late = 0;
  for (const Row& bucket : row["buckets"]) {
    all += bucket[1].get<double>();
    if (bucket[0].get<double>() >= ns) late += bucket[1].get<double>();
  }
  return late / all;
}

// Of 1,000 messages 250 are due within the pause: the last 100 of these and more come late, by
// 30 ms and more.
template <Transport T>
void expect_that_the_pause_shows(std::size_t message_bytes = 4096) {
  Point point = point_of(Bench::open_loop);
  point.message_bytes = message_bytes;
  Row row;
  const Result<void> measured = OpenLoop<T>::measure(point, choose_cpus(), row);
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_NEAR(row["samples"].get<double>(), 1000, 2);
  EXPECT_GE(share_from(row, 25e6), 0.1) << row;
  EXPECT_GE(share_from(row, 40e6), 0.01) << row;
  EXPECT_GE(row["max_ns"].get<double>(), 45e6) << row;
  EXPECT_EQ(row["verified"], true);
}

TEST(OpenLoop, APauseOfTheReceiverShowsInEveryMessageThatWasDueMeanwhile) {
  expect_that_the_pause_shows<Pausing<Pipe, Party::second>>();
}

TEST(OpenLoop, APauseOfTheSenderShowsInEveryMessageThatWasDueMeanwhile) {
  expect_that_the_pause_shows<Pausing<Pipe, Party::first>>();
}

TEST(OpenLoop, APauseShowsThroughARingToo) {
  expect_that_the_pause_shows<Pausing<Ringbell, Party::first>>(56);
}

// What the open loop is there for: the round trip meets the same pause once, in 1,000 samples.
TEST(OpenLoop, ARoundTripHidesThePause) {
  Row row;
  using T = Pausing<Pipe, Party::second>;
  const Result<void> measured =
      RoundTrip<T>::measure(point_of(Bench::round_trip), choose_cpus(), row);
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_GE(row["max_ns"].get<double>(), 45e6) << row;
  EXPECT_LT(share_from(row, 25e6), 0.1) << row;
}

TEST(OpenLoop, TheScheduleDoesNotSlip) {
  const Schedule schedule(1'000'000, 3000);
  EXPECT_EQ(schedule.due_ns(0), 1'000'000U);
  EXPECT_EQ(schedule.due_ns(3000), 1'001'000'000U);
  EXPECT_NEAR(static_cast<double>(schedule.due_ns(3'000'000'000)), 1e6 + 1e15, 2);
  EXPECT_LT(schedule.due_ns(1), schedule.due_ns(2));
}

TEST(OpenLoop, TheRateIsTheOneThatWasAskedFor) {
  Point point = point_of(Bench::open_loop);
  point.message_bytes = 56;
  Row row;
  ASSERT_TRUE(OpenLoop<Pipe>::measure(point, choose_cpus(), row));
  EXPECT_NEAR(row["samples"].get<double>(), 1000, 2);
  EXPECT_LT(row["rate_achieved_per_s"].get<double>(), 5050);
}

TEST(OpenLoop, ARateThatNothingCarriesIsAnErrorAndNoFigure) {
  Point point = point_of(Bench::open_loop);
  point.rate_per_s = 1e9;
  point.duration = 20ms;
  Row row;
  const Result<void> measured = OpenLoop<Pipe>::measure(point, choose_cpus(), row);
  ASSERT_FALSE(measured);
  EXPECT_EQ(code_of(measured), ErrorCode::timed_out);
  EXPECT_THAT(message_of(measured), HasSubstr("more than go through"));
  EXPECT_FALSE(row.contains("p50_ns"));
}

TEST(OpenLoop, AMessageWithoutRoomForItsStampIsRefused) {
  for (const std::size_t bytes : {8U, 23U}) {
    Point point = point_of(Bench::open_loop);
    point.message_bytes = bytes;
    Row row;
    const Result<void> measured = OpenLoop<Ringbell>::measure(point, choose_cpus(), row);
    ASSERT_FALSE(measured);
    EXPECT_EQ(code_of(measured), ErrorCode::invalid_argument);
  }
}

// The second message has another's time in it.
class Lying {
 public:
  class End {
   public:
    explicit End(StreamEnd end) : end_(std::move(end)) {}
    bool send(std::span<std::byte> message) {
      if (++sent_ == 2) message[8] ^= std::byte{1};
      return end_.send(message);
    }
    std::size_t receive(std::span<std::byte> into) { return end_.receive(into); }
    const Error& error() const { return end_.error(); }

   private:
    StreamEnd end_;
    int sent_ = 0;
  };

  static Result<Lying> open(const LinkOptions& options) {
    Result<Pipe> link = Pipe::open(options);
    if (!link) return tl::unexpected(link.error());
    return Lying(std::move(*link));
  }
  Result<End> end(Party party) const { return End(*link_.end(party)); }
  void describe(Row& /*row*/) const {}

 private:
  explicit Lying(Pipe link) : link_(std::move(link)) {}

  Pipe link_;
};

TEST(OpenLoop, AMessageWhoseTimeWasChangedIsCorrupt) {
  Row row;
  const Result<void> measured =
      OpenLoop<Lying>::measure(point_of(Bench::open_loop), choose_cpus(), row);
  ASSERT_FALSE(measured);
  EXPECT_EQ(code_of(measured), ErrorCode::corrupt);
}

TEST(Series, HasARowForEachLoadOfTheCapacityAndForEachRate) {
  Series series;
  series.like = point_of(Bench::open_loop);
  series.like.transport = "pipe";
  series.like.duration = 20ms;
  series.loads = {0.1, 0.5};
  series.rates_per_s = {2000};
  RowSink sink;
  Result<void> verified;
  ASSERT_TRUE(run_series({series}, choose_cpus(), sink, verified));
  ASSERT_TRUE(verified);
  ASSERT_EQ(sink.rows().size(), 3U);
  for (const Row& row : sink.rows()) {
    ASSERT_FALSE(row.contains("error")) << row;
    const double capacity = row["capacity_per_s"];
    EXPECT_GT(capacity, 0);
    EXPECT_DOUBLE_EQ(row["rate_intended_per_s"],
                     row.contains("load") ? row["load"].get<double>() * capacity : 2000);
  }
  EXPECT_FALSE(sink.rows().back().contains("load"));
}

TEST(Series, FullHasEveryTransportButTheRingsAwakeAndAsleep) {
  std::size_t transports_measured = 0;
  for (const TransportEntry& one : transports()) {
    const bool like_a_pipe = one.name == "pipe_1m" || one.smallest_bytes > 56;
    transports_measured += one.family != Family::ring && !like_a_pipe ? 1 : 0;
  }
  std::vector<Series> by_load =
      planned_series({.mode = Mode::full, .sizes = {}, .transports = {}}, 0);
  std::vector<Series> by_rate;
  std::erase_if(by_load, [&](const Series& series) {
    if (series.loads.empty()) by_rate.push_back(series);
    return series.loads.empty();
  });
  EXPECT_EQ(by_load.size(), 2 * transports_measured);
  EXPECT_LT(estimated_seconds(by_load), 45);
  for (const Series& series : by_rate) {
    EXPECT_THAT(series.rates_per_s, testing::ElementsAre(10e3, 100e3, 1e6));
    EXPECT_EQ(series.like.duration, 5s);
  }
  EXPECT_LT(
      estimated_seconds(planned_series({.mode = Mode::quick, .sizes = {}, .transports = {}}, 0)),
      3);
}

TEST(Series, LeavesOutSizesWithoutRoomForAStamp) {
  EXPECT_TRUE(planned_series({.mode = Mode::full, .sizes = {8}, .transports = {}}, 0).empty());
}

}  // namespace
}  // namespace ringbell::bench
