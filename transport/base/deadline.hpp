// When a call that may wait ends, and how the kernel is told. All of it saturates: a time that is
// too long to be counted never comes.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

#include <ringbell/transport/base/timeout.hpp>

namespace ringbell {

using SteadyTime = std::chrono::steady_clock::time_point;
inline constexpr SteadyTime kNever = SteadyTime::max();

[[nodiscard]] constexpr SteadyTime end_of(SteadyTime start, Timeout timeout) noexcept {
  return timeout < kNever - start ? start + timeout : kNever;
}
[[nodiscard]] inline SteadyTime end_of(Timeout timeout) noexcept {
  return timeout == kForever ? kNever : end_of(std::chrono::steady_clock::now(), timeout);
}

// What is left until then: not less than zero, and kForever until kNever.
[[nodiscard]] inline Timeout left_until(SteadyTime end) noexcept {
  if (end == kNever) return kForever;
  return std::max<Timeout>(end - std::chrono::steady_clock::now(), Timeout::zero());
}

// timespec or __kernel_timespec. What is less than zero is zero.
template <class Timespec = timespec>
[[nodiscard]] constexpr Timespec to_timespec(Timeout timeout) noexcept {
  timeout = std::max(timeout, Timeout::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  return {.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
}

}  // namespace ringbell
