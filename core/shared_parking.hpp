// Sleeping without a lost wake-up where several sleep on one bell word: what parking.hpp says, with
// these differences.
//
//   - A side that parks adds its bits to the word; only a ring takes the parked bit away again. So
//     a sleeper that wakes up by itself does not hide those that still sleep; the next ring may
//     then wake none.
//   - A ring wakes all, and counts in the word. So a side that was about to sleep when the ring
//     came finds another word, even if others have parked on it since.
//   - A side that has no heavy barrier sets the fence bit for good, for all.
//   - Where what was published is used up by one, ring_one() wakes one. It leaves the parked bit:
//     others may sleep on. If it finds that none slept, the bit goes as in ring().
//
//   31          2   1     0
//   | rings      | fence | parked |
//
// Invariants
//   I1  The parked bit is set by those that park. It is cleared in ring().
//   I2  A publisher that clears it counts the ring in the same store, and must wake all.
//   I3  A side that ring_one() woke uses up something, and then rings one again if there is more;
//       or it finds nothing and parks anew. So all that is there is used up, although the one that
//       was woken for it may have found something else, or have been too early: of things that
//       must be used in an order the first may come last.
// Edges
//   K   as in parking.hpp: relaxed, with the pair of barriers around.
// Progress: wait-free.
// Death: as there; also of a side that was woken in the place of others. Never sleep without a
// time-out.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class SharedParking {
 public:
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kFence = 2;
  static constexpr std::uint32_t kOneRing = 4;

  // --- the sides that park ---------------------------------------------------------------------

  // At attach. `by_barrier`: this side parks with the heavy barrier; else all publishers must fence
  // from now on.
  static void open(std::uint32_t& word, bool by_barrier) noexcept {
    if (!by_barrier) Atomics::fetch_or(word, kFence, std::memory_order_relaxed, kBell);
  }

  // K1 and K2. What it returns is what the word says while parked: sleep only as long as the word
  // is that. Look at the condition before (K3). There is nothing to do after waking.
  template <class HeavyBarrier>
  [[nodiscard]] static std::uint32_t park(std::uint32_t& word, bool by_barrier,
                                          HeavyBarrier&& heavy_barrier) noexcept {
    const std::uint32_t bits = by_barrier ? kParked : (kParked | kFence);
    const std::uint32_t before =
        Atomics::fetch_or(word, bits, std::memory_order_relaxed, kBell);  // K1
    if (by_barrier) {
      Atomics::compiler_fence();
      heavy_barrier();  // K2
    } else {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // K2, the other half is C2'
    }
    return before | bits;
  }

  // --- the sides that publish ------------------------------------------------------------------

  // C2 and C3, after the release store. True: call ring(). `must_fence`: this process is not
  // registered for the heavy barrier.
  [[nodiscard, gnu::always_inline]] static bool any_parked(const std::uint32_t& word,
                                                           bool must_fence) noexcept {
    if (must_fence) [[unlikely]] {
      Atomics::fence(std::memory_order_seq_cst, kBell);
    } else {
      Atomics::compiler_fence();
    }
    return (Atomics::load(word, std::memory_order_relaxed, kBell) & (kParked | kFence)) != 0;  // C3
  }

  // The rest of C3, where one of the sleepers is enough (I3). `wake_one` says whether any slept. It
  // costs one more system call after the last sleeper has woken up. True: a side was parked.
  template <class WakeOne, class WakeAll>
  static bool ring_one(std::uint32_t& word, WakeOne&& wake_one, WakeAll&& wake_all) noexcept {
    std::uint32_t seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    if ((seen & kFence) != 0) {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // C2'
      seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    }
    if ((seen & kParked) == 0) return false;
    // Counted first: a side that is about to sleep does not.
    Atomics::fetch_add(word, kOneRing, std::memory_order_relaxed, kBell);
    if (!wake_one()) ring(word, wake_all);
    return true;
  }

  // The rest of C3. `wake_all` is called if a side is parked and this call counted a ring.
  template <class WakeAll>
  static void ring(std::uint32_t& word, WakeAll&& wake_all) noexcept {
    std::uint32_t seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    if ((seen & kFence) != 0) {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // C2'
      seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    }
    for (int tries = kTries; (seen & kParked) != 0; --tries) {
      if (tries == 0) {  // counted, so that none goes to sleep; the bit is left for another ring
        Atomics::fetch_add(word, kOneRing, std::memory_order_relaxed, kBell);
        return wake_all();
      }
      if (Atomics::compare_exchange(word, seen, (seen & ~kParked) + kOneRing,
                                    std::memory_order_relaxed, std::memory_order_relaxed, kBell)) {
        return wake_all();  // I2
      }
    }
  }

 private:
  // Honest peers ring and park a few times meanwhile; a hostile one changes the word for ever.
  static constexpr int kTries = 8;

  static constexpr Edge kBell{"share.K"};
};

}  // namespace ringbell::core
