// ManyLossy by one thread: one order, losses, joining, places that were given up, claims of the
// dead, messages in place, and nonsense in the shared words.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossy.hpp>

#include <tests/support/lossy_readers.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

using Ring = ManyLossy<>;
using test::expect;
using test::is_empty;

// Alice and Bob write.
class ManyLossyTest : public testing::Test {
 protected:
  static constexpr ParticipantId kAlice = 1;
  static constexpr ParticipantId kBob = 2;
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint64_t kMargin = kSlots / 8;
  static constexpr std::uint32_t kMessageBytes = 21;  // its last word is half a word

  static void send(Ring::Writer& writer, std::uint64_t number) {
    std::vector<std::byte> message(writer.message_bytes());
    test::write_message(message, number);
    ASSERT_EQ(writer.claim(1), 1U);
    writer.write(0, message);
    ASSERT_TRUE(writer.commit());
  }
  // In turn, up to that position; the number is the position.
  void send_up_to(std::uint64_t end) {
    for (; sent_ < end; ++sent_) send(sent_ % 3 == 0 ? alice_ : bob_, sent_);
  }
  void give_up_one() {
    ASSERT_EQ(bob_.claim(1), 1U);
    ASSERT_TRUE(bob_.abort());
    ++sent_;
  }
  [[nodiscard]] Ring::Reader reader(BroadcastStart start = BroadcastStart::oldest) const {
    return Ring::Reader(view_of(memory()), start);
  }
  [[nodiscard]] MpmcMemory memory() const { return storage_.memory().claims(); }

  test::PlainManyMemory storage_{kSlots, kMessageBytes};
  Ring::Writer alice_{memory(), kAlice};
  Ring::Writer bob_{memory(), kBob};
  std::uint64_t sent_ = 0;
};

TEST_F(ManyLossyTest, EachReaderSeesEveryMessageInOneOrder) {
  Ring::Reader first = reader();
  Ring::Reader second = reader();
  EXPECT_TRUE(is_empty(first));
  EXPECT_FALSE(first.anything());
  for (std::uint64_t number = 0; number < 1000; ++number) {
    send_up_to(number + 1);
    EXPECT_TRUE(first.anything());
    EXPECT_EQ(first.lag(), 1U);
    ASSERT_NO_FATAL_FAILURE(expect(first, number));
    ASSERT_NO_FATAL_FAILURE(expect(second, number));
    EXPECT_FALSE(first.anything());
  }
  EXPECT_EQ(first.missed() + second.missed() + first.lag(), 0U);
}

TEST_F(ManyLossyTest, WholeRingCanBeRead) {
  Ring::Reader early = reader();
  send_up_to(kSlots);
  EXPECT_EQ(early.lag(), kSlots);
  for (std::uint64_t number = 0; number < kSlots; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(early, number));
  }
  EXPECT_EQ(early.missed(), 0U);
}

TEST_F(ManyLossyTest, LappedReaderLearnsExactlyWhatItMissed) {
  for (std::uint64_t ahead = kSlots + 1; ahead < 6 * kSlots; ++ahead) {
    Ring::Reader slow = reader(BroadcastStart::newest);
    const std::uint64_t begin = slow.position();
    ASSERT_EQ(begin, sent_);
    send_up_to(begin + ahead);
    EXPECT_TRUE(slow.anything());
    EXPECT_EQ(slow.lag(), ahead);
    const std::uint64_t oldest = sent_ - kSlots + kMargin;
    ASSERT_NO_FATAL_FAILURE(expect(slow, oldest));
    EXPECT_EQ(slow.missed(), oldest - begin);
    for (std::uint64_t number = oldest + 1; number < sent_; ++number) {
      ASSERT_NO_FATAL_FAILURE(expect(slow, number));
    }
    EXPECT_TRUE(is_empty(slow));
    EXPECT_EQ(slow.missed(), oldest - begin);
  }
}

