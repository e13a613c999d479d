// MpmcRing by one thread: order, laps, batches, aborts, what a death costs, and a peer that writes
// nonsense into the shared words.
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/mpmc_ring.hpp>

#include <tests/support/message.hpp>
#include <tests/support/mpmc_memory.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

using Ring = MpmcRing<>;

constexpr ParticipantId kAlice = 1;
constexpr ParticipantId kBob = 2;
constexpr ParticipantId kCarol = 3;
constexpr ParticipantId kDave = 4;

class MpmcRingTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 4;

  static bool send(Ring::Writer& writer, std::uint64_t number) {
    const std::span<std::byte> room = writer.claim();
    if (room.empty()) return false;
    test::write_message(room, number);
    EXPECT_TRUE(writer.commit());
    return true;
  }
  // Peeks, checks every byte and releases.
  static void expect(Ring::Reader& reader, std::uint64_t number) {
    const std::span<const std::byte> message = reader.peek();
    ASSERT_EQ(message.size(), reader.message_bytes()) << "nothing where " << number << " was due";
    EXPECT_TRUE(test::is_message(message, number)) << number;
    EXPECT_TRUE(reader.release());
  }
  static auto only(ParticipantId dead) {
    return [dead](ParticipantId id) { return id == dead; };
  }

  test::PlainMpmcMemory storage_{kSlots, 24};
  Ring::Writer alice_{storage_.memory(), kAlice};
  Ring::Writer bob_{storage_.memory(), kBob};
  Ring::Reader carol_{storage_.memory(), kCarol};
  Ring::Reader dave_{storage_.memory(), kDave};
};

TEST_F(MpmcRingTest, NewRingIsEmpty) {
  EXPECT_TRUE(carol_.peek().empty());
  EXPECT_EQ(carol_.waits_for(), 0);
}

TEST_F(MpmcRingTest, ReaderSeesNothingUntilCommit) {
  const std::span<std::byte> room = alice_.claim();
  ASSERT_EQ(room.size(), 24U);
  EXPECT_TRUE(carol_.peek().empty());
  EXPECT_EQ(carol_.waits_for(), kAlice);
  test::write_message(room, 7);
  EXPECT_TRUE(alice_.commit());
  expect(carol_, 7);
}

TEST_F(MpmcRingTest, LookForRoomClaimsNothing) {
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    ASSERT_TRUE(alice_.has_room());
    ASSERT_TRUE(send(bob_, number));
    if (number % kSlots == kSlots - 1) {
      ASSERT_FALSE(alice_.has_room());
      for (std::uint64_t read = number + 1 - kSlots; read <= number; ++read) expect(carol_, read);
    }
  }
  EXPECT_FALSE(bob_.claim().empty());
  EXPECT_TRUE(alice_.has_room());
  EXPECT_TRUE(bob_.commit());
}

TEST_F(MpmcRingTest, LookForMoreTakesNothing) {
  EXPECT_FALSE(carol_.has_more());
  ASSERT_TRUE(send(alice_, 0));
  EXPECT_TRUE(carol_.has_more());
  expect(dave_, 0);
  EXPECT_FALSE(carol_.has_more());
  ASSERT_TRUE(send(alice_, 1) && send(bob_, 2));
  expect(dave_, 1);
  EXPECT_TRUE(carol_.has_more()) << "behind what another one took";
  expect(carol_, 2);
}

TEST_F(MpmcRingTest, OrderIsThatOfTheClaims) {
  const std::span<std::byte> first = alice_.claim();
  test::write_message(first, 1);
  ASSERT_TRUE(send(bob_, 2));
  EXPECT_TRUE(carol_.peek().empty()) << "2 is committed, but 1 is before it";
  EXPECT_TRUE(alice_.commit());
  expect(carol_, 1);
  expect(dave_, 2);
}

TEST_F(MpmcRingTest, ManyLapsOfWritersAndReadersInTurn) {
  std::uint64_t sent = 0;
  std::uint64_t read = 0;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i <= round % 4; ++i) {
      ASSERT_TRUE(send((sent % 3 == 0) ? alice_ : bob_, sent));
      ++sent;
    }
    while (read < sent) {
      ASSERT_NO_FATAL_FAILURE(expect((read % 5 < 2) ? carol_ : dave_, read));
      ++read;
    }
  }
}

