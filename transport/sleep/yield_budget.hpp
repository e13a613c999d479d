// Whether to give the CPU away once before parking, learnt from whether it paid.
//
// It pays where the peer shares this CPU and has something to do: it does it meanwhile, and neither
// side pays for a sleep and a ring. What else is on this CPU may run instead, and be given a whole
// slice of some milliseconds. So where that happened nothing is given away for a second; for twice
// as long each time that it happens again, before it has paid kManyTurns times in a row.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <ringbell/transport/sleep/spin_budget.hpp>

namespace ringbell {

class YieldBudget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit YieldBudget(bool may_yield) noexcept : may_yield_(may_yield) {}

  // Whether to give it away this time.
  [[nodiscard]] bool next(Clock::time_point now) noexcept {
    return may_yield_ && now >= not_before_ && tries_.next();
  }

  // Whether what is waited for came by it, between these times.
  void learn(bool came, Clock::time_point start, Clock::time_point end) noexcept {
    const bool was_a_slice = end - start >= kLongestTurn;
    const bool paid = came && !was_a_slice;
    tries_.learn(paid);
    turns_ = paid ? turns_ + 1 : 0;
    if (turns_ >= kManyTurns) pause_ = kFirstPause;
    if (!was_a_slice) return;
    not_before_ = end + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
  }

  // A turn of the peer may go through a whole ring. The kernel's slices are longer.
  static constexpr std::chrono::microseconds kLongestTurn{500};
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{64};
  static constexpr std::uint32_t kManyTurns = 4096;

 private:
  bool may_yield_;
  Tries tries_ = {};
  Clock::time_point not_before_{};
  std::chrono::seconds pause_ = kFirstPause;
  std::uint32_t turns_ = 0;  // that paid, one after the other
};

}  // namespace ringbell
