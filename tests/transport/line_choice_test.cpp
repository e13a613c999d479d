#include <ringbell/transport/ends/line_choice.hpp>

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace ringbell {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kLapBytes = LineChoice::kShortestLapBytes;
constexpr std::uint64_t kStepsALap = 8;

// A reader whose laps take made up times.
class Laps {
 public:
  explicit Laps(std::uint64_t capacity_bytes = kLapBytes) : choice_(capacity_bytes) {}

  // How many of the laps it kept its lines in.
  std::uint64_t go(std::uint64_t laps, nanoseconds evicted, nanoseconds kept) {
    std::uint64_t kept_steps = 0;
    for (std::uint64_t step = 0; step < laps * kStepsALap; ++step) {
      kept_steps += choice_.keeps() ? 1 : 0;
      now_ += (choice_.keeps() ? kept : evicted) / kStepsALap;
      if (choice_.gave_back(kLapBytes / kStepsALap)) choice_.next(now_);
    }
    return kept_steps / kStepsALap;
  }
  [[nodiscard]] bool keeps() const { return choice_.keeps(); }
  void spoil() { choice_.spoil(); }

 private:
  LineChoice choice_;
  LineChoice::Clock::time_point now_{};
};

constexpr std::uint64_t kMeasured = 3;  // laps: the way in use, the other, and it once more
constexpr nanoseconds kTime{40'000};

TEST(LineChoiceTest, BeginsByEvicting) { EXPECT_FALSE(Laps().keeps()); }

TEST(LineChoiceTest, KeepsLinesWhereThatIsFaster) {
  Laps laps;
  EXPECT_EQ(laps.go(1 + kMeasured, kTime, kTime / 2), 2U) << "and measures that lap by lap";
  EXPECT_TRUE(laps.keeps());
  EXPECT_EQ(laps.go(TwoWays::kFewestLaps + 1, kTime, kTime / 2), TwoWays::kFewestLaps + 1);
}

TEST(LineChoiceTest, EvictsWhereThatIsFasterOrAsFast) {
  for (const nanoseconds kept : {2 * kTime, kTime, kTime - kTime / 10}) {
    Laps laps;
    laps.go(1 + kMeasured, kTime, kept);
    EXPECT_FALSE(laps.keeps()) << kept.count();
  }
}

TEST(LineChoiceTest, FollowsCpusThatMove) {
  Laps laps;
  laps.go(1 + kMeasured, kTime, kTime / 2);
  ASSERT_TRUE(laps.keeps());
  laps.go(TwoWays::kFewestLaps + kMeasured, kTime, 2 * kTime);
  EXPECT_FALSE(laps.keeps());
  laps.go(TwoWays::kFewestLaps + kMeasured, kTime, kTime / 2);
  EXPECT_TRUE(laps.keeps());
}

// It finds the lines as the way before left them.
TEST(LineChoiceTest, TheFirstLapOfTheOtherWayDoesNotCount) {
  Laps laps;
  laps.go(2, kTime, kTime / 2);
  laps.go(1, kTime, 3 * kTime);
  laps.go(1, kTime, kTime / 2);
  EXPECT_TRUE(laps.keeps());
}

TEST(LineChoiceTest, APauseIsNoTimeOfALap) {
  Laps laps;
  laps.go(1, kTime, kTime);
  laps.go(1, 1000 * kTime, kTime);
  laps.go(2, kTime, kTime);
  EXPECT_FALSE(laps.keeps());
}

TEST(LineChoiceTest, ASpoiltLapIsMeasuredOnceMore) {
  Laps laps;
  laps.go(1, kTime, kTime / 2);
  laps.spoil();
  laps.go(1, kTime / 2, kTime / 2);  // its lines were kept
  laps.go(kMeasured, kTime, kTime / 2);
  EXPECT_TRUE(laps.keeps());
  EXPECT_EQ(laps.go(TwoWays::kFewestLaps, kTime, kTime / 2), TwoWays::kFewestLaps) << "for long";
}

TEST(LineChoiceTest, AskedForTheTimeOnceALap) {
  LineChoice choice(4 * kLapBytes);
  EXPECT_FALSE(choice.gave_back(4 * kLapBytes - 1)) << "a lap is the ring's, where that is longer";
  EXPECT_TRUE(choice.gave_back(1));
}

// Measuring costs a lap of the worse way in two hundred, once the answer has stayed for a while.
TEST(LineChoiceTest, MeasuresEverMoreSeldom) {
  Laps laps;
  laps.go(4096, kTime, 2 * kTime);
  constexpr std::uint64_t kMany = 4UL * TwoWays::kMostLaps;
  const std::uint64_t kept = laps.go(kMany, kTime, 2 * kTime);
  EXPECT_GE(kept, 4U);
  EXPECT_LE(kept, kMany / 200);
}

}  // namespace
}  // namespace ringbell
