// ManyLossless by one thread: one order for all, waiting for the slowest, joining, leaving, aborts.
#include <cstdint>
#include <optional>

#include <tests/core/many_lossless_fixture.hpp>

namespace ringbell::core {
namespace {

TEST_F(ManyLosslessTest, NewRingIsEmpty) {
  Ring::Reader carol = join(kCarol);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(carol.waits_for(), 0);
  EXPECT_EQ(carol.lag(), 0U);
}

TEST_F(ManyLosslessTest, ReaderSeesNothingUntilCommit) {
  Ring::Reader carol = join(kCarol);
  const std::span<std::byte> room = alice_.claim();
  ASSERT_EQ(room.size(), 24U);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(carol.waits_for(), kAlice);
  test::write_message(room, 7);
  EXPECT_TRUE(alice_.commit());
  EXPECT_EQ(carol.peek().data(), carol.peek().data()) << "the same until release()";
  expect(carol, 7);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(carol.waits_for(), 0);
}

TEST_F(ManyLosslessTest, OrderIsThatOfTheClaimsForEachReader) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  const std::span<std::byte> first = alice_.claim();
  ASSERT_TRUE(send(bob_, 2));
  EXPECT_TRUE(carol.peek().empty()) << "2 is committed, but 1 is before it";
  test::write_message(first, 1);
  EXPECT_TRUE(alice_.commit());
  for (Ring::Reader* reader : {&carol, &dave}) {
    expect(*reader, 1);
    expect(*reader, 2);
    EXPECT_TRUE(reader->peek().empty());
  }
}

TEST_F(ManyLosslessTest, EachReaderSeesEveryMessageOfAllWritersInOrder) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  std::uint64_t sent = 0;
  std::uint64_t read_by_carol = 0;
  std::uint64_t read_by_dave = 0;
  while (read_by_dave < 1000) {
    sent = send_all_there_is_room_for(sent);
    EXPECT_EQ(dave.lag(), sent - read_by_dave);
    while (read_by_carol < sent) ASSERT_NO_FATAL_FAILURE(expect(carol, read_by_carol++));
    EXPECT_TRUE(carol.peek().empty());
    EXPECT_EQ(carol.lag(), 0U);
    for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(expect(dave, read_by_dave++));
  }
}

TEST_F(ManyLosslessTest, BatchIsConsecutiveAndVisibleAtCommit) {
  Ring::Reader carol = join(kCarol);
  ASSERT_EQ(alice_.claim(3), 3U);
  ASSERT_TRUE(send(bob_, 3));
  for (std::uint32_t i = 0; i < 3; ++i) test::write_message(alice_.payload(i), i);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(alice_.commit());
  for (std::uint64_t number = 0; number < 4; ++number) expect(carol, number);
}

TEST_F(ManyLosslessTest, BatchIsNoLongerThanTheRoom) {
  Ring::Reader carol = join(kCarol);
  ASSERT_TRUE(send(bob_, 0));
  EXPECT_EQ(alice_.claim(99), kSlots - 1);
  for (std::uint32_t i = 0; i < kSlots - 1; ++i) test::write_message(alice_.payload(i), i + 1);
  EXPECT_TRUE(alice_.commit());
  EXPECT_EQ(bob_.claim(2), 0U);
  EXPECT_EQ(bob_.waits_for(), kCarol);
  for (std::uint64_t number = 0; number < kSlots; ++number) expect(carol, number);
}

TEST_F(ManyLosslessTest, WritersWithoutReadersWaitForNone) {
  send_and_be_read_by_none(10 * kSlots);
  EXPECT_EQ(alice_.waits_for(), 0);
  EXPECT_EQ(bob_.waits_for(), 0);
}

TEST_F(ManyLosslessTest, WritersWaitForTheSlowestAndSayForWhich) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  for (std::uint64_t number = 0; number < kSlots; ++number) expect(carol, number);
  for (Ring::Writer* writer : {&alice_, &bob_}) {
    EXPECT_FALSE(writer->has_room());
    EXPECT_TRUE(writer->claim().empty());
    EXPECT_EQ(writer->waits_for(), kDave);
    EXPECT_EQ(writer->in_use(), kSlots);
  }
  for (std::uint64_t number = 0; number < kStep; ++number) expect(dave, number);
  EXPECT_TRUE(bob_.has_room());
  EXPECT_EQ(send_all_there_is_room_for(kSlots), kSlots + kStep);
}

TEST_F(ManyLosslessTest, WriterThatWroteNothingKnowsHowFarTheSlowestIsBehind) {
  const Ring::Writer newcomer(storage_.memory(), kErin);
  Ring::Reader carol = join(kCarol);
  for (std::uint64_t sent = 0; sent < kSlots; ++sent) {
    EXPECT_EQ(newcomer.in_use(), sent);
    ASSERT_TRUE(send(bob_, sent));
  }
  EXPECT_EQ(newcomer.in_use(), kSlots);
  for (std::uint64_t number = 0; number < kSlots; ++number) expect(carol, number);
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(newcomer.in_use(), 0U);
}

TEST_F(ManyLosslessTest, ReaderTellsInStepsAndWhenItFindsNothing) {
  Ring::Reader carol = join(kCarol);
  std::uint64_t sent = send_all_there_is_room_for();
  expect(carol, 0);
  EXPECT_TRUE(alice_.claim().empty());
  carol.publish_position();
  carol.publish_position();  // nothing new
  ASSERT_TRUE(send(alice_, sent++));
  expect(carol, 1);
  EXPECT_TRUE(bob_.claim().empty());
  while (carol.position() < sent) expect(carol, carol.position());
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(send_all_there_is_room_for(sent), sent + kSlots);
}

