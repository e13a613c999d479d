// The patience of a side that waits: look at once; spin for a budget, if spinning has been paying,
// else give the CPU away once, if that has; then sleep, in slices, so that a peer that died between
// clearing the bell word and ringing costs one slice and not the channel. Between two slices it
// asks whether the peer is still there, and so it does when its time is up, but then at most once a
// millisecond: short waits in a row ask as seldom as long ones.
//
// It gives way, whatever it was told, while this thread keeps the peer off its CPU (priority.hpp),
// and while spinning would use up the CPU quota of a control group (cpu_quota.hpp): it sleeps at
// once, and where there is no doorbell it naps between two looks.
//
// interrupt() ends a wait from another thread or from a signal handler.
//   I1  A wait looks at the interruption after its first look at its condition, after each 64 that
//       it spins, and after it has announced a sleep.
//   I2  What ends a wait ends one: it is taken back then.
// Edge I: what was stored before interrupt() is seen after `cancelled` (release/acquire). Its fence
// is the other half of the sleeper's (parking.hpp, K2): the sleeper sees the interruption, or the
// interrupter sees that it sleeps, and rings.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/backoff.hpp>
#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/one_thread.hpp>
#include <ringbell/transport/sleep/cpu_quota.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/quick_wake.hpp>
#include <ringbell/transport/sleep/spin_budget.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/sleep/yield_budget.hpp>

namespace ringbell {

// How a wait ended.
enum class Waited : std::uint8_t { ready, timed_out, peer_closed, peer_dead, cancelled };

// What a wait for such a peer comes to: `ready` is to go on.
[[nodiscard]] constexpr Waited waited_for(PeerState peer) noexcept {
  switch (peer) {
    case PeerState::closed:
      return Waited::peer_closed;
    case PeerState::dead:
      return Waited::peer_dead;
    default:
      return Waited::ready;
  }
}

class RINGBELL_API Waiter {
 public:
  using Clock = std::chrono::steady_clock;

  // `may_sleep`: there is a doorbell to sleep on.
  Waiter(const WaitOptions& options, bool may_sleep) noexcept;

  // Waits until `ready()`, until the time is up, or interrupt(). Whatever ended it, ready() was
  // looked at after it. `peer` is the side that can end it:
  //   peer.closed()         whether it has closed in order: one load
  //   peer.ask()            Waited::ready while it is there or has not come yet, else what it is
  //   peer.sleep(ready, until)  parks, looks, sleeps until rung or `until`, and looks again
  //   peer.is_kept_off()    whether this thread keeps it off its CPU while it spins
  //   peer.took_its_turn()  told, if it wants to know: it came while this side gave the CPU away
  // `copying`: so long what is waited for may just now be copied; a spin lasts longer by that.
  template <class Ready, class Peer>
  [[nodiscard]] Waited wait_until(Ready&& ready, Peer&& peer, Timeout timeout,
                                  Timeout copying = Timeout::zero()) {
    [[maybe_unused]] const OneThreadInside inside(one_thread_);
    if (ready()) return Waited::ready;
    backoff_.reset();
    if (timeout <= Timeout::zero()) return poll(ready, peer);
    ++waits_;
    if (is_interrupted()) [[unlikely]]
      return take_interruption();
    if (may_give_way_) [[unlikely]] {
      if (waits_ % kWaitsPerPriority == 1) keeps_peer_off_ = peer.is_kept_off();
      gives_way_ = keeps_peer_off_ || is_over_quota(Clock::now());
    }
    const std::chrono::nanoseconds budget = gives_way_ ? Timeout::zero()
                                            : sleeps_  ? spin_budget_.next()
                                                       : slice_;
    // What is on its way comes within these looks; reading the clock first would only delay it.
    if (budget > budget.zero() && look(ready, kEagerLooks)) {
      spin_budget_.learn(true);
      return Waited::ready;
    }
    const Clock::time_point start = Clock::now();
    const Clock::time_point deadline = end_of(start, timeout);
    if (sleeps_ && budget > budget.zero()) {
      const bool paid = spin(ready, std::min(deadline, end_of(end_of(start, budget), copying)));
      spin_budget_.learn(paid);
      if (paid) return Waited::ready;
    } else if (sleeps_ && !gives_way_ && let_others_run(ready, start)) {
      if constexpr (requires { peer.took_its_turn(); }) peer.took_its_turn();
      return Waited::ready;
    }
    for (Clock::time_point now = start;;) {
      // The sleep before this one timed out although something was there: the peer may have died
      // before it rang, so check it first.
      if (!unrung_) {
        const Clock::time_point look_again = std::min(deadline, now + slice_);
        if (sleeps_now() ? peer.sleep(ready, look_again) : spin(ready, look_again)) {
          unrung_ = Clock::now() >= look_again;
          return Waited::ready;
        }
      }
      now = Clock::now();
      const bool asks = now < deadline || now >= ask_again_;
      if (asks) unrung_ = false;
      const Waited there = asks ? peer.ask() : seen_of(peer);
      if (ready()) return Waited::ready;
      if (there != Waited::ready) return there;
      if (is_interrupted()) return take_interruption();
      if (asks) {
        now = Clock::now();
        ask_again_ = now + kShortestSlice;
        judge(peer.is_kept_off(), now);
      }
      if (now >= deadline) return Waited::timed_out;
    }
  }

  // The wait under way, or the next one that does not find at once what it waits for, ends with
  // `cancelled`. Ring the sleeper after it. From any thread; async-signal-safe.
  void interrupt() noexcept {
    core::HardwareAtomics::store(interrupted_, 1U, std::memory_order_release, kInterrupted);  // I
    core::HardwareAtomics::fence(std::memory_order_seq_cst, kInterrupted);
  }
  // Asked after a sleep was announced: true, not to sleep.
  [[nodiscard]] bool is_interrupted() const noexcept {
    return core::HardwareAtomics::load(interrupted_, std::memory_order_relaxed, kInterrupted) != 0;
  }

