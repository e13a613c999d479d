// A broadcast ring of many writers: a writer, a reader, or a process that recovers after a death
// dies before any instruction.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossless.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

using Ring = ManyLossless<>;

constexpr std::uint64_t kSlots = 16;
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

// A lap and a half have gone by, of which the dying writer knows nothing: it must search. The
// other reader has read it all.
class ManyVictim : public test::Victim {
 public:
  explicit ManyVictim(void (*operation)(ManyVictim&)) : operation_(operation) {
    for (const std::uint64_t end = sent + 24; sent < end; ++sent) {
      EXPECT_TRUE(send(other_writer, sent));
      read_next();
    }
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{16384};

 public:
  const ManyMemory memory = test::take_many_memory(pages_, kSlots, kBytes, 2);
  test::Progress& progress = *pages_.take<test::Progress>();
  Ring::Writer writer{memory, kDying};
  Ring::Writer other_writer{memory, kWriter};
  std::optional<Ring::Reader> living = Ring::Reader::join(memory, kReader);
  std::optional<Ring::Reader> reader;
  std::uint64_t sent = 0;
  std::uint64_t read = 0;

 protected:
  void read_next() {
    ASSERT_TRUE(messages().is(living->peek(), read)) << read;
    living->release();
    ++read;
  }
  void read_what_is_there() {
    while (!living->peek().empty()) ASSERT_NO_FATAL_FAILURE(read_next());
  }
  // The dead participant's id goes to newcomers, of which each takes part in all that follows, as
  // do those that lived on.
  void pass_some() {
    ASSERT_EQ(sent, read);
    Ring::Writer new_writer(memory, kDying);
    constexpr ParticipantId kNewcomer = 5;
    std::optional<Ring::Reader> next =
        Ring::Reader::join(memory, kNewcomer, BroadcastStart::newest);
    ASSERT_TRUE(next) << "the dead reader's cell was not freed";
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_TRUE(send(sent % 3 == 0 ? other_writer : new_writer, sent)) << sent;
      ASSERT_TRUE(messages().is(next->peek(), sent)) << sent;
      next->release();
      ASSERT_NO_FATAL_FAILURE(read_next());
    }
    ASSERT_TRUE(living->peek().empty());
    ASSERT_EQ(living->position(), next->position());
    ASSERT_FALSE(other_writer.corrupt() || new_writer.corrupt());
    ASSERT_FALSE(living->corrupt() || next->corrupt());
    ASSERT_FALSE(living->evicted() || next->evicted());
    ASSERT_EQ(other_writer.evicted() + new_writer.evicted(), 0U);
  }

 private:
  void (*operation_)(ManyVictim&);
};

using Case = test::StepCase<ManyVictim>;

// --- a writer ------------------------------------------------------------------------------------

// Another writer has sent one before.
class DyingWriter : public ManyVictim {
 public:
  explicit DyingWriter(void (*operation)(ManyVictim&)) : ManyVictim(operation) {
    EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    ASSERT_NO_FATAL_FAILURE(read_next()) << "sent before by another";
    const std::uint64_t start = read;
    ASSERT_NO_FATAL_FAILURE(read_what_is_there());
    const ParticipantId blocker = living->waits_for();
    ASSERT_TRUE(blocker == 0 || blocker == kDying);
    // The other writer goes on behind what the dead one claimed, until it is a ring further on.
    ASSERT_FALSE(other_writer.claim().empty() && other_writer.waits_for() == 0);
    (void)other_writer.abort();
    (void)Ring::recover(memory, is_dead);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there());
    ASSERT_GE(read - start, progress.least()) << "committed, and lost";
    ASSERT_LE(read - start, progress.most()) << "never committed";
    sent = read;
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

void commit_one(ManyVictim& at) {
  messages().put(at.writer.claim(), at.sent++);
  at.progress.begin();
  (void)at.writer.commit();
  at.progress.finish();
}

void commit_three(ManyVictim& at) {
  for (int i = 0; i < 3; ++i) commit_one(at);
}

void commit_batch(ManyVictim& at) {
  const std::uint32_t count = at.writer.claim(3);
  for (std::uint32_t i = 0; i < count; ++i) messages().put(at.writer.payload(i), at.sent++);
  at.progress.begin(count);
  (void)at.writer.commit();
  at.progress.finish();
}

void abort_batch(ManyVictim& at) {
  const std::uint32_t count = at.writer.claim(2);
  for (std::uint32_t i = 0; i < count; ++i) messages().put(at.writer.payload(i), 499);
  (void)at.writer.abort();
  commit_one(at);
}

void write_until_full(ManyVictim& at) {
  while (at.writer.has_room()) commit_one(at);
  (void)at.writer.claim();
}

class ManyWriterStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Every, ManyWriterStepsTest,
                         ::testing::Values(Case{"Commit", commit_three},
                                           Case{"Batch", commit_batch}, Case{"Abort", abort_batch},
                                           Case{"FullRing", write_until_full}),
                         test::kNameOfCase);

