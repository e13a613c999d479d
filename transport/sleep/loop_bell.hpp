// A descriptor for an endpoint that sleeps on a futex: a thread sleeps there in its place and
// writes to an eventfd, which is what the endpoint's loop sleeps on.
//
//   the publisher                the bell's thread                 the loop
//   store, count a ring up  -->  futex_wait(word, parked)  write   epoll_wait(fd)
//   FUTEX_WAKE                   returns                   -->     returns
//
// No wake-up is lost
//   1. The loop's side announces its sleep in the word and looks after that (shared_parking.hpp, K1
//      to K3): what was published before, it has seen. `parked` is what the word said then.
//   2. A publisher that comes later finds the announcement and counts a ring, so that the word is
//      not `parked` any more, however many others announce themselves there.
//   3. The kernel puts the thread to sleep only while the word is `parked`, and compares under the
//      lock that FUTEX_WAKE takes: it is woken, or does not fall asleep. A thread that still sleeps
//      with an older `parked` is woken all the same: a ring wakes all that sleep on the address, or
//      one, which passes on what is left (shared_parking.hpp, I3).
//   4. It writes after it has taken the order to do so from `order_`, and the descriptor is emptied
//      before an order is given: what was written for this order stays until the next. A write for
//      the last one may come late, as a ring may.
// A publisher that dies between 2 and its FUTEX_WAKE delays the loop by kLongestLook at most.
//
// The thread has all signals blocked, a small stack, and ends with this object. A child of fork()
// has none: there nothing is armed, and nothing is done at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <pthread.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>

namespace ringbell {

class RINGBELL_API LoopBell {
 public:
  // Starts the thread. `word` is a bell word of shared_parking.hpp that stays mapped while this
  // lives. Errors: system, if there is no descriptor or no thread to be had.
  [[nodiscard]] static Result<std::unique_ptr<LoopBell>> start(
      std::uint32_t& word, std::chrono::nanoseconds longest_sleep);

  LoopBell(const LoopBell&) = delete;
  LoopBell& operator=(const LoopBell&) = delete;
  // Others that sleep on the word may be woken in vain.
  ~LoopBell();

  [[nodiscard]] int fd() const noexcept { return eventfd_.fd(); }
  // False in a child of fork(). A system call.
  [[nodiscard]] bool works() const noexcept;

  // Makes the descriptor unreadable, and from then on readable once the word is not `parked`, or
  // when `longest_sleep` is over. REQUIRES: works().
  void arm(std::uint32_t parked) noexcept;
  // Whether a sleep was ended by the time since this was last asked.
  [[nodiscard]] bool time_was_over() noexcept;
  // Takes arm() back: unreadable, but for a write that is under way.
  void disarm() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  LoopBell(std::uint32_t& word, std::chrono::nanoseconds longest_sleep, Doorbell eventfd) noexcept;
  [[nodiscard]] Result<void> start_thread();
  void run() noexcept;
  void keep_watch(std::uint32_t order) noexcept;
  void wait_for_order(std::uint32_t order) noexcept;

  Doorbell futex_{core::DoorbellKind::futex};
  Doorbell eventfd_;
  std::uint32_t* word_;
  std::chrono::nanoseconds longest_sleep_;
  pthread_t thread_{};
  int owner_pid_;
  // Between the two threads of this process.
  std::uint32_t order_ = 0;      // what the thread is to do
  std::uint32_t parked_ = 0;     // stored before the order that needs it
  std::uint32_t time_over_ = 0;  // stored by the thread: the time has ended a sleep
};

}  // namespace ringbell
