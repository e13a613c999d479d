// Broadcast rings: the writer, a reader, or a process that evicts dead readers dies before any
// instruction.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint64_t kSlots = 16;
constexpr std::uint32_t kBytes = 40;
constexpr ParticipantId kDying = 1;
constexpr ParticipantId kLongDead = 2;
constexpr ParticipantId kLiving = 3;

const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

bool is_dead(ParticipantId id) { return id == kDying || id == kLongDead; }

// --- lossless ------------------------------------------------------------------------------------

using Lossless = BroadcastLossless<>;

bool send(Lossless::Writer& writer, std::uint64_t number) {
  const std::span<std::byte> room = writer.claim();
  if (room.empty()) return false;
  messages().put(room, number);
  writer.commit();
  return true;
}

// A lap and a half have gone by; the living reader has read it all.
class LosslessVictim : public test::Victim {
 public:
  explicit LosslessVictim(void (*operation)(LosslessVictim&)) : operation_(operation) {
    for (const std::uint64_t end = sent + 24; sent < end; ++sent) {
      EXPECT_TRUE(send(*writer, sent));
      read_next();
    }
  }

  void operate() override { operation_(*this); }

 private:
  test::SharedPages pages_{16384};

 public:
  const BroadcastMemory memory{
      .control = pages_.take<BroadcastControl>(),
      .slots = {.slots = pages_.take<std::byte>(kSlots * 64),
                .slot_count = kSlots,
                .slot_bytes = BroadcastSlots<std::byte>::slot_bytes_for(kBytes),
                .message_bytes = kBytes},
      .max_readers = 2};
  test::Progress& progress = *pages_.take<test::Progress>();
  std::optional<Lossless::Writer> writer{std::in_place, memory};
  std::optional<Lossless::Reader> living = Lossless::Reader::join(memory, kLiving);
  std::optional<Lossless::Reader> reader;
  std::uint64_t sent = 0;
  std::uint64_t read = 0;

 protected:
  void read_next() {
    ASSERT_TRUE(messages().is(living->peek(), read)) << read;
    living->release();
    ++read;
  }
  // A newcomer takes the place of the dead reader and sees all that comes; so does the reader that
  // lived on.
  void pass_some(Lossless::Writer& by) {
    ASSERT_TRUE(living->peek().empty());
    std::optional<Lossless::Reader> next =
        Lossless::Reader::join(memory, kDying, BroadcastStart::newest);
    ASSERT_TRUE(next) << "the dead reader's cell was not freed";
    ASSERT_EQ(next->position(), read);
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_TRUE(send(by, sent)) << sent;
      ASSERT_TRUE(messages().is(next->peek(), sent)) << sent;
      next->release();
      ASSERT_NO_FATAL_FAILURE(read_next());
    }
    ASSERT_FALSE(by.corrupt() || living->corrupt() || next->corrupt());
    ASSERT_FALSE(living->evicted() || next->evicted());
  }

 private:
  void (*operation_)(LosslessVictim&);
};

using LosslessCase = test::StepCase<LosslessVictim>;

class DyingLosslessWriter : public LosslessVictim {
 public:
  using LosslessVictim::LosslessVictim;

  void survive() override {
    const std::uint64_t start = read;
    while (!living->peek().empty()) ASSERT_NO_FATAL_FAILURE(read_next());
    ASSERT_GE(read - start, progress.least()) << "committed, and lost";
    ASSERT_LE(read - start, progress.most()) << "never committed";
    Lossless::Writer next(memory);
    ASSERT_EQ(next.position(), read);
    sent = read;
    (void)next.evict(is_dead);
    ASSERT_NO_FATAL_FAILURE(pass_some(next));
  }
};

// A reader has died before and is in its way.
class DyingEvictingWriter : public DyingLosslessWriter {
 public:
  explicit DyingEvictingWriter(void (*operation)(LosslessVictim&))
      : DyingLosslessWriter(operation), dead_(Lossless::Reader::join(memory, kLongDead)) {
    EXPECT_TRUE(dead_);
  }

 private:
  std::optional<Lossless::Reader> dead_;
};

void commit_one(LosslessVictim& at) {
  messages().put(at.writer->claim(), at.sent++);
  at.progress.begin();
  at.writer->commit();
  at.progress.finish();
}

void commit_three(LosslessVictim& at) {
  for (int i = 0; i < 3; ++i) commit_one(at);
}

void abort_one(LosslessVictim& at) {
  messages().put(at.writer->claim(), 499);
  at.writer->abort();
  commit_one(at);
}

void write_until_full(LosslessVictim& at) {
  for (std::uint64_t i = 0; i < kSlots; ++i) commit_one(at);
  (void)at.writer->claim();
}

void take_over(LosslessVictim& at) {
  at.writer.emplace(at.memory);
  commit_one(at);
}

void evict_and_write(LosslessVictim& at) {
  for (std::uint64_t i = 0; i < kSlots && !at.writer->claim().empty(); ++i) commit_one(at);
  (void)at.writer->evict([](ParticipantId id) { return id == kLongDead; });
}

