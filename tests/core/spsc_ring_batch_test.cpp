// Batches: staged records become visible together, in order, and not before.
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
class SpscRingBatchTest : public ::testing::Test {
 protected:
  bool stage(std::uint64_t number, std::uint32_t size_bytes) {
    const std::span<std::byte> room = writer.claim(size_bytes);
    if (room.empty()) return false;
    write_message(room, number);
    writer.stage();
    return true;
  }

  void expect(std::uint64_t first, std::uint64_t count, std::uint32_t size_bytes) {
    for (std::uint64_t number = first; number < first + count; ++number) {
      const std::span<const std::byte> record = reader.peek();
      ASSERT_EQ(record.size(), size_bytes) << "message " << number;
      ASSERT_TRUE(is_message(record, number)) << "message " << number;
      reader.release();
    }
    ASSERT_TRUE(reader.peek().empty());
    ASSERT_FALSE(reader.corrupt());
  }

  Memory storage;
  Ring::Writer writer{storage.memory()};
  Ring::Reader reader{storage.memory()};
};

TYPED_TEST_SUITE(SpscRingBatchTest, test::EveryMemory);

TYPED_TEST(SpscRingBatchTest, NothingStagedIsSeenBeforeFlush) {
  for (std::uint64_t i = 0; i < 16; ++i) {
    ASSERT_TRUE(this->stage(i, 60));
    ASSERT_TRUE(this->reader.peek().empty());
  }
  this->writer.flush();
  this->expect(0, 16, 60);
}

TYPED_TEST(SpscRingBatchTest, FlushOfNothingDoesNothing) {
  this->writer.flush();
  EXPECT_TRUE(this->reader.peek().empty());
  EXPECT_EQ(this->writer.tail(), 0U);
  (void)this->writer.claim(10);
  this->writer.flush();  // a claim is no staged record
  EXPECT_TRUE(this->reader.peek().empty());
}

TYPED_TEST(SpscRingBatchTest, CommitFlushesWhatWasStagedBefore) {
  ASSERT_TRUE(this->stage(0, 33));
  ASSERT_TRUE(this->stage(1, 33));
  write_message(this->writer.claim(33), 2);
  this->writer.commit();
  this->expect(0, 3, 33);
}

TYPED_TEST(SpscRingBatchTest, BatchOfTheWholeRingIsOneStep) {
  // Several laps at different offsets, so that the batch crosses the end everywhere.
  for (std::uint64_t lap = 0; lap < 100; ++lap) {
    std::uint64_t staged = 0;
    while (this->stage(lap + staged, 40)) ++staged;
    ASSERT_TRUE(this->reader.peek().empty());
    ASSERT_GT(staged, 10U);
    this->writer.flush();
    this->expect(lap, staged, 40);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(this->stage(0, 1));
    this->writer.flush();
    this->expect(0, 1, 1);
  }
}

TYPED_TEST(SpscRingBatchTest, StagedRecordsMayBeShorterThanTheirClaims) {
  for (std::uint64_t i = 0; i < 8; ++i) {
    const std::span<std::byte> room = this->writer.claim(200);
    std::memset(room.data(), 0xff, room.size());
    write_message(room.first(17), i);
    this->writer.stage(17);
  }
  this->writer.flush();
  this->expect(0, 8, 17);
}

TYPED_TEST(SpscRingBatchTest, AbortForgetsTheWholeBatch) {
  ASSERT_TRUE(this->stage(9, 50));
  this->writer.flush();
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(this->stage(100 + i, 50));
  this->writer.abort();
  this->writer.flush();
  this->expect(9, 1, 50);
  // The stale headers of the aborted batch must not come to light behind the next records.
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(this->stage(i, 51));
    this->writer.flush();
    this->expect(i, 1, 51);
  }
}

TYPED_TEST(SpscRingBatchTest, FlushToShowsAPrefixAndKeepsTheRest) {
  for (std::uint64_t lap = 0; lap < 40; ++lap) {
    std::vector<std::uint64_t> ends;
    while (this->stage(ends.size(), 100)) ends.push_back(this->writer.staged_position());
    std::uint64_t seen = 0;
    this->writer.flush_to(this->writer.tail());  // nothing yet
    EXPECT_TRUE(this->reader.peek().empty());
    for (std::uint64_t step = 1; seen < ends.size(); ++step) {
      const std::uint64_t count = std::min<std::uint64_t>(step, ends.size() - seen);
      this->writer.flush_to(ends[seen + count - 1]);
      EXPECT_EQ(this->writer.tail(), ends[seen + count - 1]);
      this->expect(seen, count, 100);
      if (::testing::Test::HasFatalFailure()) return;
      seen += count;
    }
    EXPECT_EQ(this->writer.staged_position(), this->writer.tail());
  }
}

TYPED_TEST(SpscRingBatchTest, StagingGoesOnAfterAPartialFlush) {
  ASSERT_TRUE(this->stage(0, 70));
  const std::uint64_t first = this->writer.staged_position();
  ASSERT_TRUE(this->stage(1, 70));
  this->writer.flush_to(first);
  ASSERT_TRUE(this->stage(2, 70));
  this->expect(0, 1, 70);
  this->writer.flush();
  this->expect(1, 2, 70);
}

TYPED_TEST(SpscRingBatchTest, AbortAfterAPartialFlushForgetsOnlyTheRest) {
  ASSERT_TRUE(this->stage(0, 70));
  const std::uint64_t first = this->writer.staged_position();
  ASSERT_TRUE(this->stage(1, 70));
  ASSERT_TRUE(this->stage(2, 70));
  this->writer.flush_to(first);
  this->writer.abort();
  this->expect(0, 1, 70);
  ASSERT_TRUE(this->stage(3, 70));
  this->writer.flush();
  this->expect(3, 1, 70);
}

}  // namespace
}  // namespace ringbell::core
