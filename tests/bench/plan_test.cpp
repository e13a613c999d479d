#include "bench/compare/plan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "bench/compare/run.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

Options options_of(Mode mode) {
  Options options;
  options.plan.mode = mode;
  options.cpus = {0, 1};
  return options;
}

// As the program that has every other library.
void add_all_peers() {
  static constexpr auto kPeers = [] {
    std::array<TransportEntry, kKnownPeers.size()> peers{};
    for (std::size_t i = 0; i < peers.size(); ++i) {
      peers[i].name = kKnownPeers[i].name;
      peers[i].family = Family::peer;
      // Called by none of these tests.
      peers[i].throughput = [](const Point&, const CpuPair&, Row&) { return Result<void>{}; };
      peers[i].loans = true;
    }
    return peers;
  }();
  add_transports(kPeers);
}

TEST(Plan, EachModeFitsItsTime) {
  EXPECT_LE(planned_seconds(options_of(Mode::quick)), 90);
  EXPECT_LE(planned_seconds(options_of(Mode::plain)), 5 * 60);
  const auto full_with_peers = [] {
    add_all_peers();
    return planned_seconds(options_of(Mode::full));
  };
  // In a process of its own: what was added stays.
  EXPECT_EXIT(::_exit(full_with_peers() <= 45 * 60 ? 0 : 1), testing::ExitedWithCode(0), "");
  for (const Mode mode : {Mode::quick, Mode::plain, Mode::full}) {
    RecordProperty(name_of(mode), static_cast<int>(planned_seconds(options_of(mode))));
  }
}

TEST(Plan, RingbellBesideThePipeIsThereWithinTenSeconds) {
  for (const Mode mode : {Mode::quick, Mode::plain, Mode::full}) {
    const std::vector<Point> points = plan({.mode = mode, .sizes = {}, .transports = {}}, 0);
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(first_points(points));
    std::set<std::string> transports;
    for (auto point = points.begin(); point != first; ++point) {
      EXPECT_EQ(point->message_bytes, 56U);
      EXPECT_FALSE(sleeps(point->wait));
      transports.insert(point->transport);
    }
    EXPECT_EQ(transports, (std::set<std::string>{"ringbell", "pipe"}));
    EXPECT_LE(estimated_seconds({points.begin(), first}), 10);
  }
}

TEST(Plan, TheRepeatsOfEveryPointHaveASecondTogether) {
  for (const Mode mode : {Mode::plain, Mode::full}) {
    for (const Point& point : plan({.mode = mode, .sizes = {}, .transports = {}}, 0)) {
      EXPECT_GE(point.duration * repeats_of(mode), std::chrono::seconds(1)) << point.title();
    }
  }
}

TEST(Plan, FullHasEverySizeOfEveryWaitInBothPlacements) {
  std::set<std::tuple<Bench, std::string, Wait, Placement, bool, std::size_t>> seen;
  for (const Point& point : plan({.mode = Mode::full, .sizes = {}, .transports = {}}, 0)) {
    seen.insert({point.bench, point.transport, point.wait, point.placement, point.quick_wake,
                 point.message_bytes});
  }
  // Of a kernel's transport: polled and blocking, on two CPUs also with quick wake-ups; of the
  // channel: spin, park and eventfd, on two CPUs also with; of a bare ring: spin, on two CPUs.
  std::size_t due = 0;
  for (const TransportEntry& transport : transports()) {
    const std::size_t benches = transport.throughput == nullptr ? 1 : 2;
    const std::size_t settings = transport.family == Family::ringbell ? 6 + 2
                                 : transport.family == Family::ring   ? 1
                                                                      : 4 + 1;
    const auto sizes =
        std::count_if(kMessageSizes.begin(), kMessageSizes.end(),
                      [&](std::size_t size) { return size >= transport.smallest_bytes; });
    due += benches * settings * static_cast<std::size_t>(sizes);
  }
  EXPECT_EQ(seen.size(), due);
}

TEST(Plan, NoPointStandsTwice) {
  for (const Mode mode : {Mode::quick, Mode::plain, Mode::full}) {
    std::set<std::string> titles;
    for (const Point& point : plan({.mode = mode, .sizes = {}, .transports = {}}, 0)) {
      EXPECT_TRUE(titles.insert(point.labels().dump()).second) << point.title();
    }
  }
}