TEST_F(ManyLossyTest, ReaderGoesOnWhereItWas) {
  send_up_to(3 * kSlots);
  Ring::Reader there(view_of(memory()), sent_ - 3);
  ASSERT_NO_FATAL_FAILURE(expect(there, sent_ - 3));
  EXPECT_EQ(there.missed(), 0U);
  Ring::Reader gone(view_of(memory()), kSlots);
  ASSERT_NO_FATAL_FAILURE(expect(gone, sent_ - kSlots + kMargin));
  EXPECT_EQ(gone.missed(), kSlots + kMargin);
  EXPECT_EQ(Ring::Reader(view_of(memory()), sent_ + 1).position(), sent_ - kSlots + kMargin);
}

TEST_F(ManyLossyTest, WhatWasGivenUpIsPassedOver) {
  for (const bool lapped : {false, true}) {
    Ring::Reader one = reader(BroadcastStart::newest);
    const std::uint64_t start = sent_;
    if (lapped) send_up_to(start + kSlots);
    for (std::uint64_t i = 0; i < kSlots - 2; ++i) give_up_one();
    EXPECT_EQ(one.lag(), sent_ - start);
    if (!lapped) {
      const bool looks = start == 0;
      EXPECT_TRUE(looks ? !one.anything() : is_empty(one));
      EXPECT_EQ(one.position(), sent_);
      EXPECT_EQ(one.missed(), 0U);
    }
    const std::uint64_t due = sent_;
    send_up_to(due + 1);
    ASSERT_NO_FATAL_FAILURE(expect(one, due));
    EXPECT_EQ(one.missed() > 0, lapped);
    EXPECT_FALSE(one.corrupt());
  }
}

TEST_F(ManyLossyTest, RingOfWhatWasGivenUpIsEmpty) {
  for (std::uint64_t i = 0; i < 2 * kSlots + 3; ++i) {
    give_up_one();
    Ring::Reader late = reader();
    EXPECT_TRUE(is_empty(late));
    EXPECT_EQ(late.position(), sent_);
    EXPECT_EQ(reader(BroadcastStart::newest).position(), sent_);
  }
}

TEST_F(ManyLossyTest, ReadersWaitAtAClaimAndWritersARingFurtherOn) {
  Ring::Reader one = reader();
  EXPECT_EQ(one.waits_for(), 0U);
  ASSERT_EQ(alice_.claim(1), 1U);
  EXPECT_FALSE(one.anything());
  EXPECT_TRUE(is_empty(one));
  EXPECT_EQ(one.waits_for(), kAlice);
  for (std::uint64_t number = 1; number < kSlots; ++number) send(bob_, number);
  EXPECT_TRUE(bob_.claim().empty());
  EXPECT_FALSE(bob_.has_room());
  EXPECT_EQ(bob_.waits_for(), kAlice);
  EXPECT_TRUE(is_empty(one));
  EXPECT_EQ(one.lag(), kSlots);
  std::vector<std::byte> message(kMessageBytes);
  test::write_message(message, 0);
  alice_.write(0, message);
  ASSERT_TRUE(alice_.commit());
  EXPECT_TRUE(bob_.has_room());
  for (std::uint64_t number = 0; number < kSlots; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(one, number));
  }
  EXPECT_EQ(one.waits_for(), kAlice) << "of the last call that found nothing";
  EXPECT_TRUE(is_empty(one));
  EXPECT_EQ(one.waits_for(), 0U);
}

TEST_F(ManyLossyTest, ClaimOfADeadWriterIsTakenByAWriterAndPassedOverByAReader) {
  Ring::Reader looks = reader();
  Ring::Reader waits = reader();
  send_up_to(3);
  ASSERT_EQ(alice_.claim(2), 2U);
  for (std::uint64_t number = 5; number < 9; ++number) send(bob_, number);
  const auto is_alice = [](ParticipantId id) { return id == kAlice; };
  EXPECT_FALSE(looks.pass_over_dead(is_alice)) << "a message is due";
  for (std::uint64_t number = 0; number < 3; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(looks, number));
    ASSERT_NO_FATAL_FAILURE(expect(waits, number));
  }
  EXPECT_FALSE(looks.pass_over_dead([](ParticipantId) { return false; }));
  EXPECT_TRUE(looks.pass_over_dead(is_alice)) << "both at once";
  EXPECT_FALSE(looks.pass_over_dead(is_alice)) << "Bob's";
  ASSERT_NO_FATAL_FAILURE(expect(looks, 5));
  EXPECT_EQ(looks.missed(), 0U);

  EXPECT_TRUE(is_empty(waits));
  EXPECT_EQ(bob_.recover(is_alice).skipped, 2U);
  EXPECT_TRUE(waits.anything());
  ASSERT_NO_FATAL_FAILURE(expect(waits, 5));
  EXPECT_FALSE(alice_.commit());
  EXPECT_EQ(alice_.evicted(), 2U);
  for (std::uint64_t number = 6; number < 9; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(waits, number));
    ASSERT_NO_FATAL_FAILURE(expect(looks, number));
  }
}

