// FanIn with 1 to 1024 writers: whose turn it is, how long a lane waits at most, and what a look of
// the reader costs, counted in operations on shared memory.
#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/fan_in.hpp>

#include <tests/support/fan_in_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

using test::operations_of;
using Watched = FanIn<test::WatchedAtomics>;

constexpr std::uint32_t kBurst = 4;
constexpr FanInPace kPace{.burst = kBurst, .lanes = {.patience = 2, .kept_lanes = 0}};

// The lanes, a writer for each, and a reader that counts its operations.
class Crew {
 public:
  explicit Crew(std::uint32_t lanes, std::uint64_t capacity_bytes = 512)
      : storage_(lanes, capacity_bytes), sent_(lanes), read_(lanes), kept_(lanes) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane)
      writers_.emplace_back(storage_.memory(), lane);
  }

  [[nodiscard]] std::uint32_t lanes() const { return static_cast<std::uint32_t>(sent_.size()); }
  [[nodiscard]] Watched::Reader reader(FanInPace pace = kPace) {
    return {storage_.memory(), kept_, pace};
  }

  bool send(std::uint32_t lane) {
    const std::span<std::byte> room = writers_[lane].claim(16);
    if (room.empty()) return false;
    test::write_message(room, number_of(lane, sent_[lane]++));
    writers_[lane].commit();
    return true;
  }
  void fill(std::uint32_t lane) {
    while (send(lane)) {
    }
  }
  // Checks that the peeked record is the next one of its lane, and gives it back.
  void take(Watched::Reader& reader, std::span<const std::byte> record) {
    const std::uint32_t lane = reader.lane();
    ASSERT_LT(lane, lanes());
    ASSERT_TRUE(test::is_message(record, number_of(lane, read_[lane]++)));
    reader.release();
  }
  // All there is. Returns how much that was.
  std::uint64_t drain(Watched::Reader& reader) {
    std::uint64_t taken = 0;
    for (std::span<const std::byte> record; !(record = reader.peek()).empty(); ++taken) {
      take(reader, record);
    }
    return taken;
  }

 private:
  static constexpr std::uint64_t number_of(std::uint32_t lane, std::uint64_t count) {
    return std::uint64_t{lane} << 32U | count;
  }

  test::FanInStorage storage_;
  std::vector<FanIn<>::Writer> writers_;
  std::vector<std::uint64_t> sent_;
  std::vector<std::uint64_t> read_;
  std::vector<Watched::ReaderLane> kept_;
};

void fall_quiet(Watched::Reader& reader) {
  for (int i = 0; i < 2 * 8; ++i) ASSERT_TRUE(reader.peek().empty());
  ASSERT_EQ(reader.active_lanes(), 0U);
}

class FanInLanesTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FanInLanesTest, EveryWriterIsReadInItsOrder) {
  Crew crew(GetParam());
  Watched::Reader reader = crew.reader();
  for (int round = 0; round < 10; ++round) {
    std::uint64_t sent = 0;
    for (std::uint32_t lane = 0; lane < crew.lanes(); ++lane) {
      for (std::uint32_t i = 0; i < 1 + lane % 3; ++i, ++sent) ASSERT_TRUE(crew.send(lane));
    }
    ASSERT_EQ(crew.drain(reader), sent);
  }
}

TEST_P(FanInLanesTest, NoneOfTheActiveStarves) {
  Crew crew(GetParam());
  for (std::uint32_t lane = 0; lane < crew.lanes(); ++lane) crew.fill(lane);
  Watched::Reader reader = crew.reader();
  const std::uint64_t bound = std::uint64_t{crew.lanes() - 1} * kBurst;
  std::vector<std::uint64_t> last(crew.lanes(), 0);
  for (std::uint64_t taken = 1; taken < 5 * (bound + kBurst); ++taken) {
    const std::span<const std::byte> record = reader.peek();
    ASSERT_FALSE(record.empty());
    const std::uint32_t lane = reader.lane();
    ASSERT_LE(taken - last[lane] - 1, bound) << "lane " << lane << " waited too long";
    last[lane] = taken;
    ASSERT_NO_FATAL_FAILURE(crew.take(reader, record));
    crew.fill(lane);
  }
  for (const std::uint64_t when : last) EXPECT_GT(when, 0U);
}

