// Each side of each ring where every load may return a lie and every word may change between any
// two operations. Walls and sanitizers see accesses outside the ring; a step has so many operations
// and no more.
#include <array>
#include <cstdint>
#include <cstdio>

#include <gtest/gtest.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/shared_parking.hpp>

#include <tests/hostile/pairs.hpp>
#include <tests/hostile/run_with_lies.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::hostile {
namespace {

template <class P>
class EveryLoadTest : public testing::Test {
 protected:
  void TearDown() override { test::WatchedAtomics::watch() = {}; }

  test::PrintedSeed printed_;
};
TYPED_TEST_SUITE(EveryLoadTest, EveryPair, NameOfPair);

TYPED_TEST(EveryLoadTest, MayLieAndOnlyMakesTheRingUseless) {
  constexpr std::uint64_t kRuns = 3000;
  constexpr int kSteps = 60;
  Tally tally;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Choices choices(test::mix(test::seed() + run));
    const typename TypeParam::Room room(choices);
    run_with_lies<TypeParam>(room, choices, kSteps, tally);
  }
  tally.print(TypeParam::kName);
  EXPECT_GT(tally.messages, kRuns);
  EXPECT_GT(tally.corrupt, kRuns / 100);
}

// A peer that parks and unparks for ever, honest or hostile.
template <class Parking>
void expect_ringing_to_end() {
  using Watched = test::WatchedAtomics;
  std::uint32_t word = Parking::kParked;
  std::uint32_t changes = 0;
  Watched::watch().before = [&] {
    if (++changes < 1000) word = Parking::kParked | changes << 4U;
  };
  int woken = 0;
  const std::uint64_t operations =
      test::operations_of([&] { Parking::ring(word, [&] { ++woken; }); });
  Watched::watch() = {};
  EXPECT_LE(operations, 16U);
  EXPECT_EQ(woken, 1) << "it said parked all the time";
}

TEST(ParkingUnderLies, RingingEndsHoweverOftenTheWordChanges) {
  expect_ringing_to_end<core::Parking<test::WatchedAtomics>>();
  expect_ringing_to_end<core::SharedParking<test::WatchedAtomics>>();
}

}  // namespace
}  // namespace ringbell::hostile