// Two dead ones' claims, with a place between them that was given up.
TEST_F(ManyLossyTest, ReaderPassesOverAllThatDeadWritersLeft) {
  Ring::Reader one = reader();
  ASSERT_EQ(alice_.claim(1), 1U);
  Ring::Writer carol(memory(), 3);
  ASSERT_EQ(carol.claim(1), 1U);
  ASSERT_TRUE(carol.abort());
  ASSERT_EQ(carol.claim(1), 1U);
  send(bob_, 3);
  EXPECT_FALSE(one.anything());
  EXPECT_EQ(one.waits_for(), kAlice) << "found by a look alone";
  EXPECT_TRUE(one.pass_over_dead([](ParticipantId id) { return id != kBob; }));
  EXPECT_TRUE(one.anything());
  ASSERT_NO_FATAL_FAILURE(expect(one, 3));
}

// It had committed when it was asked after.
TEST_F(ManyLossyTest, WhatADeadWriterCommittedIsNotPassedOver) {
  Ring::Reader one = reader();
  ASSERT_EQ(alice_.claim(1), 1U);
  std::vector<std::byte> message(kMessageBytes);
  test::write_message(message, 0);
  alice_.write(0, message);
  EXPECT_FALSE(one.pass_over_dead([&](ParticipantId) { return alice_.commit(); }));
  ASSERT_NO_FATAL_FAILURE(expect(one, 0));
}

// The slot is still in the hand of one that claimed it a lap ago.
TEST_F(ManyLossyTest, ReaderAheadOfAClaimWaitsForNobody) {
  ASSERT_EQ(alice_.claim(1), 1U);
  for (std::uint64_t number = 1; number < kSlots; ++number) send(bob_, number);
  Ring::Reader next = reader(BroadcastStart::newest);
  ASSERT_EQ(next.position(), kSlots);
  EXPECT_TRUE(is_empty(next));
  EXPECT_EQ(next.waits_for(), 0U);
  EXPECT_FALSE(next.anything());
  EXPECT_EQ(next.lag(), 0U);
  EXPECT_FALSE(next.pass_over_dead([](ParticipantId) { return true; }));
}

TEST_F(ManyLossyTest, MessagesOfEverySizeAreWrittenAndReadInPlaceOrCopied) {
  Ring::Reader own = reader();
  Ring::Reader copies = reader();
  std::vector<std::byte> into(kMessageBytes);
  const auto never = [](std::span<const std::byte>) { FAIL(); };
  for (std::uint64_t number = 0; number < 5 * kSlots; ++number) {
    const std::size_t size = number % (kMessageBytes - 8 + 1);
    const std::span<std::byte> room = alice_.claim();
    ASSERT_EQ(room.size(), kMessageBytes);
    if (number % 2 == 0) {
      test::write_message(room.subspan(8, size), number);
      alice_.write_size(0, size);
    } else {
      std::vector<std::byte> message(size);
      test::write_message(message, number);
      alice_.write_sized(0, message);
    }
    EXPECT_EQ(own.read_sized(never), BroadcastSeen::nothing) << "not committed yet";
    ASSERT_TRUE(alice_.commit());
    EXPECT_EQ(own.read_sized([&](std::span<const std::byte> message) {
      EXPECT_TRUE(message.size() == size && test::is_message(message, number)) << number;
    }),
              BroadcastSeen::whole);
    ASSERT_EQ(copies.receive_sized(into), size);
    EXPECT_TRUE(test::is_message(std::span(into).first(size), number));
  }
  EXPECT_EQ(own.missed() + copies.missed(), 0U);
}

