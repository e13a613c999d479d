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
#include <ringbell/transport/sleep/parker.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

class RINGBELL_API Sleeper {
 public:
  using Clock = Parker::Clock;

  // REQUIRES: kind is none or futex.
  Sleeper(core::DoorbellKind kind, const WaitOptions& wait) noexcept;

  // Call after a release store that may make true what the sleepers on `word` wait for.
  void published(std::uint32_t& word) const noexcept {
    if (!parker_.rings()) return;
    if (core::SharedParking<>::any_parked(word, parker_.must_fence())) [[unlikely]]
      ring(word);
  }

  // Call once for each word before sleeping on it: without a barrier of its own, this side makes
  // the others fence.
  void will_sleep_on(std::uint32_t& word) const noexcept {
    core::SharedParking<>::open(word, parker_.can_barrier());
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
    return parker_.waiter().wait_until(ready, peers, timeout);
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

  [[nodiscard]] const Parker& parker() const noexcept { return parker_; }
  // WaitOptions::longest_sleep, as it is used.
  [[nodiscard]] std::chrono::nanoseconds slice() const noexcept { return parker_.waiter().slice(); }

 private:
  // As a Waiter and a Parker want them.
  template <class Others>
  struct Peers {
    Sleeper& own;
    std::uint32_t& word;
    Others& others;

    [[nodiscard]] bool closed() const { return others.closed(); }
    [[nodiscard]] Waited ask() const { return others.ask(); }
    template <class Ready>
    [[nodiscard]] bool sleep(Ready&& ready, Clock::time_point until) const {
      return own.parker_.park(ready, until, *this);
    }

    [[nodiscard]] std::uint32_t announce() const { return own.announce(word); }
    [[nodiscard]] bool stay_awake() const { return others.closed() || others.stay_awake(); }
    void on(std::uint32_t parked, Timeout longest) const {
      own.doorbell_.sleep(word, parked, longest);
    }
    [[nodiscard]] bool is_still(std::uint32_t parked) const { return says(word, parked); }
  };

  [[nodiscard]] std::uint32_t announce(std::uint32_t& word) const noexcept;
  [[nodiscard]] static bool says(const std::uint32_t& word, std::uint32_t parked) noexcept;
  void ring(std::uint32_t& word) const noexcept;

  Parker parker_;
  Doorbell doorbell_;
  std::unique_ptr<LoopBell> loop_bell_;  // from the first waitable_fd() on
};

}  // namespace ringbell
