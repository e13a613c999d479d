// How one of many sleeps and wakes the others: on bell words that several may share
// (core/shared_parking.hpp), by futex, with the patience of waiter.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/shared_parking.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>
#include <ringbell/transport/sleep/loop_bell.hpp>
#include <ringbell/transport/sleep/stats.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

class RINGBELL_API Sleeper {
 public:
  using Clock = Waiter::Clock;

  // REQUIRES: kind is none or futex.
  Sleeper(core::DoorbellKind kind, const WaitOptions& wait) noexcept;

  // Call after a release store that may make true what the sleepers on `word` wait for.
  void published(std::uint32_t& word) const noexcept {
    if (!rings_) return;
    if (core::SharedParking<>::somebody_waits(word, must_fence_)) [[unlikely]]
      ring(word);
  }

  // Call once for each word before sleeping on it: without a barrier of its own, this side makes
  // the others fence.
  void will_sleep_on(std::uint32_t& word) const noexcept {
    core::SharedParking<>::open(word, can_barrier_);
  }

  // Waits until `ready()` or until the time is up, sleeping on `word`. `others` are the
  // participants that can end the wait:
  //   others.closed()       whether they have closed in order: one load
  //   others.ask()          Waited::ready while they are there or have not come yet, else how it is
  //   others.stay_awake()   asked before each sleep, after it was announced: true, not to sleep but
  //                         look again
  template <class Ready, class Others>
  [[nodiscard]] Waited wait_until(std::uint32_t& word, Ready&& ready, Others&& others,
                                  Timeout timeout) {
    const Peers<Others> peers{*this, word, others};
    return waiter_.wait_until(ready, peers, timeout);
  }

  // For a loop that sleeps by itself (README, Event loops): a descriptor that is readable once
  // `word`, always the same one, was rung. Errors: unsupported, if this end never sleeps; system.
  [[nodiscard]] Result<int> waitable_fd(std::uint32_t& word);

  // Announces a sleep on that word, then looks. True: there was nothing; sleep until the descriptor
  // is readable, which it also is when a slice is over. False: do not sleep; also where nothing can
  // be promised: waitable_fd() was not called, or by the parent of this process. `others` as above.
  template <class Ready, class Others>
  [[nodiscard]] bool arm(std::uint32_t& word, Ready&& ready, Others&& others) {
    if (!loop_bell_ || !loop_bell_->works() || ready() || others.closed()) return false;
    const std::uint32_t parked = announce(word);
    if (ready() || others.closed() || others.stay_awake()) return false;
    loop_bell_->arm(parked);  // the word tells it what has happened since
    return true;
  }
  // Takes it back.
  void disarm() noexcept {
    if (loop_bell_) loop_bell_->disarm();
  }
  // Whether the loop has slept for a whole slice since this was last asked: as between two slices
  // of wait_until(), it is time to ask after others.
  [[nodiscard]] bool slept_a_slice() noexcept { return loop_bell_ && loop_bell_->time_was_over(); }

  [[nodiscard]] Stats stats() const noexcept {
    return {.waits = waiter_.waits(),
            .sleeps = sleeps_,
            .rings = rings_given_,
            .missed_rings = missed_rings_};
  }
  // WaitOptions::longest_sleep, as it is used.
  [[nodiscard]] std::chrono::nanoseconds slice() const noexcept { return waiter_.slice(); }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return missed_rings_; }
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return waiter_.quick_wake_refusal();
  }

 private:
  // As a Waiter wants them.
  template <class Others>
  struct Peers {
    Sleeper& own;
    std::uint32_t& word;
    Others& others;

    [[nodiscard]] bool closed() const { return others.closed(); }
    [[nodiscard]] Waited ask() const { return others.ask(); }
    template <class Ready>
    [[nodiscard]] bool sleep(Ready&& ready, Clock::time_point until) const {
      const std::uint32_t parked = own.announce(word);
      if (ready()) return true;
      if (others.closed() || others.stay_awake()) return ready();
      ++own.sleeps_;
      own.sleep_on(word, parked, until);
      if (!ready()) return false;
      if (slept_through(word, parked, until)) ++own.missed_rings_;
      return true;
    }
  };

  [[nodiscard]] std::uint32_t announce(std::uint32_t& word) const noexcept;
  void sleep_on(const std::uint32_t& word, std::uint32_t parked,
                Clock::time_point until) const noexcept;
  [[nodiscard]] static bool slept_through(const std::uint32_t& word, std::uint32_t parked,
                                          Clock::time_point until) noexcept;
  void ring(std::uint32_t& word) const noexcept;

  Waiter waiter_;
  Doorbell doorbell_;
  std::unique_ptr<LoopBell> loop_bell_;  // from the first waitable_fd() on
  std::uint64_t sleeps_ = 0;
  std::uint64_t missed_rings_ = 0;
  mutable std::uint64_t rings_given_ = 0;  // publishing is const: it changes nothing of the owner
  bool rings_;
  bool can_barrier_;  // may issue the heavy barrier
  bool must_fence_;   // is not reached by the heavy barriers of others
};

}  // namespace ringbell
