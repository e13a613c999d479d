// BroadcastLossless by one thread: order, waiting for the slowest, joining, leaving, eviction,
// writers that die, and nonsense in the shared words.
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

using Lossless = BroadcastLossless<>;

constexpr ParticipantId kAlice = 1;
constexpr ParticipantId kBob = 2;
constexpr ParticipantId kCarol = 3;

auto only(ParticipantId dead) {
  return [dead](ParticipantId id) { return id == dead; };
}

class BroadcastLosslessTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint64_t kStep = kSlots / 8;

  static bool send(Lossless::Writer& writer, std::uint64_t number) {
    const std::span<std::byte> room = writer.claim();
    if (room.empty()) return false;
    test::write_message(room, number);
    writer.commit();
    return true;
  }
  std::uint64_t send_all_there_is_room_for() {
    while (send(writer_, writer_.position())) {
    }
    return writer_.position();
  }
  static void expect(Lossless::Reader& reader, std::uint64_t number) {
    const std::span<const std::byte> message = reader.peek();
    ASSERT_EQ(message.size(), reader.message_bytes()) << "nothing where " << number << " was due";
    EXPECT_TRUE(test::is_message(message, number)) << number;
    reader.release();
  }
  [[nodiscard]] Lossless::Reader join(ParticipantId id,
                                      BroadcastStart start = BroadcastStart::oldest) const {
    return *Lossless::Reader::join(storage_.memory(), id, start);
  }
  [[nodiscard]] std::uint64_t& cell(std::size_t i) const {
    return storage_.memory().control->readers[i].state;
  }

  test::PlainBroadcastMemory storage_{kSlots, 24, 3};
  Lossless::Writer writer_{storage_.memory()};
};

TEST_F(BroadcastLosslessTest, ReaderSeesNothingUntilCommit) {
  Lossless::Reader alice = join(kAlice);
  const std::span<std::byte> room = writer_.claim();
  ASSERT_EQ(room.size(), 24U);
  EXPECT_TRUE(alice.peek().empty());
  test::write_message(room, 0);
  writer_.commit();
  EXPECT_EQ(alice.peek().data(), alice.peek().data()) << "the same until release()";
  expect(alice, 0);
  EXPECT_TRUE(alice.peek().empty());
}

TEST_F(BroadcastLosslessTest, AbortedClaimIsNeverSeen) {
  Lossless::Reader alice = join(kAlice);
  test::write_message(writer_.claim(), 99);
  writer_.abort();
  EXPECT_TRUE(alice.peek().empty());
  ASSERT_TRUE(send(writer_, 0));
  expect(alice, 0);
}

TEST_F(BroadcastLosslessTest, EachReaderSeesEveryMessageInOrder) {
  Lossless::Reader alice = join(kAlice);
  Lossless::Reader bob = join(kBob);
  std::uint64_t read_by_alice = 0;
  std::uint64_t read_by_bob = 0;
  while (read_by_bob < 1000) {
    const std::uint64_t sent = send_all_there_is_room_for();
    while (read_by_alice < sent) ASSERT_NO_FATAL_FAILURE(expect(alice, read_by_alice++));
    EXPECT_TRUE(alice.peek().empty());
    for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(expect(bob, read_by_bob++));
  }
}

TEST_F(BroadcastLosslessTest, WriterWithoutReadersWaitsForNobody) {
  for (std::uint64_t number = 0; number < 10 * kSlots; ++number) {
    ASSERT_TRUE(send(writer_, number));
    EXPECT_EQ(writer_.waits_for(), 0);
  }
}

TEST_F(BroadcastLosslessTest, WriterWaitsForTheSlowestAndSaysForWhom) {
  Lossless::Reader alice = join(kAlice);
  Lossless::Reader bob = join(kBob);
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  for (std::uint64_t number = 0; number < kSlots; ++number) expect(alice, number);
  EXPECT_TRUE(writer_.claim().empty());
  EXPECT_EQ(writer_.waits_for(), kBob);
  for (std::uint64_t number = 0; number < kStep; ++number) expect(bob, number);
  EXPECT_EQ(send_all_there_is_room_for(), kSlots + kStep);
  EXPECT_EQ(writer_.waits_for(), kBob);
}

TEST_F(BroadcastLosslessTest, ReaderTellsInStepsAndWhenItFindsNothing) {
  Lossless::Reader alice = join(kAlice);
  send_all_there_is_room_for();
  expect(alice, 0);
  EXPECT_TRUE(writer_.claim().empty());
  alice.publish_position();
  EXPECT_FALSE(writer_.claim().empty());
  writer_.abort();
  expect(alice, 1);
  expect(alice, 2);
  EXPECT_EQ(send_all_there_is_room_for(), kSlots + 1 + kStep);
}