class LosslessWriterStepsTest : public ::testing::TestWithParam<LosslessCase> {};
INSTANTIATE_TEST_SUITE_P(Every, LosslessWriterStepsTest,
                         ::testing::Values(LosslessCase{"Commit", commit_three},
                                           LosslessCase{"Abort", abort_one},
                                           LosslessCase{"FullRing", write_until_full},
                                           LosslessCase{"TakingOver", take_over}),
                         test::kNameOfCase);

TEST_P(LosslessWriterStepsTest, DeathLosesNothingThatWasCommitted) {
  test::kill_at_every_instruction(std::string("BroadcastLossless, writer, ") + GetParam().name, [] {
    return std::make_unique<DyingLosslessWriter>(GetParam().operation);
  });
}

TEST(LosslessEvictionStepsTest, WriterThatDiesEvictingLosesNothing) {
  test::kill_at_every_instruction("BroadcastLossless, writer, evict", [] {
    return std::make_unique<DyingEvictingWriter>(evict_and_write);
  });
}

// There are messages to be read by it, too.
class DyingLosslessReader : public LosslessVictim {
 public:
  explicit DyingLosslessReader(void (*operation)(LosslessVictim&), bool joined = true)
      : LosslessVictim(operation) {
    if (joined) reader = Lossless::Reader::join(memory, kDying, BroadcastStart::newest);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(*writer, sent++));
  }

  void survive() override {
    for (std::uint64_t i = 0; i < kSlots && send(*writer, sent); ++i) ++sent;
    while (!living->peek().empty()) ASSERT_NO_FATAL_FAILURE(read_next());
    ASSERT_EQ(read, sent) << "lost to the living reader";
    (void)writer->evict(is_dead);
    ASSERT_NO_FATAL_FAILURE(pass_some(*writer));
  }
};

void join_oldest(LosslessVictim& at) { at.reader = Lossless::Reader::join(at.memory, kDying); }

void join_newest(LosslessVictim& at) {
  at.reader = Lossless::Reader::join(at.memory, kDying, BroadcastStart::newest);
}

void read_all(LosslessVictim& at) {
  while (!at.reader->peek().empty()) at.reader->release();
}

void publish_position(LosslessVictim& at) {
  (void)at.reader->peek();
  at.reader->release();
  at.reader->publish_position();
}

void leave(LosslessVictim& at) {
  (void)at.reader->peek();
  at.reader->release();
  at.reader.reset();
}

void evict_long_dead(LosslessVictim& at) {
  (void)Lossless::evict(at.memory, [](ParticipantId id) { return id == kLongDead; });
}

struct LosslessReaderCase : LosslessCase {
  bool joined;
};

class LosslessReaderStepsTest : public ::testing::TestWithParam<LosslessReaderCase> {};
INSTANTIATE_TEST_SUITE_P(Every, LosslessReaderStepsTest,
                         ::testing::Values(LosslessReaderCase{{"JoinAtOldest", join_oldest}, false},
                                           LosslessReaderCase{{"JoinAtNewest", join_newest}, false},
                                           LosslessReaderCase{{"Release", read_all}, true},
                                           LosslessReaderCase{{"Publish", publish_position}, true},
                                           LosslessReaderCase{{"Leave", leave}, true}),
                         test::kNameOfCase);

TEST_P(LosslessReaderStepsTest, DeathHoldsTheWriterUpOnlyUntilItIsEvicted) {
  test::kill_at_every_instruction(std::string("BroadcastLossless, reader, ") + GetParam().name, [] {
    return std::make_unique<DyingLosslessReader>(GetParam().operation, GetParam().joined);
  });
}

class DyingEvicter : public DyingLosslessReader {
 public:
  DyingEvicter()
      : DyingLosslessReader(evict_long_dead, false),
        dead_(Lossless::Reader::join(memory, kLongDead)) {
    EXPECT_TRUE(dead_);
  }

 private:
  std::optional<Lossless::Reader> dead_;
};

TEST(LosslessEvictionStepsTest, WhoDiesEvictingLeavesItToTheNext) {
  test::kill_at_every_instruction("BroadcastLossless, reader, evict",
                                  [] { return std::make_unique<DyingEvicter>(); });
}

// --- lossy ---------------------------------------------------------------------------------------

using Lossy = BroadcastLossy<>;

// Long enough to be copied by one instruction, and not whole words.
constexpr std::uint32_t kLongBytes = 525;

class LossyVictim : public test::Victim {
 public:
  LossyVictim(void (*operation)(LossyVictim&), std::uint32_t bytes)
      : messages(messages_of(bytes)), bytes_(bytes), operation_(operation) {
    for (const std::uint64_t end = 24; sent < end; ++sent) {
      writer->publish(messages.get(sent));
      if (sent < end - kSlots) {
        EXPECT_TRUE(laggard_.receive(into_));
      }
      if (sent % 2 == 0) read_next();  // no lap behind, and not at the end
    }
    while (read_ < sent) read_next();
  }

  void operate() override { operation_(*this); }

