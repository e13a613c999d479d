// The harness's clock: CLOCK_MONOTONIC, which the vDSO reads from the TSC without a system call.
//
// rdtscp would have to be calibrated and is no faster on the machines tried (22 against 19 ns).
// What a reading costs is part of every result's meta line; a round trip contains one reading.
#pragma once

#include <cstdint>
#include <ctime>

namespace ringbell::bench {

[[nodiscard]] inline std::uint64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// What one now_ns() costs: the mean over a run of readings, the smallest of several runs.
[[nodiscard]] inline double clock_cost_ns() noexcept {
  constexpr int kRuns = 10;
  constexpr int kReadings = 10'000;
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    const std::uint64_t begin = now_ns();
    std::uint64_t end = begin;
    for (int i = 0; i < kReadings; ++i) end = now_ns();
    const double mean = static_cast<double>(end - begin) / kReadings;
    best = mean < best ? mean : best;
  }
  return best;
}

// The smallest step between two readings: what a single duration is a multiple of.
[[nodiscard]] inline std::uint64_t clock_step_ns() noexcept {
  constexpr int kSteps = 1000;
  std::uint64_t smallest = UINT64_MAX;
  std::uint64_t before = now_ns();
  for (int seen = 0; seen < kSteps;) {
    const std::uint64_t now = now_ns();
    if (now == before) continue;
    smallest = now - before < smallest ? now - before : smallest;
    before = now;
    ++seen;
  }
  return smallest;
}

}  // namespace ringbell::bench
