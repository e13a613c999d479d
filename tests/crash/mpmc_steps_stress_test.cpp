// An MpmcRing: a writer, a reader, or a process that recovers after a death dies before any
// instruction.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/mpmc_ring.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

using Ring = MpmcRing<>;

constexpr std::uint64_t kSlots = 8;
constexpr std::uint32_t kBytes = 40;
constexpr ParticipantId kDying = 1;
constexpr ParticipantId kLongDead = 2;
constexpr ParticipantId kWriter = 3;
constexpr ParticipantId kReader = 4;

const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

bool send(Ring::Writer& writer, std::uint64_t number) {
  const std::span<std::byte> room = writer.claim();
  if (room.empty()) return false;
  messages().put(room, number);
  return writer.commit();
}

bool is_dead(ParticipantId id) { return id == kDying || id == kLongDead; }

// Some laps have gone by, of which the dying ones know nothing: they must search.
class MpmcVictim : public test::Victim {
 public:
  explicit MpmcVictim(void (*operation)(MpmcVictim&)) : operation_(operation) {
    for (; sent < 19; ++sent) {
      EXPECT_TRUE(send(other_writer, sent));
      EXPECT_TRUE(messages().is(other_reader.peek(), sent));
      EXPECT_TRUE(other_reader.release());
    }
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{8192};

 public:
  const MpmcMemory memory{.control = pages_.take<MpmcControl>(),
                          .slots = pages_.take<std::byte>(kSlots * 64),
                          .slot_count = kSlots,
                          .slot_bytes = MpmcMemory::slot_bytes_for(kBytes),
                          .message_bytes = kBytes};
  test::Progress& committed = *pages_.take<test::Progress>();
  test::Progress& taken = *pages_.take<test::Progress>();
  test::Progress& released = *pages_.take<test::Progress>();
  Ring::Writer writer{memory, kDying};
  Ring::Reader reader{memory, kDying};
  Ring::Writer other_writer{memory, kWriter};
  Ring::Reader other_reader{memory, kReader};
  std::uint64_t sent = 0;

 protected:
  // The dead participant's id goes to a newcomer, which takes part in all that follows.
  void pass_some() {
    Ring::Writer new_writer(memory, kDying);
    Ring::Reader new_reader(memory, kDying);
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_TRUE(send(sent % 2 == 0 ? other_writer : new_writer, sent)) << sent;
      Ring::Reader& by = sent % 3 == 0 ? other_reader : new_reader;
      ASSERT_TRUE(messages().is(by.peek(), sent)) << sent;
      ASSERT_FALSE(by.redelivered());
      ASSERT_TRUE(by.release());
      ASSERT_TRUE(other_reader.peek().empty());
    }
    ASSERT_FALSE(other_writer.corrupt() || other_reader.corrupt());
    ASSERT_FALSE(new_writer.corrupt() || new_reader.corrupt());
    ASSERT_EQ(other_writer.evicted() + other_reader.evicted(), 0U);
  }

 private:
  void (*operation_)(MpmcVictim&);
};

using Case = test::StepCase<MpmcVictim>;

// --- a writer ------------------------------------------------------------------------------------

class DyingWriter : public MpmcVictim {
 public:
  explicit DyingWriter(void (*operation)(MpmcVictim&)) : MpmcVictim(operation) {
    EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    ASSERT_TRUE(messages().is(other_reader.peek(), sent - 1)) << "sent before by another";
    ASSERT_TRUE(other_reader.release());
    const std::uint64_t start = sent;
    read_what_is_there();
    const ParticipantId blocker = other_reader.waits_for();
    ASSERT_TRUE(blocker == 0 || blocker == kDying);
    (void)other_reader.recover(is_dead);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there());
    ASSERT_GE(sent - start, committed.least()) << "committed, and lost";
    ASSERT_LE(sent - start, committed.most()) << "never committed";
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }

 private:
  void read_what_is_there() {
    for (; !other_reader.peek().empty(); ++sent) {
      ASSERT_TRUE(messages().is(other_reader.peek(), sent)) << sent;
      ASSERT_FALSE(other_reader.redelivered());
      ASSERT_TRUE(other_reader.release());
    }
  }
};

void commit_one(MpmcVictim& at) {
  messages().put(at.writer.claim(), at.sent++);
  at.committed.begin();
  (void)at.writer.commit();
  at.committed.finish();
}

void commit_two(MpmcVictim& at) {
  commit_one(at);
  commit_one(at);
}

void commit_batch(MpmcVictim& at) {
  const std::uint32_t count = at.writer.claim(3);
  for (std::uint32_t i = 0; i < count; ++i) messages().put(at.writer.payload(i), at.sent++);
  at.committed.begin(count);
  (void)at.writer.commit();
  at.committed.finish();
}

void abort_batch(MpmcVictim& at) {
  const std::uint32_t count = at.writer.claim(2);
  for (std::uint32_t i = 0; i < count; ++i) messages().put(at.writer.payload(i), 499);
  (void)at.writer.abort();
  commit_one(at);
}

void write_until_full(MpmcVictim& at) {
  while (at.writer.has_room()) commit_one(at);
  (void)at.writer.claim();
}

class MpmcWriterStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Every, MpmcWriterStepsTest,
                         ::testing::Values(Case{"Commit", commit_two}, Case{"Batch", commit_batch},
                                           Case{"Abort", abort_batch},
                                           Case{"FullRing", write_until_full}),
                         test::kNameOfCase);

