// Sleeping without a lost wake-up, and without a fence on the publishing side.
//
// Two sides share a condition (a record is there; there is room) and one bell word. The side that
// is about to sleep parks; the side that makes the condition true publishes.
//
//   parks                                          publishes
//   K1  bell word <- parked                        C1  the condition becomes true (a release store)
//   K2  heavy barrier on every CPU                 C2  compiler barrier only
//   K3  is the condition true? then do not sleep   C3  bell word parked? then clear it and ring
//   K4  sleep while the bell word says parked
//
// This is Dekker's pattern: without an order between C1 and C3 both could miss the other's store.
// The order comes from K2, membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED), which runs a full barrier
// on every CPU that runs a registered process: wherever it hits the publisher, either C1 is before
// it, and K3 sees the condition, or C3 is after it, and sees the parked bit. A fence on the
// publishing side would do as well and costs as much as a message. It is what is left where the
// kernel refuses membarrier: the parking side then sets the fence bit for good, and the publisher
// fences (C2') before it looks again. Whether the publishing process could be registered is its own
// affair: if not, it always fences.
//
// A side that sleeps after every few messages may choose the fences too: they cost the publisher
// nanoseconds a message, and spare the sleeper a system call each time. let_peer_fence() sets the
// fence bit and then runs one last heavy barrier: a publisher that had not seen the bit has stored
// its condition by then (K3 sees it), every later C3 sees the bit. The way back needs nothing: a
// side that clears the fence bit uses the heavy barrier from the next park() on.
//
// Invariants
//   I1  The parked bit is set only by the side that parks. It is cleared by either side.
//   I2  A publisher that clears it in ring() must ring.
// Edges
//   K   the bell word, and the pair of barriers around it, as above. The loads and stores of the
//       word are relaxed: they order nothing else, the condition has its own edges.
// Progress: wait-free.
// Death: a publisher that dies between clearing the bit and ringing leaves the other asleep.
// A side must therefore never sleep without a time-out: it looks again by itself.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class Parking {
 public:
  static constexpr std::uint32_t kParked = 1;  // the side sleeps, or is about to
  static constexpr std::uint32_t kFence = 2;   // it has no heavy barrier: the publisher must fence

  // --- the side that parks ---------------------------------------------------------------------

  // Awake, at attach or when it goes back to barriers. `by_barrier`: this side parks with the heavy
  // barrier; else the publisher must fence.
  static void open(std::uint32_t& word, bool by_barrier) noexcept {
    Atomics::store(word, by_barrier ? 0 : kFence, std::memory_order_relaxed, kBell);
  }

  // From barriers to fences, for a side that could use either. Call park() with by_barrier = false
  // from now on.
  template <class HeavyBarrier>
  static void let_peer_fence(std::uint32_t& word, HeavyBarrier&& heavy_barrier) noexcept {
    open(word, false);
    Atomics::compiler_fence();
    heavy_barrier();
  }

  // K1 and K2. `heavy_barrier` is called if by_barrier. What it returns is what the word says
  // while parked: sleep only as long as the word is that. Look at the condition before (K3).
  template <class HeavyBarrier>
  [[nodiscard]] static std::uint32_t park(std::uint32_t& word, bool by_barrier,
                                          HeavyBarrier&& heavy_barrier) noexcept {
    const std::uint32_t parked = by_barrier ? kParked : (kParked | kFence);
    Atomics::store(word, parked, std::memory_order_relaxed, kBell);  // K1
    if (by_barrier) {
      Atomics::compiler_fence();
      heavy_barrier();  // K2
    } else {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // K2, the other half is C2'
    }
    return parked;
  }

  // Awake again, whether rung or not.
  static void unpark(std::uint32_t& word, bool by_barrier) noexcept { open(word, by_barrier); }

  // --- the side that publishes -----------------------------------------------------------------

  // C2 and C3, after the release store. True: the other side must be woken, by ring().
  // `must_fence`: this process is not registered for the heavy barrier.
  [[nodiscard, gnu::always_inline]] static bool peer_waits(const std::uint32_t& word,
                                                           bool must_fence) noexcept {
    if (must_fence) [[unlikely]] {
      Atomics::fence(std::memory_order_seq_cst, kBell);
    } else {
      Atomics::compiler_fence();
    }
    return Atomics::load(word, std::memory_order_relaxed, kBell) != 0;  // C3
  }

  // The rest of C3. `wake` is called if the other side is parked and this call cleared its bit.
  template <class Wake>
  static void ring(std::uint32_t& word, Wake&& wake) noexcept {
    std::uint32_t seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    if ((seen & kFence) != 0) {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // C2'
      seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    }
    for (int tries = kTries; (seen & kParked) != 0; --tries) {
      if (tries == 0) {
        // With the fence bit, as it may have been set meanwhile. The next park() puts it right.
        Atomics::exchange(word, kFence, std::memory_order_relaxed, kBell);
        return wake();
      }
      if (Atomics::compare_exchange(word, seen, seen & ~kParked, std::memory_order_relaxed,
                                    std::memory_order_relaxed, kBell)) {
        return wake();  // I2
      }
    }
  }

 private:
  // An honest peer parks and unparks a few times meanwhile; a hostile one changes the word for
  // ever.
  static constexpr int kTries = 4;

  static constexpr Edge kBell{"park.K"};
};

}  // namespace ringbell::core
