// What core compares and counts by value, and what it says of a kind that no ring has.
#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_participant.hpp>
#include <ringbell/core/ring_shape.hpp>
#include <ringbell/core/spsc_intent.hpp>
#include <ringbell/core/spsc_memory.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/ring_memory.hpp>

namespace ringbell::core {
namespace {

constexpr auto kNoKind = RingKind(99);

TEST(ValuesTest, AreEqualOnlyIfAllOfThemIs) {
  Geometry geometry{};
  geometry.capacity_bytes = 4096;
  EXPECT_EQ(geometry, geometry);
  EXPECT_NE(geometry, Geometry{});
  TypeRecord type{};
  EXPECT_EQ(type, TypeRecord{});
  reinterpret_cast<unsigned char&>(type) = 1;
  EXPECT_NE(type, TypeRecord{});
  const RingShape shape{.kind = RingKind::mpmc, .participants = 2};
  RingShape larger = shape;
  larger.participants = 3;
  EXPECT_EQ(shape, shape);
  EXPECT_NE(shape, larger);
  LastTag tag{};
  EXPECT_EQ(tag, LastTag{});
  reinterpret_cast<unsigned char&>(tag) = 1;
  EXPECT_NE(tag, LastTag{});
}

TEST(ValuesTest, AKindThatNoRingHasHasNoPlaces) {
  EXPECT_EQ(most_participants(kNoKind), 0U);
  EXPECT_EQ(control_bytes({.kind = kNoKind}), 0U);
}

TEST(ValuesTest, ContentsOfAQueueAreCountedTogether) {
  constexpr MpmcContents kContents{.claimed = 1, .ready = 2, .taken = 3, .freed = 10};
  EXPECT_EQ(kContents.all(), 6U);
  EXPECT_EQ(kContents.ever_claimed(), 16U);
}

TEST(ValuesTest, ARecordFitsUpToTheLargest) {
  const test::PlainMemory<8> memory;
  const SpscPlaces places(memory.memory());
  EXPECT_TRUE(places.fits(places.max_record_bytes()));
  EXPECT_FALSE(places.fits(std::uint64_t{places.max_record_bytes()} + 1));
}

// Of the record in hand one sequence is right, of all others none is.
TEST(ValuesTest, ALagThatCannotBeFoundIsNone) {
  test::PlainBroadcastMemory storage(8, 8);
  BroadcastLossy<>::Reader reading(storage.slots<const std::byte>());
  for (std::uint64_t slot = 1; slot < 8; ++slot) storage.sequence(slot) = ~BroadcastSequence{0};
  storage.sequence(0) = holding_sequence(0);
  EXPECT_EQ(reading.lag(), 0U);
}

}  // namespace
}  // namespace ringbell::core
