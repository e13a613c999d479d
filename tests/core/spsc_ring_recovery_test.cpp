// What a successor finds after the one before it died, what a lying peer can do, and positions far
// from 0. A "death" here is a handle that is not used any more: handles keep nothing on the side.
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_ring.hpp>

#include <tests/support/message.hpp>
#include <tests/support/ring_memory.hpp>

namespace ringbell::core {
namespace {

using Ring = SpscRing<>;
using test::is_message;
using test::write_message;

template <class Memory>
class SpscRingRecoveryTest : public ::testing::Test {
 protected:
  SpscMemory memory() const { return storage.memory(); }
  RecordHeader& header_at(std::uint64_t position) const {
    return SpscPlaces(memory()).header_at(position);
  }
  std::uint32_t align() const { return memory().record_alignment; }

  static bool send(Ring::Writer& writer, std::uint64_t number, std::uint32_t size_bytes) {
    const std::span<std::byte> room = writer.claim(size_bytes);
    if (room.empty()) return false;
    write_message(room, number);
    writer.commit();
    return true;
  }
  static void expect(Ring::Reader& reader, std::uint64_t number, std::uint32_t size_bytes) {
    const std::span<const std::byte> record = reader.peek();
    ASSERT_EQ(record.size(), size_bytes) << "message " << number;
    ASSERT_TRUE(is_message(record, number)) << "message " << number;
    reader.release();
  }