  // For the end that this is part of: its calls that do not wait.
  [[nodiscard]] const OneThread& one_thread() const noexcept { return one_thread_; }

  // Whether it ever sleeps: WaitOptions::kind says so, and there is a doorbell.
  [[nodiscard]] bool sleeps() const noexcept { return sleeps_; }

  // Whether it gives the CPU away while it spins.
  [[nodiscard]] bool yields() const noexcept { return yields_; }

  // How long a side sleeps before it asks after the others, as it is used: 1 ms to 1 h.
  [[nodiscard]] static std::chrono::nanoseconds slice_of(std::chrono::nanoseconds wanted) noexcept {
    return std::clamp<std::chrono::nanoseconds>(wanted, kShortestSlice, std::chrono::hours(1));
  }
  // WaitOptions::longest_sleep, as it is used.
  [[nodiscard]] std::chrono::nanoseconds slice() const noexcept { return slice_; }

  // Waits that were not over at the first look, and could last.
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }

  // Why WaitOptions::quick_wake was asked for but not granted.
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return quick_wake_refusal_;
  }

  // So many polls in vain, then the system call that asks after the peer.
  static constexpr std::uint32_t kPollsPerAsk = 4096;

 private:
  static constexpr std::chrono::milliseconds kShortestSlice{1};
  static constexpr int kEagerLooks = 256;
  static constexpr int kLooksPerClock = 64;
  // A real-time thread that gives way looks once in so many waits whether it still must.
  static constexpr std::uint64_t kWaitsPerPriority = 4096;
  static constexpr core::Edge kInterrupted{"waiter.I"};

  [[nodiscard]] Waited take_interruption() noexcept {
    core::HardwareAtomics::exchange(interrupted_, 0U, std::memory_order_acquire,
                                    kInterrupted);  // I
    return Waited::cancelled;
  }

  // What is known of it without asking.
  template <class Peer>
  [[nodiscard]] static Waited seen_of(Peer&& peer) {
    return peer.closed() ? Waited::peer_closed : Waited::ready;
  }

  // A caller that only polls learns of an end at once, and of a death after kPollsPerAsk polls.
  template <class Ready, class Peer>
  [[nodiscard]] Waited poll(Ready&& ready, Peer&& peer) {
    Waited there = seen_of(peer);
    if (there == Waited::ready) {
      if (++polls_ % kPollsPerAsk != 0) [[likely]]
        return Waited::timed_out;
      there = peer.ask();
    }
    if (ready()) return Waited::ready;
    return there == Waited::ready ? Waited::timed_out : there;
  }

  // Looks up to `looks` times. True: ready.
  template <class Ready>
  [[nodiscard]] bool look(Ready&& ready, int looks) {
    for (int i = 0; i < looks; ++i) {
      if (ready()) return true;
      if (gives_way_) [[unlikely]] {
        nap();
      } else if (yields_) {
        give_cpu_away();
      } else {
        backoff_.wait();
      }
    }
    return false;
  }

  // True: ready. False: it is past `until`, or interrupted, or the quota ends it.
  template <class Ready>
  [[nodiscard]] bool spin(Ready&& ready, Clock::time_point until) {
    Clock::time_point now{};
    do {
      if (look(ready, kLooksPerClock)) return true;
      now = Clock::now();
    } while (!is_interrupted() && now < until && !is_over_quota(now));
    return false;
  }

  // Whether what is waited for came while this side gave the CPU away, if it did.
  template <class Ready>
  [[nodiscard]] bool let_others_run(Ready&& ready, Clock::time_point start) {
    if (!yield_budget_.next(start)) return false;
    give_cpu_away();
    const bool came = ready();
    yield_budget_.learn(came, start, Clock::now());
    return came;
  }

  [[nodiscard]] bool is_over_quota(Clock::time_point now) noexcept {
    return quota_ != nullptr && ask_quota(now);
  }
  [[nodiscard]] bool ask_quota(Clock::time_point now) noexcept;
  // Between two slices: whether to give way from now on.
  void judge(bool keeps_peer_off, Clock::time_point now) noexcept;

  [[nodiscard]] bool sleeps_now() const noexcept { return sleeps_ || (gives_way_ && may_sleep_); }
  static void give_cpu_away() noexcept;
  static void nap() noexcept;

  std::optional<QuickWake> quick_wake_;
  std::optional<Error> quick_wake_refusal_;
  std::unique_ptr<CpuQuota> quota_;  // nullptr: there was none, or it is not to be followed
  SpinBudget spin_budget_;
  YieldBudget yield_budget_;
  std::chrono::nanoseconds slice_;  // WaitOptions::longest_sleep
  core::Backoff<> backoff_;
  Clock::time_point ask_again_{};  // from then on also a wait whose time is up asks
  std::uint64_t waits_ = 0;
  std::uint32_t polls_ = 0;        // that found nothing
  std::uint32_t interrupted_ = 0;  // 1: by interrupt(), until a wait has ended by it
  bool unrung_ = false;            // the last sleep ended by its time, but there was something
  bool sleeps_;
  bool may_sleep_;               // there is a doorbell
  bool yields_;                  // gives the CPU away while it spins
  bool is_real_time_;            // the thread that opened the end
  bool keeps_peer_off_ = false;  // by priority.hpp
  bool gives_way_ = false;
  bool may_give_way_;  // real-time, or keeps the peer off, or with a quota
  OneThread one_thread_;
};

}  // namespace ringbell
