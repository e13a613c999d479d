// What processes have in common that send each other messages and sleep in between.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>

#include <tests/support/seed.hpp>

namespace ringbell::test {

// How one of them ends, as its exit status.
enum Outcome : int {
  kFine = 0,
  kNoBarrier = 9,        // membarrier is refused
  kNoFilter = 10,        // membarrier could not be forbidden
  kNotTheFallback = 11,  // ... and yet it was used
  kNoEndpoint = 12,
  kWrongMessage = 13,
  kNoMessage = 14,
  kLostWakeUp = 15,
  kNeverSlept = 16,
  kNoLoop = 17,
  kNotAll = 18,
};

// Three to ten such messages fit into a ring of 4 KiB, so that either side has to wait in turn.
[[nodiscard]] constexpr std::uint32_t size_of_large(std::uint64_t number) noexcept {
  return 400 + static_cast<std::uint32_t>(mix(number) % 700);
}

// A random time, mostly short, and never more than 2^most_bits turns: so that publishing meets
// parking at every distance.
inline void dawdle(std::uint64_t number, unsigned most_bits) noexcept {
  const std::uint64_t longest = std::uint64_t{1} << mix(number) % (most_bits + 1);
  for (std::uint64_t i = mix(~number) % longest; i > 0; --i) {
    core::HardwareAtomics::compiler_fence();
  }
}

}  // namespace ringbell::test
