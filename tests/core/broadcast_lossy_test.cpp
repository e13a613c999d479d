// BroadcastLossy by one thread: order, exact losses, joining, read-only readers, a writer that dies
// in the middle of a message, and nonsense in the shared words.
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/core/broadcast_lossy.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/lossy_readers.hpp>
#include <tests/support/message.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

using Lossy = BroadcastLossy<>;
using test::expect;
using test::is_empty;

class BroadcastLossyTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint64_t kMargin = kSlots / 8;
  static constexpr std::uint32_t kMessageBytes = 21;  // its last word is half a word

  static void send(Lossy::Writer& writer, std::uint64_t number) {
    std::vector<std::byte> message(writer.message_bytes());
    test::write_message(message, number);
    writer.publish(message);
  }
  void send_up_to(std::uint64_t end) {
    while (writer_.position() < end) send(writer_, writer_.position());
  }
  [[nodiscard]] Lossy::Reader reader(BroadcastStart start = BroadcastStart::oldest) const {
    return Lossy::Reader(storage_.slots<const std::byte>(), start);
  }

  test::PlainBroadcastMemory storage_{kSlots, kMessageBytes};
  Lossy::Writer writer_{storage_.slots<std::byte>()};
};

TEST_F(BroadcastLossyTest, MessagesOfEverySizeComeWithTheirSize) {
  Lossy::Reader own = reader();
  std::vector<std::byte> into(kMessageBytes);
  for (std::uint64_t number = 0; number < 5 * kSlots; ++number) {
    std::vector<std::byte> message(number % (kMessageBytes - 8 + 1));
    test::write_message(message, number);
    writer_.publish_sized(message);
    ASSERT_EQ(own.receive_sized(into), message.size());
    EXPECT_TRUE(test::is_message(std::span(into).first(message.size()), number));
  }
  EXPECT_EQ(own.receive_sized(into), std::nullopt);
  EXPECT_FALSE(own.corrupt());
}

TEST_F(BroadcastLossyTest, SizeThatCannotBeIsCorrupt) {
  Lossy::Reader own = reader();
  std::vector<std::byte> into(kMessageBytes);
  std::vector<std::byte> message(kMessageBytes, std::byte{0x7f});  // as a size it is far too large
  writer_.publish(message);
  EXPECT_EQ(own.receive_sized(into), std::nullopt);
  EXPECT_TRUE(own.corrupt());
  EXPECT_TRUE(own.anything()) << "to find out about";
}

TEST_F(BroadcastLossyTest, MessagesAreWrittenAndReadInPlace) {
  Lossy::Reader own = reader();
  Lossy::Reader copies = reader();
  std::vector<std::byte> into(kMessageBytes);
  const auto never = [](std::span<const std::byte>) { FAIL(); };
  EXPECT_EQ(own.read_sized(never), BroadcastSeen::nothing);
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    const std::size_t size = number % (kMessageBytes - 8 + 1);
    test::write_message(writer_.claim_sized().subspan(8, size), number);
    EXPECT_EQ(own.read_sized(never), BroadcastSeen::nothing) << "not committed yet";
    writer_.commit_sized(size);
    int looks = 0;
    const auto look = [&](std::span<const std::byte> message) {
      ++looks;
      EXPECT_TRUE(message.size() == size && test::is_message(message, number)) << number;
    };
    EXPECT_EQ(own.read_sized(look), BroadcastSeen::whole);
    EXPECT_EQ(looks, 1);
    EXPECT_EQ(own.position(), number + 1);
    ASSERT_EQ(copies.receive_sized(into), size);
  }
  EXPECT_EQ(own.missed(), 0U);
  (void)writer_.claim_sized();
  writer_.publish_sized(std::span(into).first(3));
  EXPECT_EQ(copies.receive_sized(into), 3U) << "what was claimed is forgotten";
}

// Overwritten before, amid and after the bytes that are looked at: by a writer that has only begun,
// that has done, and that is laps ahead.
TEST_F(BroadcastLossyTest, MessageThatIsOverwrittenWhileItIsLookedAtIsTorn) {
  const std::vector<std::byte> message(kMessageBytes - 8);
  for (const std::uint64_t more : {kSlots - 1, kSlots, kSlots + 1, 5 * kSlots}) {
    for (const bool begins_another : {false, true}) {
      Lossy::Reader own = reader(BroadcastStart::newest);
      const std::uint64_t start = own.position();
      writer_.publish_sized(message);
      const auto look = [&](std::span<const std::byte>) {
        for (std::uint64_t i = 0; i < more; ++i) writer_.publish_sized(message);
        if (begins_another) (void)writer_.claim_sized();
      };
      const bool stays = more < kSlots && !begins_another;
      ASSERT_EQ(own.read_sized(look), stays ? BroadcastSeen::whole : BroadcastSeen::torn) << more;
      EXPECT_EQ(own.position() - start, own.missed() + (stays ? 1 : 0));
      std::uint64_t left = 0;
      while (own.read_sized([](auto) {}) == BroadcastSeen::whole) ++left;
      EXPECT_EQ(own.missed() + left + (stays ? 1 : 0), more + 1);
      EXPECT_FALSE(own.corrupt());
      writer_.publish_sized(message);  // whatever was begun
    }
  }
}

