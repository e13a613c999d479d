// What the threads of a stress test share: all give up when one has failed or the time is up.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace ringbell::test {

class StressRun {
 public:
  // Relaxed, so that it orders nothing that the ring under test has to order.
  void fail() noexcept { failed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

  // False: give up.
  [[nodiscard]] bool wait_a_little() noexcept {
    std::this_thread::yield();
    if (age() >= kTimeLimit) fail();
    return !failed();
  }
  [[nodiscard]] std::chrono::nanoseconds age() const noexcept { return Clock::now() - began_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kTimeLimit{60};

  const Clock::time_point began_ = Clock::now();
  std::atomic<bool> failed_ = false;
};

}  // namespace ringbell::test
