// What one writer and one reader see of each other, one step at a time.
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_ring.hpp>

#include <tests/support/message.hpp>
#include <tests/support/ring_memory.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

using Ring = SpscRing<>;
using test::is_message;
using test::write_message;

template <class Memory>
class SpscRingTest : public ::testing::Test {
 protected:
  bool send(std::uint64_t number, std::uint32_t size_bytes) {
    const std::span<std::byte> room = writer.claim(size_bytes);
    if (room.data() == nullptr) return false;
    EXPECT_EQ(room.size(), size_bytes);
    write_message(room, number);
    writer.commit();
    return true;
  }

  void expect(std::uint64_t number, std::uint32_t size_bytes) {
    const std::span<const std::byte> record = reader.peek();
    ASSERT_NE(record.data(), nullptr) << "message " << number;
    ASSERT_EQ(record.size(), size_bytes) << "message " << number;
    ASSERT_TRUE(is_message(record, number)) << "message " << number;
    reader.release();
  }

  // What a record takes of the ring.
  std::uint64_t footprint(std::uint64_t size_bytes) const {
    const std::uint64_t align = storage.memory().record_alignment;
    return (size_bytes + storage.memory().header_bytes() + align - 1) / align * align;
  }

  Memory storage;
  Ring::Writer writer{storage.memory()};
  Ring::Reader reader{storage.memory()};
};

TYPED_TEST_SUITE(SpscRingTest, test::EveryMemory);

TYPED_TEST(SpscRingTest, NewRingIsEmptyAndSound) {
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_FALSE(this->reader.corrupt());
  EXPECT_FALSE(this->writer.corrupt());
  EXPECT_EQ(this->writer.tail(), 0U);
  EXPECT_EQ(this->reader.position(), 0U);
}

TYPED_TEST(SpscRingTest, ReaderSeesNothingUntilCommit) {
  const std::span<std::byte> room = this->writer.claim(100);
  ASSERT_EQ(room.size(), 100U);
  EXPECT_TRUE(this->reader.peek().empty());
  write_message(room, 7);
  EXPECT_TRUE(this->reader.peek().empty());
  this->writer.commit();
  this->expect(7, 100);
  EXPECT_TRUE(this->reader.peek().empty());
}

TYPED_TEST(SpscRingTest, PeekReturnsTheSameRecordUntilRelease) {
  ASSERT_TRUE(this->send(1, 24));
  ASSERT_TRUE(this->send(2, 25));
  const std::byte* const first = this->reader.peek().data();
  EXPECT_EQ(this->reader.peek().data(), first);
  this->expect(1, 24);
  this->expect(2, 25);
}