TEST_F(ManyLossyTest, MessageThatIsOverwrittenWhileItIsLookedAtIsTorn) {
  const auto send_sized = [](Ring::Writer& by) {
    ASSERT_EQ(by.claim(1), 1U);
    by.write_sized(0, std::vector<std::byte>(kMessageBytes - 8));
    ASSERT_TRUE(by.commit());
  };
  for (const std::uint64_t more : {kSlots - 1, kSlots, kSlots + 1, 5 * kSlots}) {
    for (const bool begins_another : {false, true}) {
      Ring::Reader own = reader(BroadcastStart::newest);
      const std::uint64_t start = own.position();
      send_sized(alice_);
      const auto look = [&](std::span<const std::byte>) {
        for (std::uint64_t i = 0; i < more; ++i) send_sized(i % 2 == 0 ? alice_ : bob_);
        if (begins_another) (void)alice_.claim(1);
      };
      const bool stays = more < kSlots && !begins_another;
      ASSERT_EQ(own.read_sized(look), stays ? BroadcastSeen::whole : BroadcastSeen::torn) << more;
      EXPECT_EQ(own.position() - start, own.missed() + (stays ? 1 : 0));
      std::uint64_t left = 0;
      while (own.read_sized([](auto) {}) == BroadcastSeen::whole) ++left;
      EXPECT_EQ(own.missed() + left + (stays ? 1 : 0), more + 1);
      EXPECT_FALSE(own.corrupt());
      (void)alice_.abort();
    }
  }
}

TEST_F(ManyLossyTest, BatchesAreNextToEachOtherInTheOrder) {
  Ring::Reader one = reader();
  for (std::uint32_t wanted = 1; wanted < 2 * kSlots; ++wanted) {
    const std::uint32_t claimed = bob_.claim(wanted);
    ASSERT_EQ(claimed, std::min<std::uint64_t>(wanted, kSlots));
    for (std::uint32_t i = 0; i < claimed; ++i) {
      std::vector<std::byte> message(kMessageBytes);
      test::write_message(message, sent_ + i);
      bob_.write(i, message);
    }
    ASSERT_EQ(bob_.position(), sent_);
    ASSERT_TRUE(bob_.commit());
    for (const std::uint64_t end = sent_ + claimed; sent_ < end; ++sent_) {
      ASSERT_NO_FATAL_FAILURE(expect(one, sent_));
    }
  }
}

// The writers lap the reader between any two of its steps, joining included, by any distance.
TEST_F(ManyLossyTest, ReaderThatIsLappedAtAnyStepMissesExactlyWhatItDoesNotReceive) {
  using Watched = ManyLossy<test::WatchedAtomics>;
  test::Watch& watch = test::WatchedAtomics::watch();
  for (const std::uint64_t slots : {2U, 8U}) {
    for (std::uint64_t step = 0; step < 40; ++step) {
      for (std::uint64_t burst = 1; burst < 4 * slots; ++burst) {
        for (std::uint64_t before = 0; before < 3 * slots; before += slots - 1) {
          const test::PlainManyMemory storage(slots, kMessageBytes);
          const MpmcMemory memory = storage.memory().claims();
          Ring::Writer alice(memory, kAlice);
          Ring::Writer bob(memory, kBob);
          std::uint64_t sent = 0;
          const auto send_some = [&](std::uint64_t count) {
            for (; count > 0; --count, ++sent) send(sent % 3 == 1 ? bob : alice, sent);
          };
          send_some(before);
          watch.operations = 0;
          watch.before = [&] {
            if (watch.operations == step + 1) send_some(burst);
          };
          Watched::Reader reading(view_of(memory));
          const std::uint64_t start = reading.position();
          ASSERT_LE(start, sent);
          std::vector<std::byte> message(kMessageBytes);
          for (std::uint64_t received = 1; reading.receive(message); ++received) {
            ASSERT_TRUE(test::is_message(message, reading.position() - 1));
            ASSERT_EQ(start + received + reading.missed(), reading.position());
          }
          watch = {};
          ASSERT_EQ(reading.position(), sent) << "not up to the end";
          ASSERT_FALSE(reading.corrupt());
        }
      }
    }
  }
}

