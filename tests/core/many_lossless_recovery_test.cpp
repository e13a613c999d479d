// ManyLossless by one thread: what a death costs, and nonsense in the shared words.
#include <algorithm>
#include <cstdint>
#include <optional>

#include <tests/core/many_lossless_fixture.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

class ManyLosslessRecoveryTest : public ManyLosslessTest {
 protected:
  static auto only(ParticipantId dead) {
    return [dead](ParticipantId id) { return id == dead; };
  }
};

TEST_F(ManyLosslessRecoveryTest, DeadWritersClaimIsPassedOverAndCounted) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  ASSERT_EQ(alice_.claim(2), 2U);
  ASSERT_TRUE(send(bob_, 5));
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(carol.waits_for(), kAlice);
  const ManyRecovered found = Ring::recover(storage_.memory(), only(kAlice));
  EXPECT_EQ(found.skipped, 2U);
  EXPECT_EQ(found.evicted, 0U);
  EXPECT_EQ(storage_.memory().control->claims.skipped, 2U);
  expect(carol, 5);
  expect(dave, 5);
}

TEST_F(ManyLosslessRecoveryTest, WritersWaitAtTheSlotOfADeadOneOnlyALapLater) {
  ASSERT_FALSE(alice_.claim().empty());
  for (std::uint64_t number = 1; number < kSlots; ++number) ASSERT_TRUE(send(bob_, number));
  EXPECT_FALSE(bob_.has_room());
  EXPECT_TRUE(bob_.claim().empty());
  EXPECT_EQ(bob_.waits_for(), kAlice);
  EXPECT_EQ(bob_.recover(only(kAlice)).skipped, 1U);
  EXPECT_TRUE(send(bob_, kSlots));
}

TEST_F(ManyLosslessRecoveryTest, LivingOwnersKeepWhatTheyHave) {
  Ring::Reader carol = join(kCarol);
  ASSERT_FALSE(alice_.claim().empty());
  const ManyRecovered found = bob_.recover([](ParticipantId) { return false; });
  EXPECT_EQ(found.skipped + found.evicted, 0U);
  EXPECT_TRUE(alice_.commit());
  EXPECT_FALSE(carol.peek().empty());
}

TEST_F(ManyLosslessRecoveryTest, WriterDeclaredDeadLearnsOfItAtCommit) {
  Ring::Reader carol = join(kCarol);
  const std::span<std::byte> room = alice_.claim();
  (void)bob_.recover(only(kAlice));
  test::write_message(room, 1);
  EXPECT_FALSE(alice_.commit());
  EXPECT_EQ(alice_.evicted(), 1U);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(send(alice_, 2)) << "and may go on";
  expect(carol, 2);
}

TEST_F(ManyLosslessRecoveryTest, IdMayBeUsedAgainAfterRecovery) {
  Ring::Reader carol = join(kCarol);
  ASSERT_FALSE(alice_.claim().empty());
  (void)bob_.recover(only(kAlice));
  Ring::Writer successor(storage_.memory(), kAlice);
  for (std::uint64_t number = 0; number < 2 * kSlots; ++number) {
    ASSERT_TRUE(send(successor, number));
    ASSERT_NO_FATAL_FAILURE(expect(carol, number));
  }
  EXPECT_FALSE(alice_.commit()) << "the slot is in another lap";
}

TEST_F(ManyLosslessRecoveryTest, DeadReaderIsEvictedAndAllWritersGoOn) {
  Ring::Reader dead = join(kCarol);
  Ring::Reader dave = join(kDave);
  std::uint64_t sent = send_all_there_is_room_for();
  for (std::uint64_t number = 0; number < sent; ++number) expect(dave, number);
  EXPECT_TRUE(dave.peek().empty());
  EXPECT_TRUE(alice_.claim().empty());
  ASSERT_EQ(alice_.waits_for(), kCarol);
  EXPECT_EQ(alice_.recover([](ParticipantId) { return false; }).evicted, 0U);
  EXPECT_EQ(alice_.recover(only(kCarol)).evicted, 1U);
  EXPECT_TRUE(send(bob_, sent));
  EXPECT_TRUE(send(alice_, sent + 1));
  expect(dave, sent);
  expect(dave, sent + 1);
  EXPECT_FALSE(dave.evicted());
}

