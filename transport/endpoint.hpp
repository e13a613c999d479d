// What Sender and Receiver have in common: a role on a channel, ringing the peer, and waiting.
//
// Waiting has three steps. Look at once; spin for a budget, if spinning has been paying; park
// (core/parking.hpp) and sleep on the doorbell in slices, so that a peer that died between clearing
// the bell word and ringing costs one slice and not the channel. While it waits, an endpoint asks
// now and then whether the peer has closed or died.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <ringbell/core/backoff.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/transport/channel.hpp>
#include <ringbell/transport/export.hpp>
#include <ringbell/transport/quick_wake.hpp>
#include <ringbell/transport/role_lock.hpp>
#include <ringbell/transport/spin_budget.hpp>
#include <ringbell/transport/wait.hpp>

namespace ringbell {

// How a wait ended.
enum class Waited : std::uint8_t { ready, timed_out, peer_closed, peer_dead };

class RINGBELL_API Endpoint {
 public:
  // Takes `role` on the channel. Errors: busy, system.
  [[nodiscard]] static Result<Endpoint> open(Channel channel, Role role, const WaitOptions& wait);

  Endpoint(Endpoint&&) noexcept = default;
  Endpoint& operator=(Endpoint&&) noexcept = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() = default;

  // Whether this object still plays its role: not moved from, and not the copy that a child of
  // fork() has of its parent's.
  [[nodiscard]] bool is_open() const noexcept;

  // Says that this side will do no more, and wakes the peer to learn of it. Nothing unless
  // is_open().
  void close() noexcept;

  // Call after a release store that may make the peer's condition true: rings if the peer is
  // parked.
  void published() noexcept {
    if (!rings_) return;
    if (core::Parking<>::somebody_waits(*peer_bell_, must_fence_)) [[unlikely]]
      ring_peer();
  }

  // Call now and then as the ring moves on: `position` counts the bytes that went through. Who has
  // not slept for a while spares its peer the fences again.
  void moved_to(std::uint64_t position) noexcept {
    position_ = position;
    if (can_barrier_ && !by_barrier_ && !sleeps_often()) [[unlikely]]
      go_back_to_barriers();
  }

  // Waits until `ready()` or until the time is up. Whatever ended it, ready() was looked at after
  // it.
  template <class Ready>
  [[nodiscard]] Waited wait_until(Ready&& ready, Timeout timeout) {
    if (ready()) return Waited::ready;
    backoff_.reset();
    if (timeout <= Timeout::zero()) {  // whoever polls must learn of the end too
      if (!peer_closed()) return Waited::timed_out;
      return ready() ? Waited::ready : Waited::peer_closed;
    }
    const std::chrono::nanoseconds budget = parks_ ? spin_budget_.next() : slice_;
    // What is on its way comes within these looks; reading the clock first would only delay it.
    if (budget > budget.zero() && look(ready, kEagerLooks)) {
      spin_budget_.learn(true);
      return Waited::ready;
    }
    const Clock::time_point start = Clock::now();
    const Clock::time_point deadline = end_of(start, timeout);
    if (parks_ && budget > budget.zero()) {
      const bool paid = spin(ready, std::min(deadline, start + budget));
      spin_budget_.learn(paid);
      if (paid) return Waited::ready;
    }
    for (Clock::time_point now = start;;) {
      const Clock::time_point look_again = std::min(deadline, now + slice_);
      if (parks_ ? park(ready, now, look_again) : spin(ready, look_again)) return Waited::ready;
      const Waited peer = ask_after_peer();
      if (ready()) return Waited::ready;
      if (peer != Waited::ready) return peer;
      now = Clock::now();
      if (now >= deadline) return Waited::timed_out;
    }
  }

  // Sleeps to the end of their slice although what they waited for was there and nobody had rung.
  // 0, unless a wake-up is lost: the slices would hide that. For tests and diagnosis.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return missed_rings_; }
  [[nodiscard]] const Channel& channel() const noexcept { return channel_; }
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return quick_wake_refusal_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr int kEagerLooks = 256;
  static constexpr int kLooksPerClock = 64;

  Endpoint(Channel channel, RoleLock lock, Role role, const WaitOptions& wait) noexcept;

  [[nodiscard]] static Clock::time_point end_of(Clock::time_point start, Timeout timeout) noexcept {
    return timeout < Clock::time_point::max() - start ? start + timeout : Clock::time_point::max();
  }

  // Looks up to `looks` times. True: ready.
  template <class Ready>
  [[nodiscard]] bool look(Ready&& ready, int looks) {
    for (int i = 0; i < looks; ++i) {
      if (ready()) return true;
      if (yields_) {
        give_cpu_away();
      } else {
        backoff_.wait();
      }
    }
    return false;
  }

  // True: ready. False: it is past `until`.
  template <class Ready>
  [[nodiscard]] bool spin(Ready&& ready, Clock::time_point until) {
    do {
      if (look(ready, kLooksPerClock)) return true;
    } while (Clock::now() < until);
    return false;
  }

  template <class Ready>
  [[nodiscard]] bool park(Ready&& ready, Clock::time_point now, Clock::time_point until) {
    const std::uint32_t parked = announce_sleep();
    if (!ready() && !peer_closed()) {
      sleep(parked, until - now);
      if (ready() && slept_on(parked, until)) ++missed_rings_;
    }
    core::Parking<>::unpark(*own_bell_, by_barrier_);
    return ready();
  }

  [[nodiscard]] bool sleeps_often() const noexcept {
    return position_ - slept_at_ < fence_below_bytes_;
  }

  [[nodiscard]] std::uint32_t announce_sleep() noexcept;
  void go_back_to_barriers() noexcept;
  void sleep(std::uint32_t parked, Timeout longest) const noexcept;
  [[nodiscard]] bool slept_on(std::uint32_t parked, Clock::time_point until) const noexcept;
  void ring_peer() noexcept;
  [[nodiscard]] bool peer_closed() const noexcept;
  [[nodiscard]] Waited ask_after_peer() const noexcept;
  static void give_cpu_away() noexcept;
  [[nodiscard]] std::uint32_t& state_of(Role role) const noexcept;

  Channel channel_;
  RoleLock lock_;
  std::optional<QuickWake> quick_wake_;
  std::optional<Error> quick_wake_refusal_;
  SpinBudget spin_budget_;
  std::chrono::nanoseconds slice_;  // WaitOptions::longest_sleep
  core::Backoff<> backoff_;
  std::uint32_t* peer_bell_;  // the word on which the peer sleeps
  std::uint32_t* own_bell_;   // the word on which this side sleeps
  std::uint64_t missed_rings_ = 0;
  std::uint64_t position_ = 0;       // how far the ring has come, as last told
  std::uint64_t slept_at_ = 0;       // position_ at the last sleep
  std::uint64_t fence_below_bytes_;  // WaitOptions
  int owner_pid_;                    // the process that opened it
  Role role_;
  bool rings_;        // the peer may sleep: the channel has a doorbell
  bool parks_;        // this side may sleep
  bool yields_;       // gives the CPU away while it spins
  bool can_barrier_;  // may issue the heavy barrier
  bool by_barrier_;   // parks with it; else the peer fences
  bool must_fence_;   // is not reached by the heavy barriers of others
};

}  // namespace ringbell