TEST_P(FanInLanesTest, QuietLaneThatSignalsComesInItsTurnBesideBusyOnes) {
  const std::uint32_t lanes = GetParam();
  const std::uint32_t busy = std::min(lanes - 1, 3U);
  const std::uint64_t words = (lanes + 63) / 64;
  for (const std::uint32_t quiet : {lanes - 1, lanes / 2, lanes - lanes / 5}) {
    if (quiet < busy || quiet >= lanes) continue;
    Crew crew(lanes);
    Watched::Reader reader = crew.reader();
    ASSERT_NO_FATAL_FAILURE(fall_quiet(reader));
    for (std::uint32_t lane = 0; lane < busy; ++lane) crew.fill(lane);
    for (int taken = 0; taken < 1000; ++taken) {
      const std::span<const std::byte> record = reader.peek();
      if (record.empty()) break;  // there is no busy one
      const std::uint32_t from = reader.lane();
      ASSERT_NO_FATAL_FAILURE(crew.take(reader, record));
      crew.fill(from);
    }
    ASSERT_TRUE(crew.send(quiet));
    // The rest of a round, a round for each word of bits, and its turn in the last of them.
    const std::uint64_t bound = (1 + words + 1) * busy * kBurst;
    for (std::uint64_t others = 0;; ++others) {
      ASSERT_LE(others, bound);
      const std::span<const std::byte> record = reader.peek();
      ASSERT_FALSE(record.empty());
      const std::uint32_t from = reader.lane();
      ASSERT_NO_FATAL_FAILURE(crew.take(reader, record));
      if (from == quiet) break;
      crew.fill(from);
    }
  }
}

TEST_P(FanInLanesTest, LookInVainCostsTheActiveLanesAndAWordForEach64) {
  const std::uint32_t lanes = GetParam();
  const std::uint64_t words = (lanes + 63) / 64;
  for (const std::uint32_t active : {0U, 1U, 7U}) {
    if (active > lanes) continue;
    Crew crew(lanes);
    Watched::Reader reader =
        crew.reader({.burst = kBurst, .lanes = {.patience = 1000, .kept_lanes = 0}});
    for (std::uint32_t lane = 0; lane < active; ++lane) ASSERT_TRUE(crew.send(lane));
    (void)crew.drain(reader);
    ASSERT_EQ(reader.active_lanes(), active);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t operations = operations_of([&] { EXPECT_TRUE(reader.peek().empty()); });
      EXPECT_LE(operations, active + words + 1) << "and one lane of the sweep";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, FanInLanesTest,
                         testing::Values(1U, 2U, 63U, 64U, 65U, 1000U, kMaxLanes));

// What each record of one busy lane costs beside so many quiet ones, times so many records.
std::uint64_t cost_beside(std::uint32_t quiet) {
  constexpr int kRecords = 10'000;
  Crew crew(1 + quiet);
  Watched::Reader reader = crew.reader();
  fall_quiet(reader);
  return operations_of([&] {
    for (int i = 0; i < kRecords; ++i) {
      crew.fill(0);
      const std::span<const std::byte> record = reader.peek();
      ASSERT_FALSE(record.empty());
      crew.take(reader, record);
    }
  });
}

TEST(FanInCostTest, QuietLanesCostTheBusyOneTheSameHoweverManyThereAre) {
  const std::uint64_t few = cost_beside(62);
  EXPECT_LE(few, 3U * 10'000U);
  for (const std::uint32_t quiet : {63U, 64U, 500U, 1023U}) {
    EXPECT_LE(cost_beside(quiet), few + 100) << quiet;
  }
}

TEST(FanInCostTest, SignalIsOneLookUnlessTheLaneIsQuiet) {
  test::FanInStorage storage(2, 4096);
  Watched::Writer writer(storage.memory(), 1);
  const auto commit_one = [&] {
    test::write_message(writer.claim(16), 0);
    return operations_of([&] { writer.commit(); });
  };
  (void)commit_one();  // the first record finds no look ahead of one as long
  const std::uint64_t active = commit_one();
  storage.memory().lanes[1].quiet = 1;
  EXPECT_EQ(commit_one(), active + 2) << "looks at the bit, and sets it";
  EXPECT_EQ(commit_one(), active + 1) << "it is set";
}

}  // namespace
}  // namespace ringbell::core
