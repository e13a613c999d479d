// A FanIn of which a writer or the reader dies before any instruction of any call.
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/fan_in.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

using Ring = FanIn<>;

constexpr std::uint32_t kLanes = 3;
constexpr std::uint32_t kDying = 1;  // lane
constexpr std::uint64_t kCapacity = 1024;
constexpr std::uint32_t kBytes = 40;
constexpr FanInPace kPace{.burst = 2, .lanes = {.patience = 2, .kept_lanes = 1}};

const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

bool send(Ring::Writer& writer, std::uint64_t number) {
  const std::span<std::byte> room = writer.claim(kBytes);
  if (room.empty()) return false;
  messages().put(room, number);
  writer.commit();
  return true;
}

// Messages are numbered by lane. Each lane has been once around its ring.
class FanInVictim : public test::Victim {
 public:
  explicit FanInVictim(void (*operation)(FanInVictim&)) : operation_(operation) {
    for (int i = 0; i < 22; ++i) {
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        EXPECT_TRUE(send(writers[lane], sent[lane]++));
      }
      read_all(*reader);
    }
    // Until the reader polls none but one of the lanes.
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(reader->peek().empty());
    EXPECT_EQ(reader->active_lanes(), 1U);
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{32768};

 public:
  const FanInMemory memory{.control = pages_.take<ReadyControl>(),
                           .lanes = pages_.take<FanInLaneControl>(kLanes),
                           .data = pages_.take<std::byte>(kLanes * 2 * kCapacity),
                           .lane_stride_bytes = 2 * kCapacity,
                           .capacity_bytes = kCapacity,
                           .record_alignment = 8,
                           .lane_count = kLanes};
  // Of the writer: committed; of the reader: given back, lane by lane.
  const std::span<test::Progress> progress{pages_.take<test::Progress>(kLanes), kLanes};
  std::array<Ring::Writer, kLanes> writers{Ring::Writer(memory, 0), Ring::Writer(memory, 1),
                                           Ring::Writer(memory, 2)};
  std::vector<Ring::ReaderLane> storage{kLanes};
  std::optional<Ring::Reader> reader{std::in_place, memory, storage, kPace};
  std::array<std::uint64_t, kLanes> sent{};
  std::array<std::uint64_t, kLanes> read{};

 protected:
  // Whatever is there; a lane whose signal was lost is found within as many rounds as there are
  // lanes.
  void read_all(Ring::Reader& by) {
    for (std::uint32_t in_vain = 0; in_vain <= kLanes; ++in_vain) {
      for (; !by.peek().empty(); by.release()) {
        const std::uint32_t lane = by.lane();
        ASSERT_TRUE(messages().is(by.peek(), read[lane])) << "lane " << lane << ' ' << read[lane];
        ++read[lane];
      }
    }
    ASSERT_EQ(by.corrupt_lanes(), 0U);
  }
  void pass_some(Ring::Reader& to) {
    for (int i = 0; i < 40; ++i) {
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        ASSERT_TRUE(send(writers[lane], sent[lane]++));
      }
      ASSERT_NO_FATAL_FAILURE(read_all(to));
      ASSERT_EQ(read, sent);
    }
  }

 private:
  void (*operation_)(FanInVictim&);
};

using Case = test::StepCase<FanInVictim>;

// --- a writer ------------------------------------------------------------------------------------

class DyingWriter : public FanInVictim {
 public:
  using FanInVictim::FanInVictim;

  void survive() override {
    for (const std::uint32_t lane : {0U, 2U}) ASSERT_TRUE(send(writers[lane], sent[lane]++));
    const std::uint64_t start = read[kDying];
    ASSERT_NO_FATAL_FAILURE(read_all(*reader));
    for (const std::uint32_t lane : {0U, 2U}) ASSERT_EQ(read[lane], sent[lane]);
    ASSERT_GE(read[kDying] - start, progress[kDying].least()) << "committed, and lost";
    ASSERT_LE(read[kDying] - start, progress[kDying].most()) << "never committed";
    sent[kDying] = read[kDying];
    writers[kDying] = Ring::Writer(memory, kDying);
    ASSERT_FALSE(writers[kDying].corrupt());
    ASSERT_NO_FATAL_FAILURE(pass_some(*reader));
  }
};

void commit_one(FanInVictim& at) {
  messages().put(at.writers[kDying].claim(kBytes), at.sent[kDying]++);
  at.progress[kDying].begin();
  at.writers[kDying].commit();
  at.progress[kDying].finish();
}

void commit_two(FanInVictim& at) {
  commit_one(at);
  commit_one(at);
}

void flush_batch(FanInVictim& at) {
  for (int i = 0; i < 3; ++i) {
    messages().put(at.writers[kDying].claim(kBytes), at.sent[kDying]++);
    at.writers[kDying].stage();
  }
  at.progress[kDying].begin(3);
  at.writers[kDying].flush();
  at.progress[kDying].finish();
}

