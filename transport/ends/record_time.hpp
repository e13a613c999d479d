// What stands in front of the records of a timed ring (core::UserHeader): when each was sent, by
// which sender, and its number among that sender's. The time is CLOCK_MONOTONIC, which all
// processes of a machine have in common, unless they have time namespaces of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <unistd.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/spsc_memory.hpp>

namespace ringbell {

using UserHeader = core::UserHeader;

[[nodiscard]] inline std::uint64_t record_time_ns() noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

// Of a writer that was told no other.
[[nodiscard]] inline std::uint32_t record_source() noexcept {
  return static_cast<std::uint32_t>(::getpid());
}

// Each field as it stood at one instant: a hostile writer can change them. REQUIRES: a record of a
// ring that has user headers.
[[nodiscard]] inline UserHeader user_header_in(std::span<const std::byte> record) noexcept {
  const auto loaded = [](const auto& field) {
    return core::HardwareAtomics::load(field, std::memory_order_relaxed, core::Edge{"spsc.R"});
  };
  const UserHeader& there = core::user_header_of(record);
  return {.time_ns = loaded(there.time_ns),
          .source = loaded(there.source),
          .sequence = loaded(there.sequence)};
}

}  // namespace ringbell
