// Asking after many in turn: each is asked after once in a round, however many ask.
#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/shared_round.hpp>

#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

using Round = SharedRound<>;

constexpr std::uint64_t kRound = 100'000'000;
constexpr std::uint64_t kBegin = 12'345'678'901'234;

// Takes all that are due, but no more than `most`; when each number was asked after is noted.
class Asked {
 public:
  explicit Asked(std::uint32_t numbers) : at_(numbers) {}

  void ask(std::uint64_t& word, std::uint64_t now, std::uint32_t most = UINT32_MAX,
           std::uint64_t round_ns = kRound) {
    const auto numbers = static_cast<std::uint32_t>(at_.size());
    Round round(word, numbers, round_ns);
    const Round::Due due = round.due(now);
    const std::uint32_t count = std::min(due.count, most);
    if (count == 0) return;
    ASSERT_TRUE(round.take(due, count));
    for (std::uint32_t i = 0; i < count; ++i) at_[(due.first + i) % numbers].push_back(now);
  }

  [[nodiscard]] std::uint64_t longest_ago(std::uint64_t now) const {
    std::uint64_t longest = 0;
    for (const auto& times : at_) longest = std::max(longest, now - times.back());
    return longest;
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const auto& times : at_) all += times.size();
    return all;
  }
  // Between two questions about one number, or before the first, or after the last.
  [[nodiscard]] std::uint64_t longest_gap(std::uint64_t begin, std::uint64_t end) const {
    std::uint64_t longest = 0;
    for (const auto& times : at_) {
      std::uint64_t last = begin;
      for (const std::uint64_t time : times) {
        longest = std::max(longest, time - last);
        last = time;
      }
      longest = std::max(longest, std::max(end, last) - last);
    }
    return longest;
  }

 private:
  std::vector<std::vector<std::uint64_t>> at_;  // by number, when
};

TEST(SharedRoundTest, OneThatComesOnceInARoundAsksAfterAll) {
  std::uint64_t word = 0;
  Asked asked(7);
  for (std::uint64_t i = 0; i < 10; ++i) asked.ask(word, kBegin + i * kRound);
  EXPECT_EQ(asked.count(), 70U);
}

// The time of a new word is that of the boot, which may be less than a round ago.
TEST(SharedRoundTest, ANewWordMakesAllDueSoonAfterABootToo) {
  for (const std::uint64_t now : {std::uint64_t{0}, kRound / 2, kRound - 1}) {
    std::uint64_t word = 0;
    Asked asked(7);
    asked.ask(word, now);
    EXPECT_EQ(asked.count(), 7U) << now;
    asked.ask(word, now + kRound);
    EXPECT_EQ(asked.count(), 14U) << now;
  }
}

// It never comes early, but sometimes late.
TEST(SharedRoundTest, OneThatComesLateAsksAfterAll) {
  const test::PrintedSeed printed;
  std::mt19937_64 random(test::seed());
  std::uint64_t word = 0;
  Asked asked(7);
  std::uint64_t now = kBegin;
  for (int i = 0; i < 1000; ++i) {
    asked.ask(word, now);
    now += kRound + random() % (kRound / 20);
  }
  EXPECT_EQ(asked.count(), 7000U);
}

TEST(SharedRoundTest, APauseMakesEachDueOnce) {
  std::uint64_t word = 0;
  Asked asked(8);
  asked.ask(word, kBegin);
  asked.ask(word, kBegin + 50 * kRound);
  EXPECT_EQ(asked.count(), 16U);
  asked.ask(word, kBegin + 50 * kRound);
  EXPECT_EQ(asked.count(), 16U);
}

TEST(SharedRoundTest, AfterEachLookAllWereAskedAfterWithinARound) {
  const test::PrintedSeed printed;
  std::mt19937_64 random(test::seed());
  for (const std::uint32_t numbers : {1U, 2U, 3U, 64U, 1000U}) {
    std::uint64_t word = 0;
    Asked asked(numbers);
    std::uint64_t now = kBegin;
    for (int i = 0; i < 300; ++i) {
      asked.ask(word, now);
      ASSERT_LE(asked.longest_ago(now), kRound + kRound / 1000) << numbers;
      now += random() % (i % 2 == 0 ? kRound : kRound / 50);
    }
    EXPECT_LE(asked.count(), (now - kBegin) * numbers / kRound + numbers + 1);
  }
}