TEST_F(ManyLosslessRecoveryTest, ReaderThatDiedJoiningIsEvicted) {
  send_and_be_read_by_none(5 * kSlots);
  storage_.cell(1) = BroadcastCellState(kCarol, 3).word();  // long overwritten: slow to get there
  const std::uint64_t sent = send_all_there_is_room_for(5 * kSlots);
  EXPECT_EQ(alice_.waits_for() | bob_.waits_for(), kCarol);
  EXPECT_FALSE(alice_.corrupt() || bob_.corrupt());
  EXPECT_EQ(Ring::recover(storage_.memory(), only(kCarol)).evicted, 1U);
  EXPECT_TRUE(send(bob_, sent));
}

TEST_F(ManyLosslessRecoveryTest, EvictedReaderThatLivesFindsOutWhenItTells) {
  Ring::Reader carol = join(kCarol);
  send_all_there_is_room_for();
  expect(carol, 0);
  (void)alice_.recover(only(kCarol));
  expect(carol, 1);
  EXPECT_TRUE(carol.evicted());
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_FALSE(carol.corrupt());
}

// The cell may be another's by then.
TEST_F(ManyLosslessRecoveryTest, EvictedReaderThatKnowsItTellsNoMore) {
  Ring::Reader carol = join(kCarol);
  send_all_there_is_room_for();
  expect(carol, 0);
  ASSERT_FALSE(carol.peek().empty());
  (void)alice_.recover(only(kCarol));
  carol.publish_position();
  ASSERT_TRUE(carol.evicted());
  const std::uint64_t told = carol.published_position();
  carol.release();
  carol.publish_position();
  EXPECT_EQ(carol.published_position(), told);
}

TEST_F(ManyLosslessRecoveryTest, EvictedReaderThatLivesFindsOutWhenThereIsNothing) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  (void)alice_.recover(only(kCarol));
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(carol.evicted());
  (void)alice_.recover(only(kDave));
  send_and_be_read_by_none(3 * kSlots);
  EXPECT_TRUE(dave.peek().empty()) << "what was due was overwritten";
  EXPECT_TRUE(dave.evicted());
  EXPECT_FALSE(dave.corrupt());
}

TEST_F(ManyLosslessRecoveryTest, EvictedReaderThatPassesOverPlacesFindsOutThen) {
  Ring::Reader carol = join(kCarol);
  ASSERT_EQ(alice_.claim(kStep), kStep);
  EXPECT_TRUE(alice_.abort());
  ASSERT_TRUE(send(bob_, 1));
  (void)bob_.recover(only(kCarol));
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(carol.evicted());
}

TEST_F(ManyLosslessRecoveryTest, EvictedReaderLeavesTheNewOwnerOfItsCellAlone) {
  std::optional<Ring::Reader> carol = join(kCarol);
  (void)bob_.recover(only(kCarol));
  Ring::Reader dave = join(kDave);
  EXPECT_TRUE(carol->peek().empty());
  carol.reset();
  EXPECT_EQ(BroadcastCellState(storage_.cell(0)).owner(), kDave);
}

// --- nonsense in the shared words ----------------------------------------------------------------

TEST_F(ManyLosslessRecoveryTest, StateThatNoRingWritesIsCorrupt) {
  const MpmcState taken = MpmcSlotState::taken(0, kAlice, false);
  const MpmcState again = MpmcSlotState::ready(0, true);
  for (const MpmcState nonsense : {MpmcState{7}, MpmcState{4}, MpmcState{1}, MpmcState{8},
                                   MpmcState{0x10}, ~MpmcState{0}, taken, again}) {
    test::PlainManyMemory storage(kSlots, 8, 3);
    Ring::Reader reader = *Ring::Reader::join(storage.memory(), kCarol);
    Ring::Writer writer(storage.memory(), kAlice);
    storage.state(0) = nonsense;
    EXPECT_TRUE(reader.peek().empty()) << nonsense;
    EXPECT_TRUE(reader.corrupt()) << nonsense;
    storage.state(0) = MpmcSlotState::ready(0, false);
    EXPECT_TRUE(reader.peek().empty()) << "for good";
    EXPECT_FALSE(reader.evicted());
    storage.state(0) = nonsense;
    (void)writer.claim();
    EXPECT_TRUE(writer.corrupt()) << nonsense;
    (void)writer.recover([](ParticipantId) { return true; });
  }
}