TYPED_TEST(SpscRingTest, EverySizeArrivesWhole) {
  for (std::uint32_t size = 0; size <= this->writer.max_record_bytes(); ++size) {
    ASSERT_TRUE(this->send(size, size)) << size;
    this->expect(size, size);
    ASSERT_EQ(this->reader.peek().data(), nullptr) << size;  // publishes the head
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(SpscRingTest, PayloadsAndHeadersStandWhereTheAlignmentSays) {
  const SpscMemory memory = this->storage.memory();
  for (std::uint32_t i = 0; i < 500; ++i) {
    const std::span<std::byte> room = this->writer.claim(1 + i % 100);
    ASSERT_FALSE(room.empty());
    const auto payload = static_cast<std::uint64_t>(room.data() - memory.data);
    const std::uint64_t header = payload - memory.header_bytes();
    EXPECT_EQ(payload % memory.payload_alignment, 0U);
    EXPECT_LE(header + kRecordHeaderBytes, memory.capacity_bytes);
    // The same distance from a multiple of the record alignment for all.
    EXPECT_EQ(header % memory.record_alignment,
              (memory.payload_alignment - memory.header_bytes() % memory.payload_alignment) %
                  memory.payload_alignment);
    this->writer.commit();
    (void)this->reader.peek();
    this->reader.release();
    (void)this->reader.peek();
  }
}

TYPED_TEST(SpscRingTest, LargestRecordFitsAtEveryPosition) {
  const std::uint32_t largest = this->writer.max_record_bytes();
  const SpscMemory memory = this->storage.memory();
  EXPECT_EQ(largest, test::kSmallCapacity - memory.record_alignment - memory.header_bytes());
  // A small record in between moves the start, so that the large one crosses the end everywhere.
  for (std::uint64_t number = 0; number < 3 * test::kSmallCapacity / 8; number += 2) {
    ASSERT_TRUE(this->send(number, 1));
    this->expect(number, 1);
    ASSERT_TRUE(this->reader.peek().empty());
    ASSERT_TRUE(this->send(number + 1, largest)) << "at " << this->writer.tail();
    EXPECT_TRUE(this->writer.claim(1).empty()) << "the ring is full";
    this->expect(number + 1, largest);
    ASSERT_TRUE(this->reader.peek().empty());
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(SpscRingTest, FullRingHasNoRoomAndKeepsWhatItHas) {
  std::uint64_t sent = 0;
  while (this->send(sent, 56)) ++sent;
  // All but the 8 bytes of I2.
  EXPECT_EQ(sent, (test::kSmallCapacity - kRecordHeaderBytes) / this->footprint(56));
  EXPECT_FALSE(this->writer.has_room(56));
  for (std::uint64_t number = 0; number < sent; ++number) this->expect(number, 56);
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_TRUE(this->writer.has_room(this->writer.max_record_bytes()));
}

TYPED_TEST(SpscRingTest, RoomComesBackAsTheReaderReleases) {
  std::uint64_t sent = 0;
  while (this->send(sent, 56)) ++sent;
  std::uint64_t received = 0;
  // The head is published each eighth of the ring: room must be back after that and a record.
  while (!this->writer.has_room(56)) {
    ASSERT_LE(received * this->footprint(56), test::kSmallCapacity / 8);
    this->expect(received++, 56);
  }
  ASSERT_TRUE(this->send(sent++, 56));
  while (received < sent) this->expect(received++, 56);
  EXPECT_TRUE(this->reader.peek().empty());
}

TYPED_TEST(SpscRingTest, RandomSizesWrapManyTimesUnharmed) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  const auto size_of = [&](std::uint64_t number) {
    return test::size_of_message(number ^ test::seed(), this->writer.max_record_bytes());
  };
  while (this->writer.tail() < 200 * test::kSmallCapacity) {
    for (std::uint64_t n = dice.roll(20); n > 0 && this->send(sent, size_of(sent)); --n) ++sent;
    for (std::uint64_t n = dice.roll(20); n > 0 && received < sent; --n, ++received) {
      this->expect(received, size_of(received));
    }
    ASSERT_EQ(this->reader.peek().empty(), received == sent);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(sent, 1000U);
}

TYPED_TEST(SpscRingTest, AbortedRecordIsNeverSeen) {
  std::memset(this->writer.claim(300).data(), 0xff, 300);
  this->writer.abort();
  EXPECT_TRUE(this->reader.peek().empty());
  ASSERT_TRUE(this->send(1, 8));
  std::memset(this->writer.claim(300).data(), 0xff, 300);
  this->writer.abort();
  this->expect(1, 8);
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_FALSE(this->reader.corrupt()) << "payload bytes were taken for a header";
  ASSERT_TRUE(this->send(2, 9));
  this->expect(2, 9);
}

TYPED_TEST(SpscRingTest, LaterClaimForgetsTheFirst) {
  std::memset(this->writer.claim(200).data(), 0xff, 200);
  ASSERT_TRUE(this->send(5, 40));
  this->expect(5, 40);
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_FALSE(this->reader.corrupt());
}

TYPED_TEST(SpscRingTest, CommitMayBeShorterThanTheClaim) {
  for (std::uint32_t size = 1; size <= 400; ++size) {
    const std::span<std::byte> room = this->writer.claim(400);
    ASSERT_FALSE(room.empty());
    std::memset(room.data(), 0xff, room.size());  // what is beyond the commit looks like headers
    write_message(room.first(size), size);
    this->writer.commit(size);
    this->expect(size, size);
    ASSERT_TRUE(this->reader.peek().empty());
    ASSERT_FALSE(this->reader.corrupt());
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(SpscRingTest, EmptyRecordIsOneAndNothingIsNone) {
  for (std::uint64_t number = 0; number < 1000; ++number) {
    ASSERT_EQ(this->reader.peek().data(), nullptr);
    ASSERT_TRUE(this->send(number, 0));
    ASSERT_TRUE(this->send(number, 0));
    this->expect(number, 0);
    this->expect(number, 0);
  }
  EXPECT_EQ(this->writer.tail(), 2000 * this->footprint(0));
  EXPECT_FALSE(this->reader.corrupt());
}

TYPED_TEST(SpscRingTest, WrittenAtOnceIsAsClaimedFilledAndCommitted) {
  std::uint64_t sent = 0;
  const auto write = [&] {
    return this->writer.write(40, [&](std::span<std::byte> room) {
      EXPECT_EQ(room.size(), 40U);
      EXPECT_EQ(this->reader.peek().data(), nullptr) << "seen before it was whole";
      write_message(room, sent);
    });
  };
  for (; sent < 300; ++sent) {
    ASSERT_TRUE(write());
    this->expect(sent, 40);
  }
  ASSERT_EQ(this->reader.peek().data(), nullptr);
  while (this->writer.write(40, [&](std::span<std::byte> room) { write_message(room, sent); })) {
    ++sent;
  }
  EXPECT_FALSE(this->writer.write(40, [](std::span<std::byte>) { FAIL() << "there is no room"; }));
  for (std::uint64_t number = 300; number < sent; ++number) this->expect(number, 40);
}

TYPED_TEST(SpscRingTest, WrittenAtOnceBehindStagedRecordsFlushesThem) {
  write_message(this->writer.claim(24), 1);
  this->writer.stage();
  ASSERT_TRUE(this->writer.write(24, [](std::span<std::byte> room) { write_message(room, 2); }));
  this->expect(1, 24);
  this->expect(2, 24);
  EXPECT_EQ(this->writer.tail(), this->writer.staged_position());
}

template <class Memory>
class SpscRingUserHeaderTest : public SpscRingTest<Memory> {};
using MemoryWithUserHeaders =
    ::testing::Types<test::PlainMemory<8, 8, 16>, test::PlainMemory<64, 64, 16>>;
TYPED_TEST_SUITE(SpscRingUserHeaderTest, MemoryWithUserHeaders);

TYPED_TEST(SpscRingUserHeaderTest, UserHeaderTravelsWithItsRecord) {
  for (std::uint32_t number = 0; number < 500; ++number) {
    const std::span<std::byte> room = this->writer.claim(number % 50);
    write_message(room, number);
    user_header_of(room) = {.time_ns = ~std::uint64_t{number}, .source = 7, .sequence = number};
    this->writer.commit();
    const UserHeader& header = user_header_of(this->reader.peek());
    EXPECT_EQ(header.time_ns, ~std::uint64_t{number});
    EXPECT_EQ(header.source, 7U);
    EXPECT_EQ(header.sequence, number);
    this->expect(number, number % 50);
  }
}

TYPED_TEST(SpscRingTest, HeadIsPublishedAnEighthLateAtMostAndAtOnceWhenEmpty) {
  const std::uint64_t& head = this->storage.memory().control->head;
  std::uint64_t number = 0;
  while (this->send(number, 20)) ++number;
  for (std::uint64_t i = 0; i < number; ++i) {
    this->expect(i, 20);
    ASSERT_LT(this->reader.position() - head, test::kSmallCapacity / Ring::kHeadPublications);
    ASSERT_EQ(this->reader.published_head(), head);
  }
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_EQ(head, this->reader.position());
  EXPECT_EQ(head, this->writer.tail());
}

TYPED_TEST(SpscRingTest, HeldRecordsStayUntilTheyAreReleased) {
  std::uint64_t sent = 0;
  while (this->send(sent, 100)) ++sent;
  std::vector<std::span<const std::byte>> records;
  std::vector<std::uint64_t> ends;
  for (std::uint64_t i = 0; i < sent; ++i) {
    records.push_back(this->reader.peek());
    this->reader.hold();
    ends.push_back(this->reader.position());
  }
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_EQ(this->storage.memory().control->head, 0U) << "nothing was given back";
  EXPECT_FALSE(this->writer.has_room(100));
  for (std::uint64_t i = 0; i < sent; ++i) {
    ASSERT_TRUE(is_message(records[i], i));
    this->reader.release_to(ends[i]);
    this->reader.publish_head();
    EXPECT_EQ(this->storage.memory().control->head, ends[i]);
    ASSERT_TRUE(this->writer.has_room(100));
  }
}

TYPED_TEST(SpscRingTest, ReleaseGivesBackWhatWasHeldBefore) {
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(this->send(i, 30));
  ASSERT_FALSE(this->reader.peek().empty());
  this->reader.hold();
  ASSERT_FALSE(this->reader.peek().empty());
  this->reader.release();
  this->expect(2, 30);
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_EQ(this->storage.memory().control->head, this->writer.tail());
}

TYPED_TEST(SpscRingTest, MovedHandlesGoOnWhereTheyWere) {
  ASSERT_TRUE(this->send(1, 50));
  Ring::Writer new_writer(std::move(this->writer));
  Ring::Reader new_reader(std::move(this->reader));
  write_message(new_writer.claim(51), 2);
  new_writer.commit();
  ASSERT_TRUE(is_message(new_reader.peek(), 1));
  new_reader.release();
  ASSERT_TRUE(is_message(new_reader.peek(), 2));
  new_reader.release();
  EXPECT_TRUE(new_reader.peek().empty());
}

}  // namespace
}  // namespace ringbell::core
