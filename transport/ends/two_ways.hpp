// Which of two ways is in use, where only a measurement can tell, and when they are measured.
//
//   settled        | chosen, timed | other | other, timed | settled ...
//   16 to 512 laps | one lap       | one   | one          | twice as many, or 16 after a change
//
// The first lap of the other way is not timed: it finds the lines where the chosen one left them.
#pragma once

#include <cstdint>

namespace ringbell {

class TwoWays {
 public:
  static constexpr std::uint32_t kFewestLaps = 16;  // between two measurements
  static constexpr std::uint32_t kMostLaps = 512;
  enum class Phase : std::uint8_t { settled, time_chosen, warm_other, time_other };

  // `lap_bytes`: of the memory that is written round and round. REQUIRES: lap_bytes > 0.
  explicit TwoWays(std::uint64_t lap_bytes) noexcept
      : lap_bytes_(lap_bytes), left_bytes_(lap_bytes) {}

  // The first at first.
  [[nodiscard]] bool is_second() const noexcept {
    return second_is_chosen_ != (phase_ == Phase::warm_other || phase_ == Phase::time_other);
  }
  [[nodiscard]] bool is_timed() const noexcept {
    return phase_ == Phase::time_chosen || phase_ == Phase::time_other;
  }
  [[nodiscard]] Phase phase() const noexcept { return phase_; }

  // So many bytes went by. True: the phase is over with them; call next().
  [[nodiscard]] bool passed(std::uint64_t bytes) noexcept {
    const bool is_over = bytes >= left_bytes_;
    left_bytes_ -= is_over ? left_bytes_ : bytes;
    return is_over;
  }
  // Not what it should be: the same phase again.
  void again() noexcept { left_bytes_ = lap_bytes_; }
  // `other_is_better`: of the two that were timed; it counts behind time_other.
  void next(bool other_is_better) noexcept {
    left_bytes_ = lap_bytes_;
    if (phase_ != Phase::time_other) {
      phase_ = static_cast<Phase>(static_cast<std::uint8_t>(phase_) + 1);
      return;
    }
    laps_ = other_is_better ? kFewestLaps : laps_ < kMostLaps ? 2 * laps_ : laps_;
    second_is_chosen_ = second_is_chosen_ != other_is_better;
    phase_ = Phase::settled;
    left_bytes_ *= laps_;
  }

 private:
  std::uint64_t lap_bytes_;
  std::uint64_t left_bytes_;  // of this phase
  std::uint32_t laps_ = kFewestLaps;
  Phase phase_ = Phase::settled;
  bool second_is_chosen_ = false;
};

}  // namespace ringbell
