#include <ringbell/transport/sleep/loop_bell.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include <unistd.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/shared_parking.hpp>
#include <ringbell/transport/sleep/silent_thread.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;
using core::SharedParking;

// Edge O: `parked_` is stored before the order that needs it (release/acquire).
constexpr core::Edge kOrder{"loop_bell.O"};
constexpr core::Edge kBell{"share.K"};

// What order_ says. All bits 0: nothing to do.
constexpr std::uint32_t kWatch = 1;  // watch the word, once
constexpr std::uint32_t kEnd = 2;    // go
constexpr std::uint32_t kIdle = 4;   // from the thread: it sleeps on order_

// How long the thread sleeps before it looks by itself, bell or no bell.
constexpr std::chrono::milliseconds kLongestLook{100};

}  // namespace

LoopBell::LoopBell(std::uint32_t& word, std::chrono::nanoseconds longest_sleep,
                   Doorbell eventfd) noexcept
    : eventfd_(std::move(eventfd)),
      word_(&word),
      longest_sleep_(longest_sleep),
      owner_pid_(::getpid()) {}

Result<std::unique_ptr<LoopBell>> LoopBell::start(std::uint32_t& word,
                                                  std::chrono::nanoseconds longest_sleep) {
  Result<Doorbell> eventfd = Doorbell::create_eventfd();
  if (!eventfd) return tl::unexpected(std::move(eventfd.error()));
  std::unique_ptr<LoopBell> bell(new LoopBell(word, longest_sleep, std::move(*eventfd)));
  const Result<void> started = bell->start_thread();
  if (!started) {
    bell->owner_pid_ = 0;  // there is nothing to end
    return tl::unexpected(started.error());
  }
  return bell;
}

Result<void> LoopBell::start_thread() {
  const auto body = [](void* bell) -> void* {
    static_cast<LoopBell*>(bell)->run();
    return nullptr;
  };
  if (const int error = create_silent_thread(thread_, body, this); error != 0) {
    errno = error;
    return fail_errno("starting the thread behind waitable_fd() failed",
                      "raise the limit of processes (ulimit -u, or pids.max of the cgroup)");
  }
  return {};
}

LoopBell::~LoopBell() {
  if (!works()) return;
  const std::uint32_t before =
      HardwareAtomics::exchange(order_, kEnd, std::memory_order_acq_rel, kOrder);  // O
  if ((before & kIdle) != 0) {
    futex_.wake(order_);
  } else {
    // It sleeps on the bell, or is about to. Counted first: it does not fall asleep any more.
    HardwareAtomics::fetch_add(*word_, SharedParking<>::kOneRing, std::memory_order_relaxed, kBell);
    futex_.wake(*word_);
  }
  ::pthread_join(thread_, nullptr);
}

bool LoopBell::works() const noexcept { return ::getpid() == owner_pid_; }

void LoopBell::arm(std::uint32_t parked) noexcept {
  assert(works());
  eventfd_.silence();  // before the order: what is written for it must stay
  HardwareAtomics::store(parked_, parked, std::memory_order_relaxed, kOrder);
  const std::uint32_t before =
      HardwareAtomics::exchange(order_, kWatch, std::memory_order_acq_rel, kOrder);  // O
  if ((before & kIdle) != 0) futex_.wake(order_);
}

bool LoopBell::time_was_over() noexcept {
  return HardwareAtomics::exchange(time_over_, 0U, std::memory_order_relaxed, kOrder) != 0;
}

void LoopBell::disarm() noexcept {
  if (!works()) return;
  std::uint32_t order = kWatch;
  (void)HardwareAtomics::compare_exchange(order_, order, std::uint32_t{0},
                                          std::memory_order_relaxed, std::memory_order_relaxed,
                                          kOrder);
  eventfd_.silence();
}

void LoopBell::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "ringbell-loop");
  for (;;) {
    const std::uint32_t order =
        HardwareAtomics::load(order_, std::memory_order_acquire, kOrder);  // O
    if ((order & kEnd) != 0) return;
    if ((order & kWatch) != 0) {
      keep_watch(order);
    } else {
      wait_for_order(order);
    }
  }
}

void LoopBell::wait_for_order(std::uint32_t order) noexcept {
  if (order == kIdle ||
      HardwareAtomics::compare_exchange(order_, order, kIdle, std::memory_order_relaxed,
                                        std::memory_order_relaxed, kOrder)) {
    futex_.sleep(order_, kIdle, std::chrono::hours(1));
  }
}

// Until the word has changed, the time is over, or there is another order.
void LoopBell::keep_watch(std::uint32_t order) noexcept {
  const std::uint32_t parked = HardwareAtomics::load(parked_, std::memory_order_relaxed, kOrder);
  const Clock::time_point end = Clock::now() + longest_sleep_;
  for (Clock::time_point now = Clock::now();; now = Clock::now()) {
    const bool rung = HardwareAtomics::load(*word_, std::memory_order_relaxed, kBell) != parked;
    if (rung || now >= end) {
      std::uint32_t taken = order;
      if (!HardwareAtomics::compare_exchange(order_, taken, 0U, std::memory_order_relaxed,
                                             std::memory_order_relaxed, kOrder)) {
        return;
      }
      if (!rung) HardwareAtomics::store(time_over_, 1U, std::memory_order_relaxed, kOrder);
      eventfd_.wake(order_);
      return;
    }
    futex_.sleep(*word_, parked, std::min<Timeout>(end - now, kLongestLook));
    if (HardwareAtomics::load(order_, std::memory_order_relaxed, kOrder) != order) return;
    // Armed anew meanwhile, with another announcement?
    if (HardwareAtomics::load(parked_, std::memory_order_relaxed, kOrder) != parked) return;
  }
}

}  // namespace ringbell
