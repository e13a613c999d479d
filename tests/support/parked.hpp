// Ends of rings of many that sleep, seen from beside them.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

#include <ringbell/core/shared_parking.hpp>

#include <tests/support/child_process.hpp>

namespace ringbell::test {

// Whether one is announced on the word, and no ring has come since.
[[nodiscard]] inline bool is_parked(const std::uint32_t& word) noexcept {
  const std::uint32_t said =
      core::HardwareAtomics::load(word, std::memory_order_relaxed, core::Edge{"test"});
  return (said & core::SharedParking<>::kParked) != 0;
}

// Until one is announced, and then as long as it may take to the sleep. False: none came.
[[nodiscard]] inline bool wait_until_parked(const std::uint32_t& word) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!is_parked(word)) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return true;
}

}  // namespace ringbell::test
