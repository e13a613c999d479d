// Sleeping without a lost wake-up where several sleep on one bell word: what parking.hpp says, with
// these differences.
//
//   - A side that parks adds its bits to the word; only a ring takes the parked bit away again. So
//     a sleeper that wakes up by itself does not hide those that still sleep; the next ring may
//     then wake none.
//   - A ring wakes all, and counts in the word. So a side that was about to sleep when the ring
//     came finds another word, even if others have parked on it since.
//   - A side that has no heavy barrier has all publishers fence for good.
//   - A side that has one may borrow their fences: it asks for them, runs the barrier once more,
//     and says so in the word. A side that parks after that needs no barrier of its own: some
//     nanoseconds a message against a system call a sleep. A publisher that has fenced many times
//     and found none parked takes the loan back.
//   - Where what was published is used up by one, ring_one() wakes one. It leaves the parked bit:
//     others may sleep on. If it finds that none slept, the bit goes as in ring().
//
//   31       4   3          2      1       0
//   | rings    | for good | lent | fence | parked |
//
// Invariants
//   I1  The parked bit is set by those that park. It is cleared in ring().
//   I2  A publisher that clears it counts the ring in the same store, and must wake all.
//   I3  A side that ring_one() woke uses up something, and then rings one again if there is more;
//       or it finds nothing and parks anew. So all that is there is used up, although the one that
//       was woken for it may have found something else, or have been too early: of things that
//       must be used in an order the first may come last.
//   I4  A side that relies on the loan parked while the fence bit and the lent bit were there.
//       The lender ran its barrier after the one and before the other, and the fence bit stayed:
//       the word was still what it was when the lender parked, so no ring was counted (I5). So a
//       publisher's last look at the word was either before that barrier, and what it had published
//       is seen; or it sees the fence bit.
//   I5  The fence bit and the lent bit are taken back together, and never while the parked bit is
//       there; the fence bit not either once it is for good.
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
  static constexpr std::uint32_t kFence = 2;    // publishers must fence
  static constexpr std::uint32_t kLent = 4;     // a side that parks may rely on that
  static constexpr std::uint32_t kForGood = 8;  // a side depends on it
  static constexpr std::uint32_t kOneRing = 16;

  // What gives K2 its order.
  enum class Order : std::uint8_t {
    fences,   // this side has no heavy barrier: the publishers' fences
    barrier,  // the heavy barrier
    loan,     // the fences, if they are lent; else the heavy barrier, which borrows them
  };

  // --- the sides that park ---------------------------------------------------------------------

  // At attach.
  static void open(std::uint32_t& word, Order order) noexcept {
    if (order == Order::fences) {
      Atomics::fetch_or(word, kFence | kForGood, std::memory_order_relaxed, kBell);
    }
  }

  // K1 and K2. `heavy_barrier()` says whether it ran. What it returns is what the word says while
  // parked: sleep only as long as the word is that. Look at the condition before (K3). There is
  // nothing to do after waking.
  template <class HeavyBarrier>
  [[nodiscard]] static std::uint32_t park(std::uint32_t& word, Order order,
                                          HeavyBarrier&& heavy_barrier) noexcept {
    const std::uint32_t bits =
        kParked | (order == Order::barrier ? 0 : kFence) | (order == Order::fences ? kForGood : 0);
    const std::uint32_t before =
        Atomics::fetch_or(word, bits, std::memory_order_relaxed, kBell);  // K1
    const std::uint32_t parked = before | bits;
    constexpr std::uint32_t kLoan = kFence | kLent;
    const bool relies_on_loan = order == Order::loan && (before & kLoan) == kLoan;
    if (order == Order::fences || relies_on_loan) {
      Atomics::fence(std::memory_order_seq_cst, kBell);  // K2, the other half is C2'
      return parked;
    }
    Atomics::compiler_fence();
    const bool has_run = heavy_barrier();  // K2
    if (order == Order::barrier || !has_run) return parked;
    std::uint32_t seen = parked;
    const bool lends =
        Atomics::compare_exchange(word, seen, parked | kLent,  // I4
                                  std::memory_order_relaxed, std::memory_order_relaxed, kBell);
    return lends || seen == (parked | kLent) ? parked | kLent : parked;
  }

  // Whether no ring has come since the side parked: others may have changed what fences mean.
  [[nodiscard]] static bool is_still(const std::uint32_t& word, std::uint32_t parked) noexcept {
    const std::uint32_t said = Atomics::load(word, std::memory_order_relaxed, kBell);
    return ((said ^ parked) & ~(kFence | kLent | kForGood)) == 0;
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
    if ((behind_a_fence(word) & kParked) == 0) return false;
    // Counted first: a side that is about to sleep does not.
    Atomics::fetch_add(word, kOneRing, std::memory_order_relaxed, kBell);
    if (!wake_one()) ring(word, wake_all);
    return true;
  }

  // The rest of C3. `wake_all` is called if a side is parked and this call counted a ring. True: a
  // side was parked.
  template <class WakeAll>
  static bool ring(std::uint32_t& word, WakeAll&& wake_all) noexcept {
    std::uint32_t seen = behind_a_fence(word);
    for (int tries = kTries; (seen & kParked) != 0; --tries) {
      if (tries == 0) {  // counted, so that none goes to sleep; the bit is left for another ring
        Atomics::fetch_add(word, kOneRing, std::memory_order_relaxed, kBell);
        wake_all();
        return true;
      }
      if (Atomics::compare_exchange(word, seen, (seen & ~kParked) + kOneRing,
                                    std::memory_order_relaxed, std::memory_order_relaxed, kBell)) {
        wake_all();  // I2
        return true;
      }
    }
    return false;
  }

  // From a publisher that has fenced for long and rung no side: no more fences, until they are
  // borrowed again.
  static void take_fences_back(std::uint32_t& word) noexcept {
    std::uint32_t seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    if ((seen & (kParked | kForGood)) != 0) return;  // I5
    (void)Atomics::compare_exchange(word, seen, seen & ~(kFence | kLent), std::memory_order_relaxed,
                                    std::memory_order_relaxed, kBell);
  }

 private:
  // The word, from a publisher that has seen one of its bits: behind a fence, if one is asked for.
  [[nodiscard]] static std::uint32_t behind_a_fence(const std::uint32_t& word) noexcept {
    const std::uint32_t seen = Atomics::load(word, std::memory_order_relaxed, kBell);
    if ((seen & kFence) == 0) return seen;
    Atomics::fence(std::memory_order_seq_cst, kBell);  // C2'
    return Atomics::load(word, std::memory_order_relaxed, kBell);
  }

  // Honest peers ring and park a few times meanwhile; a hostile one changes the word for ever.
  static constexpr int kTries = 8;

  static constexpr Edge kBell{"share.K"};
};

}  // namespace ringbell::core