TEST_P(MpmcWriterStepsTest, DeathLosesNothingThatWasCommittedAndHoldsNobodyUp) {
  test::kill_at_every_instruction(std::string("MpmcRing, writer, ") + GetParam().name, [] {
    return std::make_unique<DyingWriter>(GetParam().operation);
  });
}

// --- a reader ------------------------------------------------------------------------------------

class DyingReader : public MpmcVictim {
 public:
  explicit DyingReader(void (*operation)(MpmcVictim&)) : MpmcVictim(operation), first_(sent) {
    while (sent < first_ + kCount) EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    (void)other_writer.recover(is_dead);
    std::vector<std::uint64_t> times(kCount, 0);
    std::uint64_t newest = 0;
    while (!other_reader.peek().empty()) {
      std::uint64_t i = 0;
      while (i < kCount && !messages().is(other_reader.peek(), first_ + i)) ++i;
      ASSERT_LT(i, kCount) << "torn, or never sent";
      ++times[i];
      if (other_reader.redelivered()) {
        ASSERT_LT(i, taken.most()) << "marked, but no reader had it";
      } else {
        ASSERT_GE(i, taken.least()) << "not marked, but a reader had it";
        ASSERT_GE(i, newest) << "not marked, and out of the order";
        newest = i;
      }
      ASSERT_TRUE(other_reader.release());
    }
    for (std::uint64_t i = 0; i < kCount; ++i) {
      ASSERT_LE(times[i], i < released.least() ? 0U : 1U) << "repeated: " << i;
      ASSERT_GE(times[i], i < released.most() ? 0U : 1U) << "lost: " << i;
    }
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }

  static constexpr std::uint64_t kCount = 6;

 private:
  std::uint64_t first_;
};

void release_one(MpmcVictim& at) {
  at.taken.begin();
  (void)at.reader.peek();
  at.taken.finish();
  at.released.begin();
  (void)at.reader.release();
  at.released.finish();
}

void release_two(MpmcVictim& at) {
  release_one(at);
  release_one(at);
}

void release_batch(MpmcVictim& at) {
  at.taken.begin(4);
  (void)at.reader.take(4);
  at.taken.finish();
  at.released.begin(4);
  (void)at.reader.release();
  at.released.finish();
}

void read_until_empty(MpmcVictim& at) {
  at.taken.begin(DyingReader::kCount);
  (void)at.reader.take(8);
  at.taken.finish();
  at.released.begin(DyingReader::kCount);
  (void)at.reader.release();
  at.released.finish();
  (void)at.reader.peek();
}

class MpmcReaderStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Every, MpmcReaderStepsTest,
                         ::testing::Values(Case{"Release", release_two},
                                           Case{"Batch", release_batch},
                                           Case{"EmptyRing", read_until_empty}),
                         test::kNameOfCase);

TEST_P(MpmcReaderStepsTest, DeathLosesNothingAndMarksWhatComesAgain) {
  test::kill_at_every_instruction(std::string("MpmcRing, reader, ") + GetParam().name, [] {
    return std::make_unique<DyingReader>(GetParam().operation);
  });
}

// --- recovering, and taking what was returned ----------------------------------------------------

// Another one has died before with two messages in its hand, and two claimed.
class DyingHeir : public MpmcVictim {
 public:
  explicit DyingHeir(void (*operation)(MpmcVictim&), bool recovered)
      : MpmcVictim(operation), first_(sent) {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(send(other_writer, sent++));
    Ring::Reader dead_reader(memory, kLongDead);
    EXPECT_EQ(dead_reader.take(2), 2U);
    Ring::Writer dead_writer(memory, kLongDead);
    EXPECT_EQ(dead_writer.claim(2), 2U);
    if (recovered) (void)other_writer.recover(is_dead);
  }

  void survive() override {
    (void)other_reader.recover(is_dead);
    std::vector<std::uint64_t> times(2, 0);
    while (!other_reader.peek().empty()) {
      const std::uint64_t i = messages().is(other_reader.peek(), first_) ? 0 : 1;
      ASSERT_TRUE(messages().is(other_reader.peek(), first_ + i)) << "torn, or never committed";
      ASSERT_TRUE(other_reader.redelivered());
      ASSERT_TRUE(other_reader.release());
      ++times[i];
    }
    // They come in any order: only how many is known.
    ASSERT_LE(times[0], 1U);
    ASSERT_LE(times[1], 1U);
    ASSERT_LE(times[0] + times[1], 2U - released.least()) << "repeated";
    ASSERT_GE(times[0] + times[1], 2U - released.most()) << "lost";
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }

 private:
  std::uint64_t first_;
};

TEST(MpmcRecoveryStepsTest, WhoDiesRecoveringLeavesItToTheNext) {
  test::kill_at_every_instruction("MpmcRing, reader, recover", [] {
    return std::make_unique<DyingHeir>([](MpmcVictim& at) { (void)at.reader.recover(is_dead); },
                                       false);
  });
}

TEST(MpmcRecoveryStepsTest, WhatWasReturnedIsReturnedAgain) {
  test::kill_at_every_instruction("MpmcRing, reader, take what was returned",
                                  [] { return std::make_unique<DyingHeir>(release_two, true); });
}

}  // namespace
}  // namespace ringbell::core