TEST_F(BroadcastLossyTest, LookThatThrowsLeavesTheMessage) {
  Lossy::Reader own = reader();
  std::vector<std::byte> message(5);
  test::write_message(message, 7);
  writer_.publish_sized(message);
  EXPECT_THROW((void)own.read_sized([](auto) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(own.read_sized([&](auto found) { EXPECT_TRUE(test::is_message(found, 7)); }),
            BroadcastSeen::whole);
}

TEST_F(BroadcastLossyTest, SizeThatCannotBeIsCorruptInPlaceToo) {
  Lossy::Reader own = reader();
  writer_.publish(std::vector<std::byte>(kMessageBytes, std::byte{0x7f}));
  EXPECT_EQ(own.read_sized([](auto) { FAIL(); }), BroadcastSeen::nothing);
  EXPECT_TRUE(own.corrupt());
  EXPECT_EQ(own.read_sized([](auto) { FAIL(); }), BroadcastSeen::nothing);
}

TEST_F(BroadcastLossyTest, LookSaysWhetherThereIsSomethingToReceive) {
  Lossy::Reader own = reader();
  Lossy::Reader lapped = reader();
  EXPECT_FALSE(own.anything());
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    send(writer_, number);
    EXPECT_TRUE(own.anything());
    ASSERT_NO_FATAL_FAILURE(expect(own, number));
    EXPECT_FALSE(own.anything());
  }
  EXPECT_TRUE(lapped.anything());
  EXPECT_EQ(lapped.missed(), 0U) << "to look changes nothing";
}

TEST_F(BroadcastLossyTest, NewRingIsEmpty) {
  Lossy::Reader early = reader();
  EXPECT_TRUE(is_empty(early));
  EXPECT_FALSE(early.corrupt());
  EXPECT_EQ(early.position(), 0U);
}

TEST_F(BroadcastLossyTest, EachReaderSeesEveryMessageInOrder) {
  Lossy::Reader first = reader();
  Lossy::Reader second = reader();
  for (std::uint64_t number = 0; number < 1000; ++number) {
    send(writer_, number);
    ASSERT_NO_FATAL_FAILURE(expect(first, number));
    ASSERT_NO_FATAL_FAILURE(expect(second, number));
  }
  EXPECT_TRUE(is_empty(first));
  EXPECT_EQ(first.missed() + second.missed(), 0U);
}

TEST_F(BroadcastLossyTest, WholeRingCanBeRead) {
  Lossy::Reader early = reader();
  send_up_to(kSlots);
  for (std::uint64_t number = 0; number < kSlots; ++number) {
    ASSERT_NO_FATAL_FAILURE(expect(early, number));
  }
  EXPECT_EQ(early.missed(), 0U);
}

TEST_F(BroadcastLossyTest, LappedReaderLearnsExactlyWhatItMissed) {
  for (std::uint64_t ahead = kSlots + 1; ahead < 6 * kSlots; ++ahead) {
    Lossy::Reader slow = reader(BroadcastStart::newest);
    const std::uint64_t begin = slow.position();
    ASSERT_EQ(begin, writer_.position());
    send_up_to(begin + ahead);
    const std::uint64_t oldest = writer_.position() - kSlots + kMargin;
    ASSERT_NO_FATAL_FAILURE(expect(slow, oldest));
    EXPECT_EQ(slow.missed(), oldest - begin);
    for (std::uint64_t number = oldest + 1; number < writer_.position(); ++number) {
      ASSERT_NO_FATAL_FAILURE(expect(slow, number));
    }
    EXPECT_TRUE(is_empty(slow));
    EXPECT_EQ(slow.missed(), oldest - begin);
  }
}

TEST_F(BroadcastLossyTest, MessagesOfAnySizeArriveWhole) {
  for (const std::uint32_t bytes : {1U, 7U, 8U, 9U, 504U, 511U, 512U, 513U, 520U, 4096U, 65537U}) {
    const test::PlainBroadcastMemory storage(2, bytes);
    Lossy::Writer writer(storage.slots<std::byte>());
    Lossy::Reader reading(storage.slots<const std::byte>());
    for (std::uint64_t number = 0; number < 5; ++number) {
      send(writer, number);
      ASSERT_NO_FATAL_FAILURE(expect(reading, number)) << bytes;
    }
  }
}

// The writer laps the reader between any two of its steps, joining included, by any distance.
TEST_F(BroadcastLossyTest, ReaderThatIsLappedAtAnyStepMissesExactlyWhatItDoesNotReceive) {
  using Watched = BroadcastLossy<test::WatchedAtomics>;
  test::Watch& watch = test::WatchedAtomics::watch();
  for (const std::uint64_t slots : {2U, 8U}) {
    for (std::uint64_t step = 0; step < 40; ++step) {
      for (std::uint64_t burst = 1; burst < 4 * slots; ++burst) {
        for (std::uint64_t before = 0; before < 3 * slots; before += slots - 1) {
          const test::PlainBroadcastMemory storage(slots, kMessageBytes);
          Lossy::Writer writer(storage.slots<std::byte>());
          const auto send_some = [&](std::uint64_t count) {
            for (; count > 0; --count) send(writer, writer.position());
          };
          send_some(before);
          watch.operations = 0;
          watch.before = [&] {
            if (watch.operations == step + 1) send_some(burst);
          };
          Watched::Reader reading(storage.slots<const std::byte>());
          const std::uint64_t start = reading.position();
          ASSERT_LE(start, writer.position());
          std::vector<std::byte> message(kMessageBytes);
          for (std::uint64_t received = 1; reading.receive(message); ++received) {
            ASSERT_TRUE(test::is_message(message, reading.position() - 1));
            ASSERT_EQ(start + received + reading.missed(), reading.position());
          }
          watch = {};
          ASSERT_EQ(reading.position(), writer.position()) << "not up to the end";
          ASSERT_FALSE(reading.corrupt());
        }
      }
    }
  }
}

// It cannot get anything, and does not try for ever: the caller may have something better to do.
TEST_F(BroadcastLossyTest, ReaderThatIsLappedAllTheTimeGivesUpAndCounts) {
  using Watched = BroadcastLossy<test::WatchedAtomics>;
  test::Watch& watch = test::WatchedAtomics::watch();
  send_up_to(1);
  Watched::Reader slow(storage_.slots<const std::byte>());
  watch.before = [&] { send_up_to(writer_.position() + kSlots); };
  std::vector<std::byte> message(kMessageBytes);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t operations =
        test::operations_of([&] { EXPECT_FALSE(slow.receive(message)); });
    EXPECT_LE(operations, 100U);
    EXPECT_EQ(slow.missed(), slow.position());
  }
  watch = {};
  EXPECT_FALSE(slow.corrupt());
  const std::uint64_t oldest = writer_.position() - kSlots + kMargin;
  ASSERT_TRUE(slow.receive(message));
  EXPECT_TRUE(test::is_message(message, oldest));
  EXPECT_EQ(slow.missed(), oldest);
}

