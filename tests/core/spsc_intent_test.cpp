// What a writer's tags tell its successor.
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_intent.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include <tests/support/ring_memory.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint64_t kLargestTag = kTagLimit - 1;

TEST(SpscIntentTest, RingWithoutTagsHasNone) {
  WriterIntent words{};
  EXPECT_EQ(SpscIntent<>(words).last(0), std::nullopt);
  SpscIntent<>(words).settle(0);
  EXPECT_EQ(words.position, 0U);
  EXPECT_EQ(words.tag, 0U);
}

TEST(SpscIntentTest, TagIsVisibleOnceTheTailHasMoved) {
  WriterIntent words{};
  SpscIntent<> intent(words);
  for (const std::uint64_t tag : {std::uint64_t{0}, std::uint64_t{1}, kLargestTag}) {
    for (const std::uint64_t position :
         {std::uint64_t{0}, std::uint64_t{4096}, ~std::uint64_t{31}}) {
      intent.announce(position, tag);
      EXPECT_EQ(intent.last(position), (LastTag{tag, false}));
      EXPECT_EQ(intent.last(position + 8), (LastTag{tag, true}));
    }
  }
}

TEST(SpscIntentTest, WhatIsSettledStaysAsItWas) {
  for (const bool visible : {false, true}) {
    WriterIntent words{};
    SpscIntent<> intent(words);
    intent.announce(64, 7);
    const std::uint64_t tail = visible ? 128 : 64;
    intent.settle(tail);
    // A writer without tags goes on, also to where the tagged batch would have ended.
    for (const std::uint64_t later : {tail, std::uint64_t{64}, std::uint64_t{128}}) {
      EXPECT_EQ(intent.last(later), (LastTag{7, visible}));
      intent.settle(later);
      EXPECT_EQ(intent.last(later), (LastTag{7, visible}));
    }
  }
}

// Every state that a death between two stores of announce() leaves, in either order of the stores,
// and for a reader of the words that a weakly ordered CPU lets see the one before the other.
TEST(SpscIntentTest, HalfAnnouncedTagIsToldFromTheOneBefore) {
  for (std::uint64_t tag = 1; tag < 20; ++tag) {
    WriterIntent words{};
    SpscIntent<> intent(words);
    for (std::uint64_t before = 1; before <= tag; ++before) intent.announce(before * 64, before);
    const WriterIntent old = words;
    const std::uint64_t tail = (tag + 1) * 64;  // `tag` is visible
    intent.announce(tail, tag + 1);
    WriterIntent tag_first{old.position, words.tag};
    EXPECT_EQ(SpscIntent<>(tag_first).last(tail), (LastTag{tag + 1, false})) << tag;
    WriterIntent position_first{words.position, old.tag};
    EXPECT_EQ(SpscIntent<>(position_first).last(tail), (LastTag{tag, true})) << tag;
    for (WriterIntent torn : {tag_first, position_first}) {
      const auto last = SpscIntent<>(torn).last(tail);
      SpscIntent<>(torn).settle(tail);
      EXPECT_EQ(SpscIntent<>(torn).last(tail), last) << tag;
      SpscIntent<>(torn).announce(tail, 99);
      EXPECT_EQ(SpscIntent<>(torn).last(tail), (LastTag{99, false})) << tag;
    }
  }
}

TEST(SpscIntentTest, AnyWordsAreReadWithoutHarm) {
  for (std::uint64_t position = 0; position < 16; ++position) {
    for (std::uint64_t tag = 0; tag < 16; ++tag) {
      WriterIntent words{position, tag};
      SpscIntent<> intent(words);
      (void)intent.last(8);
      intent.settle(8);
      intent.announce(8, 5);
      EXPECT_EQ(intent.last(8), (LastTag{5, false}));
    }
  }
}

TEST(SpscIntentTest, HalfAnnouncedFirstTagIsNone) {
  WriterIntent words{};
  SpscIntent<>(words).announce(0, 1);
  words.tag = 0;
  EXPECT_EQ(SpscIntent<>(words).last(0), std::nullopt);
}

TEST(SpscIntentTest, WriterLeavesItsTagToTheNextOne) {
  test::PlainMemory<8> memory;
  {
    SpscRing<>::Writer writer(memory.memory());
    writer.settle_tag();
    writer.flush(5);  // nothing is staged: no tag
    EXPECT_EQ(writer.last_tag(), std::nullopt);
    (void)writer.claim(8);
    writer.stage();
    writer.flush(5);
    EXPECT_EQ(writer.last_tag(), (LastTag{5, true}));
  }
  SpscRing<>::Writer next(memory.memory());
  next.settle_tag();
  EXPECT_EQ(next.last_tag(), (LastTag{5, true}));
  (void)next.claim(8);
  next.commit();
  EXPECT_EQ(next.last_tag(), (LastTag{5, true}));
}

}  // namespace
}  // namespace ringbell::core