std::vector<std::string> titles_of(const PlanOptions& options, int repeat) {
  std::vector<std::string> titles;
  for (const Point& point : plan(options, repeat)) titles.push_back(point.title());
  return titles;
}

TEST(Plan, EachRepeatHasAnOrderOfItsOwnWhichTheSeedGives) {
  const PlanOptions options{.mode = Mode::full, .sizes = {}, .transports = {}, .seed = 7};
  std::vector<std::string> first = titles_of(options, 0);
  std::vector<std::string> second = titles_of(options, 1);
  EXPECT_EQ(first, titles_of(options, 0));
  EXPECT_NE(first, second);
  EXPECT_NE(first, titles_of({.mode = Mode::full, .sizes = {}, .transports = {}, .seed = 8}, 0));
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
}

TEST(Plan, CompetitorsAndVariantsStandBesideEachOther) {
  const std::vector<Point> points =
      plan({.mode = Mode::full, .sizes = {}, .transports = {}, .seed = 7}, 0);
  const auto row_of = [](const Point& point) {
    return std::tuple(point.bench, point.placement, sleeps(point.wait), point.quick_wake,
                      point.message_bytes);
  };
  const auto point_of = [&](const Point& point) {
    return std::tuple(row_of(point), point.transport, point.wait);
  };
  std::set<decltype(row_of(points[0]))> rows;
  std::set<decltype(point_of(points[0]))> plain;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i == 0 || row_of(points[i - 1]) != row_of(points[i])) {
      EXPECT_TRUE(rows.insert(row_of(points[i])).second) << points[i].title();
    }
    if (i == 0 || point_of(points[i - 1]) != point_of(points[i])) {
      EXPECT_TRUE(plain.insert(point_of(points[i])).second) << points[i].title();
    }
  }
}

TEST(Plan, TheUsersSizesAndTransportsStandForTheModes) {
  const auto points = plan({.mode = Mode::quick, .sizes = {256}, .transports = {"tcp"}}, 0);
  ASSERT_FALSE(points.empty());
  EXPECT_TRUE(std::all_of(points.begin(), points.end(), [](const Point& point) {
    return point.message_bytes == 256 && point.transport == "tcp";
  }));
}

TEST(Plan, PeersAreMissingOrMeasuredWhenAskedForOrNamed) {
  const TransportEntry peer{.name = "nng",
                            .family = Family::peer,
                            .round_trip = nullptr,
                            .throughput = nullptr,
                            .open_loop = nullptr,
                            .loans = true};
  EXPECT_EQ(missing_peers().size(), kKnownPeers.size());
  add_transports({&peer, 1});
  EXPECT_EQ(missing_peers().size(), kKnownPeers.size() - 1);
  const std::string said = how_to_get(missing_peers());
  EXPECT_NE(said.find("without zeromq, boost_queue, iceoryx;"), std::string::npos) << said;
  EXPECT_NE(said.find("install libzmq3-dev libboost-dev lib"), std::string::npos) << said;
  const auto loaned_of = [](const PlanOptions& options) {
    int copied = 0;
    int loaned = 0;
    for (const Point& point : plan(options, 0)) {
      if (point.transport == "nng") ++(point.loaned ? loaned : copied);
    }
    return std::pair(copied, loaned);
  };
  using Counts = std::pair<int, int>;
  EXPECT_EQ(loaned_of({.mode = Mode::plain, .sizes = {}, .transports = {}}), Counts(0, 0));
  // 56, 4096 and 65536 bytes: polled on two CPUs, blocking on one and on two.
  const Counts headlines(3 * 3, 3 * 3);
  EXPECT_EQ(loaned_of({.mode = Mode::full, .sizes = {}, .transports = {}}), headlines);
  EXPECT_EQ(loaned_of({.mode = Mode::plain, .sizes = {}, .transports = {}, .peers = true}),
            headlines);
  // Polled and blocking, on one CPU and on two, on two blocking also with quick wake-ups.
  EXPECT_EQ(loaned_of({.mode = Mode::quick, .sizes = {56}, .transports = {"nng"}}), Counts(5, 5));
  EXPECT_EQ(loaned_of({.mode = Mode::full, .sizes = {}, .transports = {"pipe"}, .peers = true}),
            Counts(0, 0));
}

}  // namespace
}  // namespace ringbell::bench