TEST_F(ManyLosslessRecoveryTest, OverwrittenMessageOfAReaderThatWasNotEvictedIsCorrupt) {
  Ring::Reader carol = join(kCarol);
  storage_.state(0) = MpmcSlotState::claimed(1, kAlice);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_FALSE(carol.corrupt()) << "an eviction may not be visible yet";
  storage_.state(0) = MpmcSlotState::ready(1, false);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(carol.corrupt());
  EXPECT_FALSE(carol.evicted());
}

TEST_F(ManyLosslessRecoveryTest, ImpossibleLimitLetsNoneJoinAndNoneWrite) {
  storage_.memory().control->readers.limit = ~std::uint64_t{0};
  EXPECT_FALSE(Ring::Reader::join(storage_.memory(), kCarol).has_value());
  EXPECT_FALSE(Ring::Reader::join(storage_.memory(), kCarol, BroadcastStart::newest).has_value());
  EXPECT_EQ(storage_.cell(0), 0U);
  EXPECT_TRUE(alice_.claim().empty());
  EXPECT_TRUE(alice_.corrupt());
  EXPECT_STREQ(alice_.finding().field, "BroadcastControl::limit");
  EXPECT_EQ(alice_.in_use(), 0U);
}

TEST_F(ManyLosslessRecoveryTest, ImpossibleHintIsCorrupt) {
  storage_.memory().control->claims.tail_hint = std::uint64_t{1} << 62U;
  Ring::Writer writer(storage_.memory(), kErin);
  EXPECT_TRUE(writer.claim().empty());
  EXPECT_TRUE(writer.corrupt());
  EXPECT_EQ(storage_.memory().control->readers.limit, 0U);
}

TEST_F(ManyLosslessRecoveryTest, LimitThatWentBackIsRaisedAgain) {
  send_and_be_read_by_none(2 * kSlots);
  storage_.memory().control->readers.limit = 0;
  for (std::uint64_t number = 0; number < 2 * kSlots; ++number) {
    ASSERT_TRUE(send(alice_, number));
  }
  EXPECT_GE(storage_.memory().control->readers.limit, 4 * kSlots);
  EXPECT_FALSE(alice_.corrupt());
}

TEST_F(ManyLosslessRecoveryTest, AnyWordsAtAllLeadNowhereElse) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int round = 0; round < 2000; ++round) {
    test::PlainManyMemory storage(kSlots, 8, 3);
    const auto word = [&] { return test::mix(dice.roll(UINT64_MAX)) >> dice.roll(64); };
    std::optional<Ring::Reader> early = Ring::Reader::join(storage.memory(), kCarol);
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
      storage.state(slot) = dice.roll(4) == 0 ? word() : MpmcSlotState::ready(dice.roll(4), false);
    }
    ManyControl& control = *storage.memory().control;
    control.readers.limit = word();
    control.claims.tail_hint = word();
    control.readers.readers[dice.roll(3)].state = word();
    Ring::Writer writer(storage.memory(), kAlice);
    std::optional<Ring::Reader> late =
        Ring::Reader::join(storage.memory(), kDave,
                           dice.roll(2) == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::span<std::byte> room = writer.claim();
      std::fill(room.begin(), room.end(), std::byte{1});
      if (!room.empty()) (void)writer.commit();
      for (auto* reader : {&early, &late}) {
        if (*reader && !(*reader)->peek().empty()) (*reader)->release();
      }
      (void)writer.recover([&](ParticipantId id) { return id % 2 == 0; });
    }
  }
}

}  // namespace
}  // namespace ringbell::core
