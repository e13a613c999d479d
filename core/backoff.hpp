// How a spin loop waits between two looks.
//
// The first looks come back to back: a message that is on its way arrives within a few of them, and
// a pause costs up to 140 cycles, as much as the message. After that each look is preceded by a
// pause, which leaves the core's units to its sibling and its power to others.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class Backoff {
 public:
  static constexpr std::uint32_t kEagerLooks = 1024;

  void wait() noexcept {
    if (looks_ < kEagerLooks) {
      ++looks_;
    } else {
      Atomics::pause();
    }
  }

  // Something arrived: the next wait begins anew.
  void reset() noexcept { looks_ = 0; }

 private:
  std::uint32_t looks_ = 0;
};

}  // namespace ringbell::core