void flush_in_parts(FanInVictim& at) {
  Ring::Writer& writer = at.writers[kDying];
  std::uint64_t middle = 0;
  for (int i = 0; i < 3; ++i) {
    messages().put(writer.claim(kBytes), at.sent[kDying]++);
    writer.stage();
    if (i == 1) middle = writer.staged_position();
  }
  at.progress[kDying].begin(2);
  writer.flush_to(middle);
  at.progress[kDying].finish();
  at.progress[kDying].begin();
  writer.flush();
  at.progress[kDying].finish();
}

void abort_one(FanInVictim& at) {
  messages().put(at.writers[kDying].claim(kBytes), 499);
  at.writers[kDying].abort();
  commit_one(at);
}

void write_until_full(FanInVictim& at) {
  while (at.writers[kDying].has_room(kBytes)) commit_one(at);
  (void)at.writers[kDying].claim(kBytes);
}

void take_over_lane(FanInVictim& at) {
  at.writers[kDying] = Ring::Writer(at.memory, kDying);
  commit_one(at);
}

class FanInWriterStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    Every, FanInWriterStepsTest,
    ::testing::Values(Case{"CommitToQuietLane", commit_two}, Case{"Flush", flush_batch},
                      Case{"FlushTo", flush_in_parts}, Case{"Abort", abort_one},
                      Case{"FullLane", write_until_full}, Case{"TakingOver", take_over_lane}),
    test::kNameOfCase);

TEST_P(FanInWriterStepsTest, DeathLosesNothingThatWasCommittedAndNothingOfOthers) {
  test::kill_at_every_instruction(std::string("FanIn, writer, ") + GetParam().name, [] {
    return std::make_unique<DyingWriter>(GetParam().operation);
  });
}

// --- the reader ----------------------------------------------------------------------------------

class DyingReader : public FanInVictim {
 public:
  explicit DyingReader(void (*operation)(FanInVictim&)) : FanInVictim(operation) {
    for (int i = 0; i < 3; ++i) {
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        EXPECT_TRUE(send(writers[lane], sent[lane]++));
      }
    }
  }

  void survive() override {
    for (Ring::Writer& writer : writers) ASSERT_FALSE(writer.corrupt());
    std::vector<Ring::ReaderLane> new_storage(kLanes);
    Ring::Reader next(memory, new_storage, kPace);
    std::uint32_t lanes_repeated = 0;
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      // Where it goes on is believed: read_all() checks that it is told the truth.
      const std::uint64_t each = (kBytes + 8 + 7) / 8 * 8;
      const std::uint64_t from = next.published_head(lane) / each;
      ASSERT_LE(from, read[lane] + progress[lane].most()) << "it was skipped unread";
      const std::uint64_t done = read[lane] + progress[lane].least();
      const std::uint64_t repeated = from < done ? done - from : 0;
      ASSERT_LE(repeated, kPace.burst);
      lanes_repeated += repeated > 0 ? 1 : 0;
      read[lane] = from;
    }
    ASSERT_LE(lanes_repeated, 1U);
    ASSERT_NO_FATAL_FAILURE(read_all(next));
    ASSERT_EQ(read, sent);
    ASSERT_NO_FATAL_FAILURE(pass_some(next));
  }
};

void release_one(FanInVictim& at) {
  test::Progress& progress = at.progress[at.reader->lane()];
  progress.begin();
  at.reader->release();
  progress.finish();
}

void release_all(FanInVictim& at) {
  for (std::uint32_t in_vain = 0; in_vain <= kLanes; ++in_vain) {
    while (!at.reader->peek().empty()) release_one(at);
  }
}

void release_one_and_stop(FanInVictim& at) {
  if (!at.reader->peek().empty()) release_one(at);
  at.reader->publish_head();
}

void look_at_all(FanInVictim& at) {
  (void)at.reader->anything();
  release_all(at);
}

void take_over_reading(FanInVictim& at) {
  at.reader.emplace(at.memory, at.storage, kPace);
  release_one_and_stop(at);
}

class FanInReaderStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Every, FanInReaderStepsTest,
                         ::testing::Values(Case{"Release", release_all},
                                           Case{"PublishHead", release_one_and_stop},
                                           Case{"Anything", look_at_all},
                                           Case{"TakingOver", take_over_reading}),
                         test::kNameOfCase);

TEST_P(FanInReaderStepsTest, DeathLosesNothingAndRepeatsABurstAtMost) {
  test::kill_at_every_instruction(std::string("FanIn, reader, ") + GetParam().name, [] {
    return std::make_unique<DyingReader>(GetParam().operation);
  });
}

}  // namespace
}  // namespace ringbell::core