TEST_P(ManyWriterStepsTest, DeathLosesNothingThatWasCommittedAndHoldsNoneUp) {
  test::kill_at_every_instruction(std::string("ManyLossless, writer, ") + GetParam().name, [] {
    return std::make_unique<DyingWriter>(GetParam().operation);
  });
}

// --- a reader ------------------------------------------------------------------------------------

// There are messages to be read by it, and a place to be passed over.
class DyingReader : public ManyVictim {
 public:
  explicit DyingReader(void (*operation)(ManyVictim&), bool joined = true) : ManyVictim(operation) {
    if (joined) reader = Ring::Reader::join(memory, kDying, BroadcastStart::newest);
    EXPECT_FALSE(other_writer.claim().empty());
    EXPECT_TRUE(other_writer.abort());
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    for (std::uint64_t i = 0; i < kSlots && send(other_writer, sent); ++i) ++sent;
    ASSERT_NO_FATAL_FAILURE(read_what_is_there());
    ASSERT_EQ(read, sent) << "lost to the other reader";
    (void)other_writer.recover(is_dead);
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

void join_oldest(ManyVictim& at) { at.reader = Ring::Reader::join(at.memory, kDying); }

void join_newest(ManyVictim& at) {
  at.reader = Ring::Reader::join(at.memory, kDying, BroadcastStart::newest);
}

void read_all(ManyVictim& at) {
  while (!at.reader->peek().empty()) at.reader->release();
}

void leave(ManyVictim& at) {
  (void)at.reader->peek();
  at.reader->release();
  at.reader.reset();
}

struct ReaderCase : Case {
  bool joined;
};

class ManyReaderStepsTest : public ::testing::TestWithParam<ReaderCase> {};
INSTANTIATE_TEST_SUITE_P(Every, ManyReaderStepsTest,
                         ::testing::Values(ReaderCase{{"JoinAtOldest", join_oldest}, false},
                                           ReaderCase{{"JoinAtNewest", join_newest}, false},
                                           ReaderCase{{"Release", read_all}, true},
                                           ReaderCase{{"Leave", leave}, true}),
                         test::kNameOfCase);

TEST_P(ManyReaderStepsTest, DeathHoldsTheWritersUpOnlyUntilItIsEvicted) {
  test::kill_at_every_instruction(std::string("ManyLossless, reader, ") + GetParam().name, [] {
    return std::make_unique<DyingReader>(GetParam().operation, GetParam().joined);
  });
}

// --- recovering ----------------------------------------------------------------------------------

void recover_from_the_dead(ManyVictim& at) {
  (void)Ring::recover(at.memory, [](ParticipantId id) { return id == kLongDead; });
}

// Others have died before: a reader that holds the writers up, and a writer with two claims.
class DyingHeir : public ManyVictim {
 public:
  DyingHeir()
      : ManyVictim(recover_from_the_dead),
        dead_reader_(Ring::Reader::join(memory, kLongDead, BroadcastStart::newest)) {
    EXPECT_TRUE(dead_reader_);
    Ring::Writer dead_writer(memory, kLongDead);
    EXPECT_EQ(dead_writer.claim(2), 2U);
    while (send(other_writer, sent)) ++sent;
  }

  void survive() override {
    (void)Ring::recover(memory, is_dead);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there());
    ASSERT_EQ(read, sent) << "lost to the other reader";
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }

 private:
  std::optional<Ring::Reader> dead_reader_;
};

TEST(ManyRecoveryStepsTest, AProcessThatDiesRecoveringLeavesItToTheNext) {
  test::kill_at_every_instruction("ManyLossless, recover",
                                  [] { return std::make_unique<DyingHeir>(); });
}

}  // namespace
}  // namespace ringbell::core