TEST_F(ManyLossyTest, NonsenseIsCorrupt) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const std::vector<MpmcState> impossible = {
      kMost, MpmcSlotState::taken(0, kBob, false), MpmcSlotState::ready(0, true),
      MpmcSlotState::claimed(0, 0), MpmcSlotState::taken(7, kBob, true)};
  for (const MpmcState word : impossible) {
    Ring::Reader there = reader();
    storage_.state(0) = word;
    EXPECT_TRUE(there.anything()) << "to find out about";
    EXPECT_TRUE(is_empty(there));
    EXPECT_EQ(there.finding().value, word);
    EXPECT_TRUE(there.corrupt() && there.anything() && is_empty(there) && reader().corrupt());
    Ring::Writer writer(memory(), kAlice);
    EXPECT_TRUE(writer.claim().empty());
    EXPECT_TRUE(writer.corrupt());
    storage_.state(0) = 0;
  }
}

TEST_F(ManyLossyTest, HintThatCannotBeIsCorrupt) {
  memory().control->tail_hint = kMaxBroadcastPosition;
  Ring::Writer writer(memory(), kAlice);
  EXPECT_TRUE(writer.claim().empty());
  EXPECT_TRUE(writer.corrupt());
  EXPECT_STREQ(writer.finding().field, "MpmcControl::tail_hint");
}

// The state has no more bits for laps.
TEST_F(ManyLossyTest, LapsWrapAround) {
  constexpr std::uint64_t kLaps = std::uint64_t{1} << 44;
  for (const std::uint64_t lap : {kLaps / 2 - 1, kLaps / 2, kLaps - 1}) {
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
      storage_.state(slot) = MpmcSlotState::freed(lap);
    }
    memory().control->tail_hint = lap * kSlots;
    Ring::Writer writer(memory(), kAlice);
    Ring::Reader there = reader(BroadcastStart::newest);
    EXPECT_EQ(there.position(), lap * kSlots);
    for (std::uint64_t i = 0; i < 2 * kSlots; ++i) {
      send(writer, i);
      Ring::Reader late = reader();
      for (Ring::Reader* const one : {&there, &late}) {
        std::vector<std::byte> message(kMessageBytes);
        std::uint64_t received = 0;
        while (one->receive(message)) ++received;
        EXPECT_GT(received, 0U) << lap << ", " << i;
        EXPECT_TRUE(test::is_message(message, i)) << lap << ", " << i;
      }
    }
    EXPECT_FALSE(writer.corrupt() || there.corrupt());
  }
}

// Positions made from it would overflow, in a ring of so many slots.
TEST_F(ManyLossyTest, LapThatNoRingReachesIsCorrupt) {
  constexpr std::uint64_t kManySlots = std::uint64_t{1} << 20;
  constexpr std::uint64_t kFar = kMaxBroadcastPosition / kManySlots;
  const test::PlainManyMemory storage(kManySlots, 8);
  const auto view = view_of(storage.memory().claims());
  for (const std::uint64_t lap : {kFar, kFar + 1, 2 * kFar - 1}) {
    storage.state(0) = 0;
    Ring::Reader there(view);
    storage.state(0) = MpmcSlotState::ready(lap, false);
    EXPECT_TRUE(there.anything() && is_empty(there) && there.corrupt()) << lap;
    EXPECT_EQ(there.lag(), 0U);
    EXPECT_TRUE(Ring::Reader(view).corrupt());
  }
}

TEST_F(ManyLossyTest, SizeThatCannotBeIsCorrupt) {
  for (const bool in_place : {false, true}) {
    Ring::Reader own = reader(BroadcastStart::newest);
    ASSERT_EQ(alice_.claim(1), 1U);
    alice_.write(0, std::vector<std::byte>(kMessageBytes, std::byte{0x7f}));
    ASSERT_TRUE(alice_.commit());
    std::vector<std::byte> into(kMessageBytes);
    if (in_place) {
      EXPECT_EQ(own.read_sized([](auto) { FAIL(); }), BroadcastSeen::nothing);
    } else {
      EXPECT_EQ(own.receive_sized(into), std::nullopt);
    }
    EXPECT_TRUE(own.corrupt());
  }
}

}  // namespace
}  // namespace ringbell::core
