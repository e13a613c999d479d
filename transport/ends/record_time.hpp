// The time that records carry (core::UserHeader): CLOCK_MONOTONIC, which all processes of a machine
// have in common, unless they have time namespaces of their own.
#pragma once

#include <chrono>
#include <cstdint>

namespace ringbell {

[[nodiscard]] inline std::uint64_t record_time_ns() noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

}  // namespace ringbell