TEST_F(BroadcastLosslessTest, ReaderTellsBetweenTwoSteps) {
  Lossless::Reader alice = join(kAlice);
  alice.publish_position();
  EXPECT_EQ(send_all_there_is_room_for(), kSlots) << "nothing new was told";
  expect(alice, 0);
  EXPECT_FALSE(send(writer_, kSlots));
  alice.publish_position();
  alice.publish_position();
  EXPECT_TRUE(send(writer_, kSlots));
  EXPECT_FALSE(send(writer_, kSlots + 1));
}

TEST_F(BroadcastLosslessTest, LateReadersJoinAtTheOldestOrTheNewest) {
  for (std::uint64_t sent = 0; sent < 5 * kSlots; ++sent) {
    {
      Lossless::Reader old = join(kAlice);
      Lossless::Reader fresh = join(kBob, BroadcastStart::newest);
      EXPECT_EQ(fresh.position(), sent);
      EXPECT_LE(old.position(), sent > kSlots - kStep ? sent - kSlots + kStep : 0);
      EXPECT_GE(old.position() + kSlots, sent);
      for (std::uint64_t number = old.position(); number < sent; ++number) {
        ASSERT_NO_FATAL_FAILURE(expect(old, number));
      }
      EXPECT_TRUE(old.peek().empty());
      EXPECT_TRUE(fresh.peek().empty());
    }
    ASSERT_TRUE(send(writer_, sent)) << "both have left";
  }
}

TEST_F(BroadcastLosslessTest, JoiningReaderKeepsItsRecordsFromBeingOverwritten) {
  for (std::uint64_t number = 0; number < 5 * kSlots + 3; ++number) {
    ASSERT_TRUE(send(writer_, number));
  }
  Lossless::Reader alice = join(kAlice);
  const std::uint64_t oldest = alice.position();
  const std::uint64_t sent = send_all_there_is_room_for();
  EXPECT_EQ(sent, oldest + kSlots);
  for (std::uint64_t number = oldest; number < sent; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(alice, number));
  }
}

TEST_F(BroadcastLosslessTest, NoMoreReadersThanCells) {
  Lossless::Reader alice = join(kAlice);
  Lossless::Reader bob = join(kBob);
  std::optional<Lossless::Reader> carol = join(kCarol);
  EXPECT_FALSE(Lossless::Reader::join(storage_.memory(), 4).has_value());
  carol.reset();
  EXPECT_TRUE(Lossless::Reader::join(storage_.memory(), 4).has_value());
}

TEST_F(BroadcastLosslessTest, MovedReaderKeepsItsCellAndLeavesOnce) {
  std::optional<Lossless::Reader> first = join(kAlice);
  Lossless::Reader second = std::move(*first);
  first.reset();
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  expect(second, 0);
  second = join(kBob);
  EXPECT_EQ(second.id(), kBob);
  EXPECT_EQ(BroadcastCellState(cell(0)).owner(), 0);
}

TEST_F(BroadcastLosslessTest, DeadReaderIsEvictedAndTheWriterGoesOn) {
  Lossless::Reader dead = join(kAlice);
  Lossless::Reader bob = join(kBob);
  const std::uint64_t sent = send_all_there_is_room_for();
  for (std::uint64_t number = 0; number < sent; ++number) expect(bob, number);
  EXPECT_TRUE(bob.peek().empty());
  EXPECT_TRUE(writer_.claim().empty());
  ASSERT_EQ(writer_.waits_for(), kAlice);
  EXPECT_EQ(writer_.evict([](ParticipantId) { return false; }), 0U);
  EXPECT_EQ(writer_.evict(only(kAlice)), 1U);
  EXPECT_TRUE(send(writer_, sent));
  expect(bob, sent);
  EXPECT_FALSE(bob.evicted());
}

TEST_F(BroadcastLosslessTest, ReaderThatDiedJoiningIsEvicted) {
  for (std::uint64_t number = 0; number < 5 * kSlots; ++number) {
    ASSERT_TRUE(send(writer_, number));
  }
  cell(1) = BroadcastCellState(kCarol, 3).word();  // long overwritten: it was slow to get there
  send_all_there_is_room_for();
  EXPECT_EQ(writer_.waits_for(), kCarol);
  EXPECT_FALSE(writer_.corrupt());
  EXPECT_EQ(Lossless::evict(storage_.memory(), only(kCarol)), 1U);
  EXPECT_TRUE(send(writer_, 0));
}

TEST_F(BroadcastLosslessTest, EvictedReaderThatLivesFindsOutWhenItTells) {
  Lossless::Reader alice = join(kAlice);
  send_all_there_is_room_for();
  expect(alice, 0);
  (void)writer_.evict(only(kAlice));
  expect(alice, 1);
  EXPECT_TRUE(alice.evicted());
  EXPECT_TRUE(alice.peek().empty());
  EXPECT_FALSE(alice.corrupt());
}