TEST_F(ManyLosslessTest, LookForRoomClaimsNothing) {
  Ring::Reader carol = join(kCarol);
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    ASSERT_TRUE(alice_.has_room());
    ASSERT_TRUE(send(bob_, number));
    ASSERT_NO_FATAL_FAILURE(expect(carol, number));
  }
  EXPECT_TRUE(carol.peek().empty());
}

TEST_F(ManyLosslessTest, OneThatWasAwayForManyLapsFindsItsPlace) {
  Ring::Writer newcomer(storage_.memory(), kErin);
  send_and_be_read_by_none(1001);
  Ring::Reader carol = join(kCarol, BroadcastStart::newest);
  ASSERT_TRUE(send(newcomer, 5000));
  EXPECT_EQ(newcomer.position(), 1001U);
  expect(carol, 5000);
}

TEST_F(ManyLosslessTest, LateReadersJoinAtTheOldestOrTheNewest) {
  for (std::uint64_t sent = 0; sent < 5 * kSlots; ++sent) {
    {
      Ring::Reader old = join(kCarol);
      Ring::Reader fresh = join(kDave, BroadcastStart::newest);
      EXPECT_EQ(fresh.position(), sent);
      EXPECT_LE(old.position(), sent > kSlots - kStep ? sent - kSlots + kStep : 0);
      EXPECT_GE(old.position() + kSlots, sent);
      for (std::uint64_t number = old.position(); number < sent; ++number) {
        ASSERT_NO_FATAL_FAILURE(expect(old, number));
      }
      EXPECT_TRUE(old.peek().empty());
      EXPECT_TRUE(fresh.peek().empty());
    }
    ASSERT_TRUE(send(sent % 3 == 0 ? alice_ : bob_, sent)) << "both have left";
  }
}

TEST_F(ManyLosslessTest, JoiningReaderKeepsItsMessagesFromEachWriter) {
  send_and_be_read_by_none(5 * kSlots + 3);
  Ring::Reader carol = join(kCarol);
  const std::uint64_t oldest = carol.position();
  const std::uint64_t sent = send_all_there_is_room_for(5 * kSlots + 3);
  EXPECT_EQ(sent, oldest + kSlots);
  for (std::uint64_t number = oldest; number < sent; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(carol, number));
  }
}

TEST_F(ManyLosslessTest, AReaderMayJoinBehindAClaimThatIsOldAndWaitsForItALapLater) {
  ASSERT_FALSE(alice_.claim().empty());
  std::uint64_t sent = 1;
  while (send(bob_, sent)) ++sent;
  EXPECT_EQ(sent, kSlots);
  EXPECT_EQ(bob_.waits_for(), kAlice);
  Ring::Reader carol = join(kCarol);
  EXPECT_GT(carol.position(), 0U) << "the limit has gone on";
  while (carol.position() < kSlots) ASSERT_NO_FATAL_FAILURE(expect(carol, carol.position()));
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_EQ(carol.waits_for(), kAlice);
  EXPECT_FALSE(carol.corrupt());
}

TEST_F(ManyLosslessTest, NoMoreReadersThanCells) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  std::optional<Ring::Reader> erin = join(kErin);
  EXPECT_FALSE(Ring::Reader::join(storage_.memory(), 9).has_value());
  erin.reset();
  EXPECT_TRUE(Ring::Reader::join(storage_.memory(), 9).has_value());
}

TEST_F(ManyLosslessTest, MovedReaderKeepsItsCellAndLeavesOnce) {
  std::optional<Ring::Reader> first = join(kCarol);
  Ring::Reader second = std::move(*first);
  first.reset();
  EXPECT_EQ(send_all_there_is_room_for(), kSlots);
  expect(second, 0);
  second = join(kDave);
  EXPECT_EQ(second.id(), kDave);
  EXPECT_EQ(BroadcastCellState(storage_.cell(0)).owner(), 0);
}

// --- aborts --------------------------------------------------------------------------------------

TEST_F(ManyLosslessTest, AbortedPlacesArePassedOverByAll) {
  Ring::Reader carol = join(kCarol);
  Ring::Reader dave = join(kDave);
  ASSERT_EQ(alice_.claim(2), 2U);
  ASSERT_TRUE(send(bob_, 5));
  EXPECT_TRUE(carol.peek().empty());
  EXPECT_TRUE(alice_.abort());
  expect(carol, 5);
  expect(dave, 5);
  EXPECT_TRUE(carol.peek().empty());
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    ASSERT_TRUE(send(alice_, number));
    ASSERT_NO_FATAL_FAILURE(expect(carol, number));
    ASSERT_NO_FATAL_FAILURE(expect(dave, number));
  }
}

TEST_F(ManyLosslessTest, ARingOfAbortedPlacesIsGivenBackByAReaderThatFindsNothing) {
  Ring::Reader carol = join(kCarol);
  for (int lap = 0; lap < 3; ++lap) {
    for (std::uint64_t i = 0; i < kSlots; ++i) {
      ASSERT_FALSE(alice_.claim().empty()) << lap << " " << i;
      EXPECT_TRUE(alice_.abort());
    }
    EXPECT_TRUE(alice_.claim().empty());
    EXPECT_TRUE(carol.peek().empty());
    carol.publish_position();
  }
  ASSERT_TRUE(send(bob_, 1));
  expect(carol, 1);
}

}  // namespace
}  // namespace ringbell::core