  Memory storage;
};

TYPED_TEST_SUITE(SpscRingRecoveryTest, test::EveryMemory);

TYPED_TEST(SpscRingRecoveryTest, NewWriterGoesOnBehindTheCommittedRecords) {
  Ring::Writer first(this->memory());
  Ring::Reader reader(this->memory());
  // Every fill level, each at another offset.
  std::uint64_t number = 0;
  for (std::uint64_t level = 0; level < 30; ++level) {
    for (std::uint64_t i = 0; i < level; ++i) {
      ASSERT_TRUE(this->send(first, number + i, 37));
    }
    std::memset(first.claim(300).data(), 0xff, 300);  // it dies between claim and commit
    Ring::Writer second(this->memory());
    ASSERT_FALSE(second.corrupt());
    ASSERT_EQ(second.tail(), first.tail());
    ASSERT_TRUE(this->send(second, number + level, 37));
    for (std::uint64_t i = 0; i <= level; ++i) this->expect(reader, number + i, 37);
    ASSERT_TRUE(reader.peek().empty());
    ASSERT_FALSE(reader.corrupt());
    if (::testing::Test::HasFatalFailure()) return;
    number += level + 1;
    first = std::move(second);
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewWriterSeesNothingOfABatchThatWasNotFlushed) {
  Ring::Writer first(this->memory());
  Ring::Reader reader(this->memory());
  ASSERT_TRUE(this->send(first, 0, 20));
  for (int i = 0; i < 10; ++i) {  // the inner headers are in the ring, the first one is not
    std::memset(first.claim(20).data(), 0xff, 20);
    first.stage();
  }
  Ring::Writer second(this->memory());
  ASSERT_FALSE(second.corrupt());
  EXPECT_EQ(second.tail(), first.tail());
  this->expect(reader, 0, 20);
  EXPECT_TRUE(reader.peek().empty());
  // Ends exactly where a stale inner header stands: it must have been cleared.
  for (std::uint64_t number = 1; number < 9; ++number) {
    ASSERT_TRUE(this->send(second, number, 20));
    this->expect(reader, number, 20);
    ASSERT_TRUE(reader.peek().empty()) << "a header of the unfinished batch came to light";
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewWriterFindsAFullRingFull) {
  // The largest record and nothing else, at every offset: head + capacity is as far as it goes.
  Ring::Writer mover(this->memory());
  Ring::Reader reader(this->memory());
  const std::uint32_t largest = mover.max_record_bytes();
  for (std::uint64_t offset = 0; offset < 2 * test::kSmallCapacity / this->align(); ++offset) {
    ASSERT_TRUE(this->send(mover, 1, largest));
    Ring::Writer second(this->memory());
    ASSERT_FALSE(second.corrupt()) << "at " << reader.position();
    ASSERT_EQ(second.tail(), mover.tail());
    ASSERT_TRUE(second.claim(1).empty());
    this->expect(reader, 1, largest);
    ASSERT_TRUE(reader.peek().empty());
    ASSERT_TRUE(this->send(second, 2, 1));
    this->expect(reader, 2, 1);
    ASSERT_TRUE(reader.peek().empty());
    mover = std::move(second);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewWriterFindsARingFullOfSmallRecordsFull) {
  Ring::Writer first(this->memory());
  std::uint64_t sent = 0;
  while (this->send(first, sent, 1)) ++sent;
  Ring::Writer second(this->memory());
  ASSERT_FALSE(second.corrupt());
  EXPECT_EQ(second.tail(), first.tail());
  EXPECT_TRUE(second.claim(1).empty());
  Ring::Reader reader(this->memory());
  for (std::uint64_t number = 0; number < sent; ++number) this->expect(reader, number, 1);
  EXPECT_TRUE(reader.peek().empty());
  EXPECT_TRUE(this->send(second, sent, 1));
}

TYPED_TEST(SpscRingRecoveryTest, NewReaderRepeatsAnEighthAtMost) {
  Ring::Writer writer(this->memory());
  Ring::Reader first(this->memory());
  std::uint64_t sent = 0;
  while (this->send(writer, sent, 24)) ++sent;
  ASSERT_GT(sent, 0U);
  const std::uint64_t each = writer.tail() / sent;
  for (std::uint64_t read = 1; read <= sent; ++read) {
    this->expect(first, read - 1, 24);
    Ring::Reader second(this->memory());
    ASSERT_FALSE(second.corrupt());
    const std::uint64_t resumes_at = second.position() / each;
    ASSERT_LE(resumes_at, read);
    ASSERT_LT((read - resumes_at) * each, test::kSmallCapacity / Ring::kHeadPublications);
    if (resumes_at < sent) {
      ASSERT_TRUE(is_message(second.peek(), resumes_at));
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewReaderSeesHeldRecordsAgain) {
  Ring::Writer writer(this->memory());
  Ring::Reader first(this->memory());
  for (std::uint64_t number = 0; number < 5; ++number) {
    ASSERT_TRUE(this->send(writer, number, 300));
    ASSERT_FALSE(first.peek().empty());
    first.hold();
  }
  EXPECT_TRUE(first.peek().empty());
  Ring::Reader second(this->memory());
  for (std::uint64_t number = 0; number < 5; ++number) this->expect(second, number, 300);
  EXPECT_TRUE(second.peek().empty());
}

TYPED_TEST(SpscRingRecoveryTest, ReaderRefusesEveryImpossibleHeader) {
  const std::uint32_t largest = this->memory().max_record_bytes();
  for (const std::uint32_t lie :
       {largest + 1, largest + 8, std::uint32_t{test::kSmallCapacity}, 1U << 31U, UINT32_MAX}) {
    this->header_at(0) = SpscPlaces::header_of(0, lie);
    Ring::Reader reader(this->memory());
    EXPECT_FALSE(reader.corrupt());
    EXPECT_TRUE(reader.peek().empty()) << lie;
    EXPECT_TRUE(reader.corrupt()) << lie;
    EXPECT_TRUE(reader.peek().empty()) << lie;
    EXPECT_EQ(reader.position(), 0U);
    this->header_at(0) = 0;
    (void)reader.peek();
    EXPECT_TRUE(reader.corrupt()) << "it stays so";
  }
}

TYPED_TEST(SpscRingRecoveryTest, WordsWithoutTheStampOfTheirPlaceAreNothing) {
  Ring::Reader reader(this->memory());
  for (const std::uint64_t word :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 63, ~std::uint64_t{0},
        SpscPlaces::header_of(8, 8), SpscPlaces::header_of(test::kSmallCapacity, 8),
        SpscPlaces::header_of(0, 0) - 1, SpscPlaces::header_of(0, UINT32_MAX) + 1}) {
    this->header_at(0) = word;
    EXPECT_EQ(reader.peek().data(), nullptr) << word;
    EXPECT_FALSE(reader.corrupt()) << word;
    const Ring::Writer writer(this->memory());
    EXPECT_FALSE(writer.corrupt()) << word;
    EXPECT_EQ(writer.tail(), 0U) << word;
  }
}

TYPED_TEST(SpscRingRecoveryTest, ReaderTakesTheLargestHeader) {
  this->header_at(0) = SpscPlaces::header_of(0, this->memory().max_record_bytes());
  Ring::Reader reader(this->memory());
  EXPECT_EQ(reader.peek().size(), this->memory().max_record_bytes());
  EXPECT_FALSE(reader.corrupt());
}

TYPED_TEST(SpscRingRecoveryTest, WriterRefusesEveryImpossibleHead) {
  const std::uint64_t full = 2 * test::kSmallCapacity / 3 / this->align() * this->align();
  const std::vector<std::uint64_t> lies = {
      0,        2 * this->align(), full + this->align(),    full + 1,
      full * 2, ~std::uint64_t{0}, ~std::uint64_t{0} - full};
  for (const std::uint64_t lie : lies) {
    TypeParam fresh;
    Ring::Writer writer(fresh.memory());
    Ring::Reader reader(fresh.memory());
    // Head and what the writer knows of it are at 3 or 4 records' alignments, the tail at `full`.
    const std::uint64_t behind = std::max<std::uint64_t>(3 * this->align(), 32);
    const auto size = static_cast<std::uint32_t>(behind - this->memory().header_bytes());
    ASSERT_TRUE(this->send(writer, 1, size));
    this->expect(reader, 1, size);
    ASSERT_TRUE(reader.peek().empty());
    const auto rest =
        static_cast<std::uint32_t>(full - writer.tail() - this->memory().header_bytes());
    ASSERT_TRUE(this->send(writer, 2, rest));
    ASSERT_EQ(writer.tail(), full);
    ASSERT_TRUE(writer.has_room(1));
    ASSERT_FALSE(writer.has_room(writer.max_record_bytes()));  // makes it look at the head
    ASSERT_FALSE(writer.corrupt());
    fresh.memory().control->head = lie;
    EXPECT_TRUE(writer.claim(writer.max_record_bytes()).empty()) << lie;
    EXPECT_TRUE(writer.corrupt()) << lie;
    fresh.memory().control->head = full;
    EXPECT_TRUE(writer.claim(writer.max_record_bytes()).empty()) << "it stays so";
    EXPECT_FALSE(writer.has_room(writer.max_record_bytes()));
    EXPECT_TRUE(writer.corrupt());
  }
}

TYPED_TEST(SpscRingRecoveryTest, MisalignedHeadIsRefusedAtAttach) {
  const std::uint64_t align = this->align();
  for (const std::uint64_t lie :
       {std::uint64_t{1}, std::uint64_t{4}, align - 1, align + 7, std::uint64_t{0} - 1}) {
    this->memory().control->head = lie;
    Ring::Writer writer(this->memory());
    Ring::Reader reader(this->memory());
    EXPECT_TRUE(writer.corrupt()) << lie;
    EXPECT_TRUE(reader.corrupt()) << lie;
    // A caller that does not ask comes to no harm: no misaligned access, none outside.
    EXPECT_TRUE(writer.claim(1).empty()) << lie;
    EXPECT_TRUE(writer.claim(writer.max_record_bytes()).empty()) << lie;
    EXPECT_TRUE(reader.peek().empty()) << lie;
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewWriterRefusesImpossibleRecords) {
  const std::uint32_t largest = this->memory().max_record_bytes();
  for (const std::uint32_t lie : {largest + 1, 1U << 31U, UINT32_MAX}) {
    TypeParam fresh;
    Ring::Writer writer(fresh.memory());
    for (std::uint64_t number = 0; number < 5; ++number) {
      ASSERT_TRUE(this->send(writer, number, 100));
    }
    SpscPlaces(fresh.memory()).header_at(writer.tail()) = SpscPlaces::header_of(writer.tail(), lie);
    Ring::Writer second(fresh.memory());
    EXPECT_TRUE(second.corrupt()) << lie;
    EXPECT_TRUE(second.claim(1).empty()) << lie;
  }
}

TYPED_TEST(SpscRingRecoveryTest, NewWriterRefusesMoreRecordsThanTheRingHolds) {
  // Plausible headers all around: a walk without a bound would never end.
  const SpscPlaces places(this->memory());
  for (std::uint64_t at = 0; at < test::kSmallCapacity; at += places.footprint(1)) {
    this->header_at(at) = SpscPlaces::header_of(at, 1);
  }
  Ring::Writer writer(this->memory());
  EXPECT_TRUE(writer.corrupt());
  EXPECT_TRUE(writer.claim(1).empty());
}

// The positions are free-running: nothing may depend on how far they are from 0.
TYPED_TEST(SpscRingRecoveryTest, PositionsWrapAroundTheirSixtyFourBits) {
  constexpr std::uint64_t kStart = 0 - 3 * test::kSmallCapacity;
  this->memory().control->head = kStart;
  Ring::Writer writer(this->memory());
  Ring::Reader reader(this->memory());
  ASSERT_FALSE(writer.corrupt());
  ASSERT_FALSE(reader.corrupt());
  std::deque<std::uint64_t> in_ring;
  std::uint64_t number = 0;
  while (writer.tail() - kStart < 8 * test::kSmallCapacity) {
    // Alternately full and empty, with held records across the wrap-around, by batches and singly.
    while (true) {
      const std::uint32_t size = test::size_of_message(number, writer.max_record_bytes() / 4);
      const std::span<std::byte> room = writer.claim(size);
      if (room.empty()) break;
      write_message(room, number);
      in_ring.push_back(number++);
      writer.stage();
      if (number % 3 == 0) writer.flush();
    }
    writer.flush();
    while (!in_ring.empty()) {
      ASSERT_TRUE(is_message(reader.peek(), in_ring.front())) << in_ring.front();
      in_ring.pop_front();
      reader.hold();
      if (in_ring.size() % 2 == 0) reader.release_to(reader.position());
    }
    ASSERT_TRUE(reader.peek().empty());
    ASSERT_FALSE(writer.corrupt());
    ASSERT_FALSE(reader.corrupt());
  }
  EXPECT_LT(writer.tail(), kStart) << "the positions did not wrap around";
}

}  // namespace
}  // namespace ringbell::core