TEST_F(MpmcRingTest, FullRingRefusesAndSaysForWhom) {
  for (std::uint64_t number = 0; number < kSlots; ++number) ASSERT_TRUE(send(alice_, number));
  EXPECT_TRUE(bob_.claim().empty());
  EXPECT_EQ(bob_.waits_for(), 0);
  ASSERT_FALSE(carol_.peek().empty());
  EXPECT_TRUE(bob_.claim().empty());
  EXPECT_EQ(bob_.waits_for(), kCarol);
  EXPECT_TRUE(carol_.release());
  EXPECT_TRUE(send(bob_, kSlots));
}

TEST_F(MpmcRingTest, OneThatWasAwayForManyLapsFindsItsPlace) {
  Ring::Writer newcomer(storage_.memory(), 9);
  Ring::Reader late(storage_.memory(), 10);
  for (std::uint64_t number = 0; number < 1001; ++number) {
    ASSERT_TRUE(send(alice_, number));
    ASSERT_NO_FATAL_FAILURE(expect(carol_, number));
  }
  ASSERT_TRUE(send(newcomer, 5000));
  EXPECT_EQ(newcomer.position(), 1001U);
  ASSERT_NO_FATAL_FAILURE(expect(late, 5000));
  EXPECT_EQ(late.position(), 1001U);
}

TEST_F(MpmcRingTest, BatchIsConsecutiveAndVisibleAtCommit) {
  ASSERT_EQ(alice_.claim(3), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) test::write_message(alice_.payload(i), i);
  EXPECT_EQ(carol_.take(2), 0U);
  EXPECT_TRUE(alice_.commit());
  ASSERT_EQ(carol_.take(2), 2U);
  EXPECT_TRUE(test::is_message(carol_.payload(0), 0));
  EXPECT_TRUE(test::is_message(carol_.payload(1), 1));
  expect(dave_, 2);
  EXPECT_TRUE(carol_.release());
}

TEST_F(MpmcRingTest, BatchIsNoLongerThanTheRoom) {
  ASSERT_TRUE(send(bob_, 0));
  EXPECT_EQ(alice_.claim(9), 3U);
  EXPECT_TRUE(alice_.commit());
  EXPECT_EQ(carol_.take(9), 4U);
  EXPECT_TRUE(carol_.release());
}

TEST_F(MpmcRingTest, AbortedPlacesArePassedOver) {
  ASSERT_EQ(alice_.claim(2), 2U);
  ASSERT_TRUE(send(bob_, 5));
  EXPECT_TRUE(carol_.peek().empty());
  EXPECT_TRUE(alice_.abort());
  expect(carol_, 5);
  EXPECT_TRUE(carol_.peek().empty());
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    ASSERT_TRUE(send(alice_, number));
    ASSERT_NO_FATAL_FAILURE(expect(dave_, number));
  }
}

TEST_F(MpmcRingTest, PeekGivesTheSameMessageUntilRelease) {
  ASSERT_TRUE(send(alice_, 1));
  ASSERT_TRUE(send(alice_, 2));
  EXPECT_EQ(carol_.peek().data(), carol_.peek().data());
  expect(carol_, 1);
  expect(carol_, 2);
}

// --- death -------------------------------------------------------------------------------------

TEST_F(MpmcRingTest, DeadWritersClaimIsSkippedAndCounted) {
  ASSERT_EQ(alice_.claim(2), 2U);
  ASSERT_TRUE(send(bob_, 5));
  EXPECT_TRUE(carol_.peek().empty());
  EXPECT_EQ(carol_.waits_for(), kAlice);
  const MpmcRecovered found = carol_.recover(only(kAlice));
  EXPECT_EQ(found.skipped, 2U);
  EXPECT_EQ(found.returned, 0U);
  EXPECT_EQ(storage_.memory().control->skipped, 2U);
  expect(carol_, 5);
}

TEST_F(MpmcRingTest, LivingOwnersKeepTheirSlots) {
  ASSERT_FALSE(alice_.claim().empty());
  const MpmcRecovered found = carol_.recover([](ParticipantId) { return false; });
  EXPECT_EQ(found.skipped + found.returned, 0U);
  EXPECT_TRUE(alice_.commit());
}

TEST_F(MpmcRingTest, WriterDeclaredDeadLearnsOfItAtCommit) {
  const std::span<std::byte> room = alice_.claim();
  (void)carol_.recover(only(kAlice));
  test::write_message(room, 1);
  EXPECT_FALSE(alice_.commit());
  EXPECT_EQ(alice_.evicted(), 1U);
  EXPECT_TRUE(carol_.peek().empty());
  EXPECT_TRUE(send(alice_, 2)) << "and may go on";
  expect(carol_, 2);
}