TEST(SharedRoundTest, ManyAskNoMoreThanOneDoes) {
  const test::PrintedSeed printed;
  std::mt19937_64 random(test::seed());
  constexpr std::uint32_t kNumbers = 256;
  constexpr std::uint64_t kRounds = 20;
  std::vector<std::uint64_t> looks;
  for (std::uint64_t end = 0; end < kNumbers; ++end) {
    const std::uint64_t first = random() % kRound;
    for (std::uint64_t i = 0; i < kRounds; ++i) looks.push_back(kBegin + first + i * kRound);
  }
  std::sort(looks.begin(), looks.end());
  std::uint64_t word = 0;
  Asked asked(kNumbers);
  for (const std::uint64_t now : looks) asked.ask(word, now, 64);
  EXPECT_LE(asked.count(), (kRounds + 2) * kNumbers);
  EXPECT_LE(asked.longest_gap(kBegin, kBegin + kRounds * kRound), kRound * 5 / 4);
}

// All wake up at once.
TEST(SharedRoundTest, WhatOneLeavesIsTheNextOnes) {
  constexpr std::uint32_t kNumbers = 256;
  std::uint64_t word = 0;
  Asked asked(kNumbers);
  for (std::uint64_t round = 0; round < 10; ++round) {
    for (std::uint64_t end = 0; end < kNumbers; ++end) {
      asked.ask(word, kBegin + round * kRound + end * 1000, 64);
    }
    EXPECT_GE(asked.count(), (round + 1) * kNumbers);
    EXPECT_LE(asked.count(), (round + 1) * kNumbers + kNumbers / 8);
  }
  EXPECT_LE(asked.longest_gap(kBegin, kBegin + 9 * kRound), kRound + kRound / 8);
}

TEST(SharedRoundTest, EachLooksToItsOwnRound) {
  constexpr std::uint32_t kNumbers = 16;
  std::uint64_t word = 0;
  Asked asked(kNumbers);
  for (std::uint64_t i = 0; i < 100; ++i) {
    asked.ask(word, kBegin + i * kRound, UINT32_MAX, 100 * kRound);
    asked.ask(word, kBegin + i * kRound + 1000);
  }
  EXPECT_LE(asked.longest_gap(kBegin, kBegin + 99 * kRound), kRound + 2000);
  EXPECT_LE(asked.count(), 110 * kNumbers);
}

TEST(SharedRoundTest, WhatAnotherTookIsNotTakenAgain) {
  std::uint64_t word = 0;
  Round one(word, 4, kRound);
  Round other(word, 4, kRound);
  const Round::Due due = one.due(kBegin);
  const Round::Due same = other.due(kBegin);
  EXPECT_EQ(due.count, 4U);
  EXPECT_TRUE(one.take(due, 3));
  EXPECT_FALSE(other.take(same, 3));
  const Round::Due left = other.due(kBegin);
  EXPECT_EQ(left.first, 3U);
  EXPECT_EQ(left.count, 1U);
  EXPECT_TRUE(other.take(left, 1));
  EXPECT_EQ(one.due(kBegin).count, 0U);
}

// Of a boot before, of another clock, of a hostile peer.
TEST(SharedRoundTest, AWordThatCannotBeMakesAllDue) {
  const test::PrintedSeed printed;
  std::mt19937_64 random(test::seed());
  constexpr std::uint32_t kNumbers = 5;
  const std::uint64_t now = kBegin;
  for (int i = 0; i < 10'000; ++i) {
    std::uint64_t word = random();
    Round round(word, kNumbers, kRound);
    const Round::Due due = round.due(now);
    ASSERT_LT(due.first, kNumbers);
    ASSERT_LE(due.count, kNumbers);
    if (due.count == 0) continue;  // it may be of just now
    ASSERT_TRUE(round.take(due, due.count));
    EXPECT_LE(round.due(now).count, kNumbers);
    EXPECT_EQ(round.due(now + 2 * kRound).count, kNumbers);
  }
  std::uint64_t ahead = 0;
  ASSERT_TRUE(Round(ahead, kNumbers, kRound).take(Round(ahead, kNumbers, kRound).due(now), 5));
  EXPECT_EQ(Round(ahead, kNumbers, kRound).due(now).count, 0U);
  EXPECT_EQ(Round(ahead, kNumbers, kRound).due(now - kRound).count, kNumbers);
}

}  // namespace
}  // namespace ringbell::core
