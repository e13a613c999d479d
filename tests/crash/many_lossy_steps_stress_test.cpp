// A lossy broadcast ring of many writers: a writer, or a process that recovers after a death, dies
// before any instruction. A reader leaves no trace.
#include <array>
#include <memory>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossy.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

using Ring = ManyLossy<>;

constexpr std::uint64_t kSlots = 16;
constexpr std::uint32_t kBytes = 40;
constexpr ParticipantId kDying = 1;
constexpr ParticipantId kLongDead = 2;
constexpr ParticipantId kWriter = 3;

const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

void put(Ring::Writer& writer, std::uint32_t i, std::uint64_t number) {
  std::array<std::byte, kBytes> message{};
  messages().put(message, number);
  writer.write(i, message);
}
bool send(Ring::Writer& writer, std::uint64_t number) {
  if (writer.claim(1) == 0) return false;
  put(writer, 0, number);
  return writer.commit();
}

bool is_dead(ParticipantId id) { return id == kDying || id == kLongDead; }

// A lap and a half have gone by, of which the dying writer knows nothing: it must search. Two
// readers have read it all; one of them passes over what dead writers left, as one that may store
// nothing.
class ManyLossyVictim : public test::Victim {
 public:
  explicit ManyLossyVictim(void (*operation)(ManyLossyVictim&)) : operation_(operation) {
    for (const std::uint64_t end = sent + 24; sent < end; ++sent) {
      EXPECT_TRUE(send(other_writer, sent));
      read_next(reader);
      read_next(alone);
    }
    read = sent;
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{16384};

 public:
  const MpmcMemory memory = test::take_many_memory(pages_, kSlots, kBytes, 0).claims();
  test::Progress& progress = *pages_.take<test::Progress>();
  Ring::Writer writer{memory, kDying};
  Ring::Writer other_writer{memory, kWriter};
  Ring::Reader reader{view_of(memory)};
  Ring::Reader alone{view_of(memory)};
  std::uint64_t sent = 0;
  std::uint64_t read = 0;

 protected:
  void read_next(Ring::Reader& by) {
    std::array<std::byte, kBytes> message{};
    ASSERT_TRUE(by.receive(message)) << read;
    ASSERT_TRUE(messages().is(message, by.position() - 1)) << by.position();
  }
  // What `by` receives, up to where it finds nothing; each is the next one of `number`.
  void read_what_is_there(Ring::Reader& by, std::uint64_t& number) {
    std::array<std::byte, kBytes> message{};
    for (; by.receive(message); ++number) ASSERT_TRUE(messages().is(message, number)) << number;
    ASSERT_FALSE(by.corrupt());
    ASSERT_EQ(by.missed(), 0U);
  }
  // The dead writer's id goes to a new writer, which takes part in all that follows.
  void pass_some() {
    Ring::Writer new_writer(memory, kDying);
    std::uint64_t of_alone = sent;
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_TRUE(send(sent % 3 == 0 ? other_writer : new_writer, sent)) << sent;
      ASSERT_NO_FATAL_FAILURE(read_what_is_there(reader, read));
      ASSERT_NO_FATAL_FAILURE(read_what_is_there(alone, of_alone));
      ASSERT_EQ(read, sent + 1);
      ASSERT_EQ(of_alone, sent + 1);
    }
    ASSERT_FALSE(other_writer.corrupt() || new_writer.corrupt());
    ASSERT_EQ(other_writer.evicted() + new_writer.evicted(), 0U);
    ASSERT_EQ(reader.position(), alone.position());
  }

 private:
  void (*operation_)(ManyLossyVictim&);
};

using Case = test::StepCase<ManyLossyVictim>;

// Another writer has sent one before.
class DyingWriter : public ManyLossyVictim {
 public:
  explicit DyingWriter(void (*operation)(ManyLossyVictim&)) : ManyLossyVictim(operation) {
    EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    const std::uint64_t start = read + 1;
    std::uint64_t of_alone = read;
    ASSERT_NO_FATAL_FAILURE(read_what_is_there(reader, read));
    ASSERT_GE(read, start) << "sent before by another";
    ASSERT_TRUE(reader.waits_for() == 0 || reader.waits_for() == kDying);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there(alone, of_alone));
    while (alone.pass_over_dead(is_dead)) {
      ASSERT_NO_FATAL_FAILURE(read_what_is_there(alone, of_alone));
    }
    // The other writer goes on behind what the dead writer claimed, until it is a ring further on.
    ASSERT_FALSE(other_writer.claim().empty() && other_writer.waits_for() == 0);
    (void)other_writer.abort();
    (void)other_writer.recover(is_dead);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there(reader, read));
    ASSERT_GE(read - start, progress.least()) << "committed, and lost";
    ASSERT_LE(read - start, progress.most()) << "never committed";
    ASSERT_EQ(of_alone, read) << "not what the other reader got";
    sent = read;
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

void commit_one(ManyLossyVictim& at) {
  if (at.writer.claim(1) == 0) return;
  put(at.writer, 0, at.sent++);
  at.progress.begin();
  (void)at.writer.commit();
  at.progress.finish();
}

void commit_three(ManyLossyVictim& at) {
  for (int i = 0; i < 3; ++i) commit_one(at);
}

void commit_batch(ManyLossyVictim& at) {
  const std::uint32_t count = at.writer.claim(3);
  for (std::uint32_t i = 0; i < count; ++i) put(at.writer, i, at.sent++);
  at.progress.begin(count);
  (void)at.writer.commit();
  at.progress.finish();
}

void abort_batch(ManyLossyVictim& at) {
  const std::uint32_t count = at.writer.claim(2);
  for (std::uint32_t i = 0; i < count; ++i) put(at.writer, i, 499);
  (void)at.writer.abort();
  commit_one(at);
}

class ManyLossyStepsTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Every, ManyLossyStepsTest,
                         ::testing::Values(Case{"Commit", commit_three},
                                           Case{"Batch", commit_batch}, Case{"Abort", abort_batch}),
                         test::kNameOfCase);

TEST_P(ManyLossyStepsTest, DeathLosesNothingThatWasCommittedAndHoldsNoneUp) {
  test::kill_at_every_instruction(std::string("ManyLossy, writer, ") + GetParam().name, [] {
    return std::make_unique<DyingWriter>(GetParam().operation);
  });
}

void recover_from_the_dead(ManyLossyVictim& at) {
  (void)at.writer.recover([](ParticipantId id) { return id == kLongDead; });
}

// Another writer has died before, with two claims.
class DyingHeir : public ManyLossyVictim {
 public:
  DyingHeir() : ManyLossyVictim(recover_from_the_dead) {
    Ring::Writer dead_writer(memory, kLongDead);
    EXPECT_EQ(dead_writer.claim(2), 2U);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(other_writer, sent++));
  }

  void survive() override {
    std::uint64_t of_alone = read;
    while (alone.pass_over_dead(is_dead)) {
    }
    ASSERT_NO_FATAL_FAILURE(read_what_is_there(alone, of_alone));
    (void)other_writer.recover(is_dead);
    ASSERT_NO_FATAL_FAILURE(read_what_is_there(reader, read));
    ASSERT_EQ(read, sent) << "lost";
    ASSERT_EQ(of_alone, sent) << "lost";
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

TEST(ManyLossyRecoveryStepsTest, AProcessThatDiesRecoveringLeavesItToTheNext) {
  test::kill_at_every_instruction("ManyLossy, recover",
                                  [] { return std::make_unique<DyingHeir>(); });
}

}  // namespace
}  // namespace ringbell::core