TEST_F(MpmcRingTest, DeadReadersMessageComesAgainMarked) {
  ASSERT_TRUE(send(alice_, 1));
  ASSERT_TRUE(send(alice_, 2));
  ASSERT_FALSE(carol_.peek().empty());
  expect(dave_, 2);
  EXPECT_TRUE(dave_.peek().empty());
  EXPECT_EQ(bob_.recover(only(kCarol)).returned, 1U);
  ASSERT_FALSE(dave_.peek().empty());
  EXPECT_TRUE(dave_.redelivered());
  expect(dave_, 1);
  EXPECT_TRUE(dave_.peek().empty());
  ASSERT_TRUE(send(alice_, 3));
  ASSERT_FALSE(dave_.peek().empty());
  EXPECT_FALSE(dave_.redelivered());
}

TEST_F(MpmcRingTest, MessageOfTwoDeadReadersComesAThirdTime) {
  ASSERT_TRUE(send(alice_, 1));
  ASSERT_FALSE(carol_.peek().empty());
  (void)alice_.recover(only(kCarol));
  ASSERT_FALSE(dave_.peek().empty());
  (void)alice_.recover(only(kDave));
  EXPECT_FALSE(dave_.release());
  EXPECT_EQ(dave_.evicted(), 1U);
  Ring::Reader third(storage_.memory(), 9);
  ASSERT_FALSE(third.peek().empty());
  EXPECT_TRUE(third.redelivered());
  expect(third, 1);
}

TEST_F(MpmcRingTest, DeadReaderHoldingAnOldMessageStopsNobodyAfterRecovery) {
  ASSERT_TRUE(send(alice_, 0));
  ASSERT_FALSE(carol_.peek().empty());
  std::uint64_t number = 1;
  while (send(alice_, number)) ++number;
  EXPECT_EQ(alice_.waits_for(), kCarol);
  for (std::uint64_t read = 1; read < number; ++read) {
    ASSERT_NO_FATAL_FAILURE(expect(dave_, read));
  }
  EXPECT_EQ(alice_.recover(only(kCarol)).returned, 1U);
  EXPECT_TRUE(alice_.claim().empty()) << "it waits to be read again";
  expect(dave_, 0);
  EXPECT_TRUE(send(alice_, number));
  expect(dave_, number);
}

TEST_F(MpmcRingTest, IdMayBeUsedAgainAfterRecovery) {
  ASSERT_FALSE(alice_.claim().empty());
  (void)bob_.recover(only(kAlice));
  Ring::Writer successor(storage_.memory(), kAlice);
  ASSERT_TRUE(send(successor, 1));
  EXPECT_FALSE(alice_.commit()) << "the slot is in another lap";
  expect(carol_, 1);
}

// --- nonsense in the shared words ----------------------------------------------------------------

TEST_F(MpmcRingTest, StateThatNoRingWritesIsCorrupt) {
  for (const MpmcState nonsense :
       {MpmcState{7}, MpmcState{4}, MpmcState{1}, MpmcState{8}, MpmcState{0x10}, ~MpmcState{0}}) {
    test::PlainMpmcMemory storage(kSlots, 8);
    storage.state(0) = nonsense;
    Ring::Writer writer(storage.memory(), kAlice);
    Ring::Reader reader(storage.memory(), kBob);
    EXPECT_TRUE(writer.claim().empty()) << nonsense;
    EXPECT_TRUE(reader.peek().empty()) << nonsense;
    EXPECT_TRUE(writer.corrupt()) << nonsense;
    EXPECT_TRUE(reader.corrupt()) << nonsense;
    (void)reader.recover([](ParticipantId) { return true; });
  }
}

TEST_F(MpmcRingTest, AnyWordsAtAllLeadNowhereElse) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int round = 0; round < 2000; ++round) {
    test::PlainMpmcMemory storage(kSlots, 8);
    const auto word = [&] {
      const std::uint64_t random = test::mix(dice.roll(UINT64_MAX));
      return dice.roll(2) == 0 ? random : random >> dice.roll(64);
    };
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) storage.state(slot) = word();
    MpmcControl& control = *storage.memory().control;
    control.head_hint = word();
    control.tail_hint = word();
    control.returned = word();
    Ring::Writer writer(storage.memory(), kAlice);
    Ring::Reader reader(storage.memory(), kBob);
    for (int i = 0; i < 10; ++i) {
      const std::span<std::byte> room = writer.claim();
      std::fill(room.begin(), room.end(), std::byte{1});
      writer.commit();
      if (reader.take(3) > 0) reader.release();
      (void)reader.recover([&](ParticipantId id) { return id % 2 == 0; });
    }
  }
}

}  // namespace
}  // namespace ringbell::core