TEST_F(BroadcastLossyTest, LateReadersJoinAtTheOldestOrTheNewest) {
  for (std::uint64_t sent = 0; sent < 5 * kSlots; ++sent) {
    const std::uint64_t kept = kSlots - kMargin;
    EXPECT_EQ(reader().position(), sent > kept ? sent - kept : 0);
    Lossy::Reader newest = reader(BroadcastStart::newest);
    EXPECT_EQ(newest.position(), sent);
    EXPECT_TRUE(is_empty(newest));
    send(writer_, sent);
    ASSERT_NO_FATAL_FAILURE(expect(newest, sent));
    EXPECT_EQ(newest.missed(), 0U);
  }
}

TEST_F(BroadcastLossyTest, HalfWrittenMessageIsNotReturned) {
  Lossy::Reader early = reader();
  send_up_to(kSlots);
  storage_.sequence(0) = writing_sequence(kSlots);
  std::memset(storage_.payload(0), 0x5a, 8);
  ASSERT_NO_FATAL_FAILURE(expect(early, kMargin)) << "0 is gone, 1 is the margin";
  EXPECT_EQ(early.missed(), kMargin);
}

TEST_F(BroadcastLossyTest, ReadersWaitAtADeadWritersMessageForItsSuccessor) {
  for (const std::uint64_t end :
       {std::uint64_t{0}, std::uint64_t{5}, kSlots - 1, kSlots + 1, 2 * kSlots, 5 * kSlots + 3}) {
    send_up_to(end);
    Lossy::Reader waiting = reader(BroadcastStart::newest);
    storage_.sequence(end % kSlots) = writing_sequence(end);
    std::memset(storage_.payload(end % kSlots), 0x5a, 8);
    EXPECT_TRUE(is_empty(waiting));
    EXPECT_EQ(waiting.position(), end);
    Lossy::Writer successor(storage_.slots<std::byte>());
    ASSERT_EQ(successor.position(), end);
    send(successor, end);
    send(successor, end + 1);
    ASSERT_NO_FATAL_FAILURE(expect(waiting, end));
    ASSERT_NO_FATAL_FAILURE(expect(waiting, end + 1));
    EXPECT_EQ(waiting.missed(), 0U);
    writer_ = Lossy::Writer(storage_.slots<std::byte>());
  }
}