  void survive() override {
    const std::uint64_t start = read_;
    while (living->receive(into_)) {
      ASSERT_TRUE(messages.is(into_, read_)) << read_;
      ++read_;
    }
    ASSERT_GE(read_ - start, progress.least()) << "published, and lost";
    ASSERT_LE(read_ - start, progress.most()) << "never published";
    // The reader whose next message the dead writer was overwriting is lapped, or finds it whole.
    while (laggard_.receive(into_)) {
      ASSERT_TRUE(messages.is(into_, laggard_.position() - 1)) << laggard_.position() - 1;
    }
    ASSERT_EQ(laggard_.position(), read_);
    Lossy::Writer next(slots);
    Lossy::Reader newcomer(view);
    ASSERT_EQ(next.position(), read_);
    // What the newcomer finds is whole, and ends where the others are.
    std::uint64_t oldest = newcomer.position();
    for (; newcomer.receive(into_); ++oldest) ASSERT_TRUE(messages.is(into_, oldest)) << oldest;
    ASSERT_EQ(oldest, read_);
    sent = read_;
    for (const std::uint64_t end = read_ + 40; sent < end; ++sent) {
      next.publish(messages.get(sent));
      ASSERT_TRUE(newcomer.receive(into_));
      ASSERT_TRUE(messages.is(into_, sent));
      ASSERT_NO_FATAL_FAILURE(read_next());
    }
    ASSERT_EQ(living->missed(), 0U);
    ASSERT_FALSE(next.corrupt() || living->corrupt() || newcomer.corrupt());
  }

 private:
  static const test::FixedMessages& messages_of(std::uint32_t bytes) {
    static const test::FixedMessages brief(kBytes);
    static const test::FixedMessages lengthy(kLongBytes);
    return bytes == kBytes ? brief : lengthy;
  }

  test::SharedPages pages_{32768};

 public:
  const test::FixedMessages& messages;
  test::Progress& progress = *pages_.take<test::Progress>();

 private:
  std::uint32_t bytes_;

 public:
  const BroadcastSlots<std::byte> slots{
      .slots =
          pages_.take<std::byte>(kSlots * BroadcastSlots<std::byte>::slot_bytes_for(kLongBytes)),
      .slot_count = kSlots,
      .slot_bytes = BroadcastSlots<std::byte>::slot_bytes_for(bytes_),
      .message_bytes = bytes_};
  const BroadcastSlots<const std::byte> view{.slots = slots.slots,
                                             .slot_count = slots.slot_count,
                                             .slot_bytes = slots.slot_bytes,
                                             .message_bytes = slots.message_bytes};
  std::optional<Lossy::Writer> writer{std::in_place, slots};
  std::optional<Lossy::Reader> living{std::in_place, view};
  std::uint64_t sent = 0;

 private:
  void read_next() {
    ASSERT_TRUE(living->receive(into_)) << read_;
    ASSERT_TRUE(messages.is(into_, read_)) << read_;
    ++read_;
  }

  std::uint64_t read_ = 0;
  std::vector<std::byte> into_{std::vector<std::byte>(bytes_)};
  Lossy::Reader laggard_{view};
  void (*operation_)(LossyVictim&);
};

void publish_two(LossyVictim& at) {
  for (int i = 0; i < 2; ++i) {
    at.progress.begin();
    at.writer->publish(at.messages.get(at.sent++));
    at.progress.finish();
  }
}

void take_over_lossy(LossyVictim& at) {
  at.writer.emplace(at.slots);
  publish_two(at);
}

void receive_lossy(LossyVictim& at) {
  Lossy::Reader reader(at.view);
  std::vector<std::byte> into(at.slots.message_bytes);
  for (int i = 0; i < 2; ++i) (void)reader.receive(into);
}

void receive_without_hurry(LossyVictim& at) {
  Lossy::Reader reader(at.view);
  std::vector<std::byte> into(at.slots.message_bytes);
  while (reader.anything()) (void)reader.receive(into);
}

struct LossyCase : test::StepCase<LossyVictim> {
  std::uint32_t bytes;
};

class LossyStepsTest : public ::testing::TestWithParam<LossyCase> {};
INSTANTIATE_TEST_SUITE_P(Every, LossyStepsTest,
                         ::testing::Values(LossyCase{{"Publish", publish_two}, kBytes},
                                           LossyCase{{"PublishLong", publish_two}, kLongBytes},
                                           LossyCase{{"TakingOver", take_over_lossy}, kBytes},
                                           LossyCase{{"Receive", receive_lossy}, kBytes},
                                           LossyCase{{"Anything", receive_without_hurry}, kBytes},
                                           LossyCase{{"ReceiveLong", receive_lossy}, kLongBytes}),
                         test::kNameOfCase);

TEST_P(LossyStepsTest, DeathLosesNothingAndTearsNothing) {
  test::kill_at_every_instruction(std::string("BroadcastLossy, ") + GetParam().name, [] {
    return std::make_unique<LossyVictim>(GetParam().operation, GetParam().bytes);
  });
}

}  // namespace
}  // namespace ringbell::core
