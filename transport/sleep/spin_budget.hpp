// How long to spin before parking, learnt from whether it paid.
//
// Spinning pays where the peer runs on another CPU and answers soon. Where it does not (one CPU for
// both, a slow peer), each budget spent is time lost, on one CPU even the peer's. So after a budget
// spent in vain the next waits go straight to sleep; one in 2, 4, 8 … kMostSkipped tries again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ringbell {

// Which of many turns try what may not pay.
class Tries {
 public:
  [[nodiscard]] bool next() noexcept {
    if (to_skip_ == 0) return true;
    --to_skip_;
    return false;
  }
  void learn(bool paid) noexcept {
    skip_next_ = paid ? 0 : std::clamp(skip_next_ * 2, 1U, kMostSkipped);
    to_skip_ = skip_next_;
  }

 private:
  static constexpr std::uint32_t kMostSkipped = 1024;

  std::uint32_t to_skip_ = 0;
  std::uint32_t skip_next_ = 0;
};

class SpinBudget {
 public:
  explicit SpinBudget(std::chrono::nanoseconds budget) noexcept : budget_(budget) {}

  // How long to spin this time; zero: do not.
  [[nodiscard]] std::chrono::nanoseconds next() noexcept {
    return tries_.next() ? budget_ : std::chrono::nanoseconds::zero();
  }
  // Whether the time that next() gave was enough.
  void learn(bool paid) noexcept { tries_.learn(paid); }

 private:
  std::chrono::nanoseconds budget_;
  Tries tries_ = {};
};

}  // namespace ringbell
