// What every end that sleeps has, whichever protocol its bell words follow (core/parking.hpp for
// two, core/shared_parking.hpp for many): its patience, what its process can do about fences, the
// steps of one sleep, and the counts.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/sleep/stats.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

class RINGBELL_API Parker {
 public:
  using Clock = Waiter::Clock;

  // `has_bell`: there is a doorbell to sleep on, and to ring.
  Parker(const WaitOptions& wait, bool has_bell) noexcept;

  [[nodiscard]] Waiter& waiter() noexcept { return waiter_; }
  [[nodiscard]] const Waiter& waiter() const noexcept { return waiter_; }

  // Whether the peers may sleep, so that they must be rung.
  [[nodiscard]] bool rings() const noexcept { return rings_; }
  // Whether this process may issue the heavy barrier.
  [[nodiscard]] bool can_barrier() const noexcept { return can_barrier_; }
  // Whether this process is not reached by the heavy barriers of others.
  [[nodiscard]] bool must_fence() const noexcept { return must_fence_; }

  // One sleep, until rung or `until`. True: ready(), which was looked at last. `sleep` is
  //   sleep.announce()            parks; what the word says while parked
  //   sleep.stay_awake()          asked after that: true, not to sleep but look again
  //   sleep.on(parked, longest)   sleeps while the word says so
  //   sleep.is_still(parked)      whether it does: no ring has come
  template <class Ready, class Sleep>
  [[nodiscard]] bool park(Ready&& ready, Clock::time_point until, const Sleep& sleep) {
    const std::uint32_t parked = sleep.announce();
    if (ready()) return true;
    if (sleep.stay_awake() || waiter_.is_interrupted()) return ready();
    ++sleeps_;
    if (const Timeout longest = until - Clock::now(); longest > longest.zero()) {
      sleep.on(parked, longest);
    }
    if (!ready()) return false;
    if (sleep.is_still(parked) && Clock::now() >= until) ++missed_rings_;
    return true;
  }

  // Waiter::interrupt(), then `ring()`, which wakes this very side if it sleeps.
  template <class Ring>
  void interrupt(Ring&& ring) noexcept {
    const int before = errno;  // a signal handler changes none
    waiter_.interrupt();
    if (rings_) ring();
    errno = before;
  }

  // A ring was given. Publishing is const: it changes nothing of the owner.
  void rang() const noexcept { ++rings_given_; }

  [[nodiscard]] Stats stats() const noexcept {
    return {.waits = waiter_.waits(),
            .sleeps = sleeps_,
            .rings = rings_given_,
            .missed_rings = missed_rings_};
  }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return missed_rings_; }
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return waiter_.quick_wake_refusal();
  }

 private:
  Waiter waiter_;
  std::uint64_t sleeps_ = 0;
  std::uint64_t missed_rings_ = 0;
  mutable std::uint64_t rings_given_ = 0;
  bool rings_;
  bool can_barrier_;
  bool must_fence_;
};

}  // namespace ringbell
