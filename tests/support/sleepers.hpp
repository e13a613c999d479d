// What processes have in common that send each other messages and sleep in between.
#pragma once

#include <cstdint>

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

}  // namespace ringbell::test
