// The descriptors of a WaitSet: an epoll instance, and a thread for a set that also sleeps on futex
// words, for which no call of the kernel waits together with descriptors. The thread sleeps in the
// set's place on the epoll instance and wakes it by a word.
//
//   the set                                   the thread
//   W1  seen <- *word
//   W2  look(): none is readable
//   W3  order(): watch                 -->    poll(epoll)      until one is readable
//   W4  futex_waitv(*word == seen, ...)       takes the order, counts *word up, FUTEX_WAKE
//
// No descriptor is overlooked: epoll is level-triggered, so the poll that W3 asks for returns for
// whatever is readable since W2, also for a descriptor that is added meanwhile; the thread counts
// after that, so that W4 finds another word than W1 did, or is woken. A thread that took the last
// order late wakes the set in vain; the next W3 is a new order. An order that is still there is
// still in force: W3 then costs one exchange.
//
// The thread has all signals blocked and a small stack. A child of fork() has neither thread nor
// descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include <pthread.h>
#include <sys/epoll.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>

namespace ringbell {

class DescriptorWatch {
 public:
  static constexpr std::size_t kAtOnce = 64;

  // `word` is what the thread counts up and wakes. Errors: no_space (max_user_watches); system.
  [[nodiscard]] static Result<std::unique_ptr<DescriptorWatch>> create(std::uint32_t& word);

  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;
  ~DescriptorWatch();

  // `tag` is not 0. Errors: invalid_argument, if it cannot be polled (a regular file), or is there
  // already; no_space (max_user_watches); system.
  [[nodiscard]] Result<void> add(int fd, unsigned events, std::uint64_t tag);
  void remove(int fd) noexcept;
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  // Those that are readable (or what was asked for) now; up to kAtOnce of them, others at the next
  // call. What wake() did is forgotten.
  [[nodiscard]] std::span<const epoll_event> look() noexcept;
  // Until one is, or wake(), or `timeout`.
  void sleep(Timeout timeout) const noexcept;
  // Ends sleep(). Async-signal-safe.
  void wake() noexcept;

  // Starts the thread, unless it runs. Errors: system.
  [[nodiscard]] Result<void> start_thread();
  // W3. REQUIRES: start_thread().
  void order() noexcept;

 private:
  DescriptorWatch(FileDescriptor epoll, Doorbell own, std::uint32_t& word) noexcept;
  void run() noexcept;

  FileDescriptor epoll_;
  Doorbell own_;  // an eventfd in epoll_, by which wake() ends a sleep there
  Doorbell futex_{core::DoorbellKind::futex};
  std::uint32_t* word_;
  std::array<epoll_event, kAtOnce> ready_{};
  std::size_t count_ = 0;
  pthread_t thread_{};
  int owner_pid_;
  bool has_thread_ = false;
  std::uint32_t order_ = 0;  // between the two threads: what the one is to do
};

}  // namespace ringbell
