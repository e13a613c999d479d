// How long an attack between processes goes on: its time, and on a busy machine until both sides
// have done what the test asks for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ringbell::hostile {

class AttackTime {
 public:
  explicit AttackTime(std::chrono::nanoseconds least) noexcept : least_(least) {}

  template <class Enough>
  [[nodiscard]] bool goes_on(Enough&& enough) const {
    const auto lasted = std::chrono::steady_clock::now() - start_;
    return lasted < least_ || (lasted < kLongest && !enough());
  }

  // What the other process has counted by now.
  [[nodiscard]] static std::uint64_t now(std::uint64_t& counted) noexcept {
    return std::atomic_ref(counted).load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::chrono::seconds kLongest{20};

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::nanoseconds least_;
};

}  // namespace ringbell::hostile
