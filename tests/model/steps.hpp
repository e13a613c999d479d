// What a thread did, as numbers from which the hash of a state is made.
#pragma once

#include <cstdint>

#include <tests/support/seed.hpp>

namespace ringbell::model {

using test::mix;
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t first, std::uint64_t second) {
  return mix(mix(first) ^ second);
}

enum Step : std::uint64_t {
  kLoad = 1,
  kStore,
  kExchange,
  kFence,
  kBarrier,
  kPause,
  kSleep,
  kAwake,
  kWoken,
  kWake,
};
[[nodiscard]] constexpr std::uint64_t event(Step step, std::uint64_t word, std::uint64_t detail) {
  return mix(mix(step, word), detail);
}

}  // namespace ringbell::model
