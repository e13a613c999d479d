// How one of many sleeps and wakes the others: on bell words that several may share
// (core/shared_parking.hpp), by futex, with the patience of waiter.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/shared_parking.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
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
  Sleeper(Sleeper&&) noexcept = default;
  Sleeper& operator=(Sleeper&&) noexcept = default;
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  // Call after a release store that may make true what the sleepers on `word` wait for.
  void published(std::uint32_t& word) const noexcept {
    if (!parker_.rings()) return;
    if (core::SharedParking<>::any_parked(word, parker_.must_fence())) [[unlikely]]
      ring(word);
  }

  // The same where one of the sleepers uses up what was published. It calls this again, if it has
  // slept and there is more.
  void published_one(std::uint32_t& word) const noexcept {
    if (!parker_.rings()) return;
    if (core::SharedParking<>::any_parked(word, parker_.must_fence())) [[unlikely]]
      ring_one(word);
  }

  // Call once, before anything that follows here: from now on this side sleeps on that word.
  // Without a barrier of its own it makes the others fence; with one it borrows their fences while
  // it sleeps often (WaitOptions::fence_below_bytes).
  void will_sleep_on(std::uint32_t& word) noexcept {
    word_ = &word;
    core::SharedParking<>::open(word, order_);
  }

  // The participants of the ring, so that a real-time thread keeps none of them off its CPU. They
  // stay where they are.
  void will_wait_for(std::span<const core::ParticipantLine> participants) noexcept {
    participants_ = participants;
  }

  // Waits until `ready()`, until the time is up, or interrupt(). `others` are the participants that
  // can end the wait:
  //   others.closed()       whether they have closed in order: one load
  //   others.ask()          Waited::ready while they are there or have not come yet, else how it is
  //   others.stay_awake()   asked before each sleep, after it was announced: true, not to sleep but
  //                         look again
  template <class Ready, class Others>
  [[nodiscard]] Waited wait_until(Ready&& ready, Others&& others, Timeout timeout) {
    const Peers<Others> peers{*this, others};
    return parker_.waiter().wait_until(ready, peers, timeout);
  }
  // Waiter::interrupt(), for this side. All that sleep on its word look again. From any thread;
  // async-signal-safe.
  void interrupt() noexcept;

  // For a loop of one's own (ends/README.md, Event loops): a descriptor that is readable once the
  // word was rung. Errors: unsupported, if this end never sleeps; system.
  [[nodiscard]] Result<int> waitable_fd();
  // For a loop that can sleep on a futex: what arm() sleeps on, from this call on without a
  // descriptor. As of the last arm().
  [[nodiscard]] SleepingPlace sleeping_word() noexcept;

  // Announces a sleep, then looks. True: there was nothing; sleep until the descriptor
  // is readable, which it also is when a slice is over, or while the word says so. False: do not
  // sleep; also where nothing can be promised: neither waitable_fd() nor sleeping_word() was
  // called, or the former by the parent of this process. `others` as above.
  template <class Ready, class Others>
  [[nodiscard]] bool arm(Ready&& ready, Others&& others) {
    if (!can_arm() || ready() || others.closed()) return false;
    parked_ = announce();
    if (ready() || others.closed() || others.stay_awake()) return false;
    if (loop_bell_) loop_bell_->arm(parked_);  // the word tells it what has happened since
    return true;
  }
  // Takes it back.
  void disarm() noexcept {
    if (loop_bell_) loop_bell_->disarm();
  }
  // Whether the loop has slept for a whole slice since this was last asked: as between two slices
  // of wait_until(), it is time to ask after others.
  [[nodiscard]] bool slept_a_slice() noexcept {
    return std::exchange(slice_is_over_, false) || (loop_bell_ && loop_bell_->time_was_over());
  }
  // From a loop that sleeps on the word: it has, and its slices are this long.
  void slice_is_over(std::chrono::nanoseconds slice) noexcept {
    slice_is_over_ = true;
    loops_slice_ = Waiter::slice_of(slice);
  }

  [[nodiscard]] const Parker& parker() const noexcept { return parker_; }
  // WaitOptions::longest_sleep as it is used, or the loop's if that is less.
  [[nodiscard]] std::chrono::nanoseconds slice() const noexcept {
    return std::min(parker_.waiter().slice(), loops_slice_);
  }
  // How it sleeps, for another one that is to sleep as it does.
  [[nodiscard]] WaitOptions manner() const noexcept {
    WaitOptions wait{.longest_sleep = slice()};
    if (order_ == core::SharedParking<>::Order::barrier) wait.fence_below_bytes = 0;
    return wait;
  }

 private:
  // As a Waiter and a Parker want them.
  template <class Others>
  struct Peers {
    Sleeper& own;
    Others& others;

    [[nodiscard]] bool closed() const { return others.closed(); }
    [[nodiscard]] Waited ask() const { return others.ask(); }
    [[nodiscard]] bool is_kept_off() const noexcept { return own.keeps_one_off(); }
    template <class Ready>
    [[nodiscard]] bool sleep(Ready&& ready, Clock::time_point until) const {
      return own.parker_.park(ready, until, *this);
    }

    [[nodiscard]] std::uint32_t announce() const { return own.announce(); }
    [[nodiscard]] bool stay_awake() const { return others.closed() || others.stay_awake(); }
    void on(std::uint32_t parked, Timeout longest) const {
      own.doorbell_.sleep(*own.word_, parked, longest);
    }
    [[nodiscard]] bool is_still(std::uint32_t parked) const { return own.is_still(parked); }
  };

  [[nodiscard]] bool can_arm() const noexcept {
    return loop_bell_ ? loop_bell_->works() : sleeps_on_word_;
  }
  [[nodiscard]] std::uint32_t announce() const noexcept;
  [[nodiscard]] bool is_still(std::uint32_t parked) const noexcept;
  void ring(std::uint32_t& word) const noexcept;
  void ring_one(std::uint32_t& word) const noexcept;
  void count_ring(std::uint32_t& word, bool rung) const noexcept;
  // Whether this thread keeps any of the participants that are there off its CPU.
  [[nodiscard]] bool keeps_one_off() const noexcept;

  std::span<const core::ParticipantLine> participants_;
  Parker parker_;
  core::SharedParking<>::Order order_;
  Doorbell doorbell_;
  std::uint32_t* word_ = nullptr;             // on which this side sleeps
  std::unique_ptr<LoopBell> loop_bell_;       // from the first waitable_fd() on
  std::uint32_t parked_ = 0;                  // what *word_ said at the last arm()
  bool sleeps_on_word_ = false;               // a loop does, from the first sleeping_word() on
  bool slice_is_over_ = false;                // it has slept for one
  mutable std::uint32_t fences_in_vain_ = 0;  // that found none to ring
  std::chrono::nanoseconds loops_slice_ = std::chrono::nanoseconds::max();
};

}  // namespace ringbell