TEST_F(BroadcastLosslessTest, EvictedReaderThatLivesFindsOutWhenThereIsNothing) {
  Lossless::Reader alice = join(kAlice);
  Lossless::Reader bob = join(kBob);
  (void)writer_.evict(only(kAlice));
  EXPECT_TRUE(alice.peek().empty());
  EXPECT_TRUE(alice.evicted());
  bob.publish_position();
  EXPECT_FALSE(bob.evicted()) << "there was nothing to publish";
  (void)writer_.evict(only(kBob));
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    ASSERT_TRUE(send(writer_, number));
  }
  EXPECT_TRUE(bob.peek().empty()) << "what was due was overwritten";
  EXPECT_TRUE(bob.evicted());
  EXPECT_FALSE(bob.corrupt());
}

TEST_F(BroadcastLosslessTest, EvictedReaderLeavesTheNewOwnerOfItsCellAlone) {
  std::optional<Lossless::Reader> alice = join(kAlice);
  (void)writer_.evict(only(kAlice));
  Lossless::Reader bob = join(kBob);
  EXPECT_TRUE(alice->peek().empty());
  alice.reset();
  EXPECT_EQ(BroadcastCellState(cell(0)).owner(), kBob);
}

TEST_F(BroadcastLosslessTest, SuccessorGoesOnBehindWhatWasCommitted) {
  Lossless::Reader alice = join(kAlice);
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    test::write_message(writer_.claim(), 77);  // and dies
    writer_ = Lossless::Writer(storage_.memory());
    ASSERT_EQ(writer_.position(), number);
    ASSERT_TRUE(send(writer_, number));
    ASSERT_NO_FATAL_FAILURE(expect(alice, number));
  }
}

TEST_F(BroadcastLosslessTest, SuccessorKeepsToTheReaders) {
  Lossless::Reader alice = join(kAlice);
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  writer_ = Lossless::Writer(storage_.memory());
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  EXPECT_EQ(writer_.waits_for(), kAlice);
}

TEST_F(BroadcastLosslessTest, ReaderAheadOfTheWriterIsCorrupt) {
  cell(2) = BroadcastCellState(kAlice, 1).word();
  EXPECT_TRUE(writer_.claim().empty());
  EXPECT_TRUE(writer_.corrupt());
  cell(2) = 0;
  EXPECT_TRUE(writer_.claim().empty()) << "for good";
}

TEST_F(BroadcastLosslessTest, OverwrittenRecordOfAReaderThatWasNotEvictedIsCorrupt) {
  Lossless::Reader alice = join(kAlice);
  storage_.sequence(0) = holding_sequence(kSlots);
  EXPECT_TRUE(alice.peek().empty());
  EXPECT_TRUE(alice.corrupt());
  alice.publish_position();  // of nothing
  storage_.sequence(0) = holding_sequence(0);
  EXPECT_TRUE(alice.peek().empty()) << "for good";
  EXPECT_FALSE(alice.evicted());
}

TEST_F(BroadcastLosslessTest, ImpossibleLimitLetsNobodyJoin) {
  storage_.memory().control->limit = ~std::uint64_t{0};
  EXPECT_FALSE(Lossless::Reader::join(storage_.memory(), kAlice).has_value());
  EXPECT_EQ(cell(0), 0U);
}

TEST_F(BroadcastLosslessTest, CellsHoldPositionsOfAnySize) {
  for (const std::uint64_t position : {std::uint64_t{0}, (std::uint64_t{1} << 48U) - 1,
                                       std::uint64_t{1} << 48U, kMaxBroadcastPosition - 1}) {
    const BroadcastCellState state(kAlice, position);
    EXPECT_EQ(state.owner(), kAlice);
    EXPECT_EQ(state.behind(position + 5), 5);
    EXPECT_EQ(state.behind(position - 5), -5);
  }
}

TEST_F(BroadcastLosslessTest, AnyWordsAtAllLeadNowhereElse) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int round = 0; round < 2000; ++round) {
    test::PlainBroadcastMemory storage(kSlots, 8, 3);
    const auto word = [&] { return test::mix(dice.roll(UINT64_MAX)) >> dice.roll(64); };
    std::optional<Lossless::Reader> early = Lossless::Reader::join(storage.memory(), kAlice);
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
      storage.sequence(slot) =
          dice.roll(4) == 0 ? word() : holding_sequence(word() / kSlots * kSlots + slot);
    }
    BroadcastControl& control = *storage.memory().control;
    control.limit = word();
    control.readers[dice.roll(3)].state = word();
    Lossless::Writer writer(storage.memory());
    std::optional<Lossless::Reader> late =
        Lossless::Reader::join(storage.memory(), kBob,
                               dice.roll(2) == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
    for (std::uint64_t i = 0; i < 20; ++i) {
      (void)send(writer, i);
      for (auto* reader : {&early, &late}) {
        if (*reader && !(*reader)->peek().empty()) (*reader)->release();
      }
      (void)writer.evict([&](ParticipantId id) { return id % 2 == 0; });
    }
  }
}

}  // namespace
}  // namespace ringbell::core