TEST_F(BroadcastLossyTest, SuccessorFindsTheEndAtEveryPosition) {
  for (std::uint64_t sent = 0; sent < 4 * kSlots; ++sent) {
    EXPECT_EQ(Lossy::Writer(storage_.slots<std::byte>()).position(), sent);
    send(writer_, sent);
  }
}

TEST_F(BroadcastLossyTest, ReaderNeedsNoMoreThanAReadOnlyMapping) {
  constexpr std::size_t kBytes = 4096;
  const int fd = ::memfd_create("broadcast", MFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::ftruncate(fd, kBytes), 0);
  void* const writable = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const void* const read_only = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  ASSERT_NE(writable, MAP_FAILED);
  ASSERT_NE(read_only, MAP_FAILED);
  const auto slots = storage_.slots<std::byte>();
  const auto in = [&](auto* base) {
    using Byte = std::remove_pointer_t<decltype(base)>;
    return BroadcastSlots<Byte>{base, slots.slot_count, slots.slot_bytes, slots.message_bytes};
  };
  Lossy::Writer writer(in(static_cast<std::byte*>(writable)));
  Lossy::Reader reading(in(static_cast<const std::byte*>(read_only)));
  for (std::uint64_t number = 0; number < 3 * kSlots; ++number) {
    EXPECT_TRUE(is_empty(reading));
    send(writer, number);
    ASSERT_NO_FATAL_FAILURE(expect(reading, number));
  }
  for (std::uint64_t number = writer.position(); number < 9 * kSlots; ++number)
    send(writer, number);
  ASSERT_NO_FATAL_FAILURE(expect(reading, 8 * kSlots + kMargin));
  ::munmap(writable, kBytes);
  ::munmap(const_cast<void*>(read_only), kBytes);
}

TEST_F(BroadcastLossyTest, SequenceOfAnotherSlotIsCorrupt) {
  for (const BroadcastSequence nonsense : {holding_sequence(3), writing_sequence(kSlots + 1),
                                           ~BroadcastSequence{0}, ~BroadcastSequence{0} - 1}) {
    test::PlainBroadcastMemory storage(kSlots, kMessageBytes);
    Lossy::Reader reading(storage.slots<const std::byte>());
    storage.sequence(0) = nonsense;
    EXPECT_TRUE(reading.anything()) << "there is something to find out about";
    EXPECT_EQ(reading.lag(), 0U) << nonsense;
    EXPECT_TRUE(is_empty(reading)) << nonsense;
    EXPECT_TRUE(reading.corrupt()) << nonsense;
    EXPECT_TRUE(reading.anything()) << nonsense;
    storage.sequence(0) = holding_sequence(0);
    EXPECT_TRUE(is_empty(reading)) << "for good";
    storage.sequence(0) = nonsense;
    Lossy::Writer writer(storage.slots<std::byte>());
    EXPECT_TRUE(writer.corrupt()) << nonsense;
    send(writer, 0);
    EXPECT_TRUE(writer.claim_sized().empty());
    EXPECT_EQ(storage.sequence(0), nonsense);
    EXPECT_TRUE(Lossy::Reader(storage.slots<const std::byte>()).corrupt());
  }
  send_up_to(5);
  Lossy::Reader ahead = reader(BroadcastStart::newest);
  storage_.sequence(5) = holding_sequence(4);
  EXPECT_TRUE(ahead.anything()) << "although what is due would be a higher one";
}

TEST_F(BroadcastLossyTest, AnyWordsAtAllLeadNowhereElse) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int round = 0; round < 2000; ++round) {
    test::PlainBroadcastMemory storage(kSlots, kMessageBytes);
    Lossy::Reader early(storage.slots<const std::byte>());
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
      const std::uint64_t random = test::mix(dice.roll(UINT64_MAX)) >> dice.roll(64);
      storage.sequence(slot) =
          dice.roll(2) == 0 ? random : holding_sequence(random / kSlots * kSlots + slot);
    }
    Lossy::Writer writer(storage.slots<std::byte>());
    Lossy::Reader reading(storage.slots<const std::byte>());
    for (std::uint64_t i = 0; i < 10; ++i) {
      send(writer, i);
      (void)is_empty(reading);
      (void)is_empty(early);
    }
  }
}

}  // namespace
}  // namespace ringbell::core
