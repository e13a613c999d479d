#include <ringbell/transport/waitset/descriptor_watch.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>
#include <ringbell/transport/sleep/silent_thread.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;

// Edge W: an order is given after what it is about was stored, and the word counted after the poll
// that it asked for (release/acquire).
constexpr core::Edge kOrder{"watch.W"};

// What order_ says. All bits 0: nothing to do.
constexpr std::uint32_t kWatch = 1;  // poll, once
constexpr std::uint32_t kEnd = 2;    // go
constexpr std::uint32_t kIdle = 4;   // from the thread: it sleeps on order_

constexpr std::uint64_t kOwnTag = 0;

// ppoll(2), whose times are finer than those of epoll_wait(2).
bool poll_one(int fd, Timeout timeout) noexcept {
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  const timespec limit = to_timespec(timeout);
  return ::ppoll(&polled, 1, &limit, nullptr) > 0;
}

Result<void> add_to_epoll(int epoll, int fd, unsigned events, std::uint64_t tag) {
  epoll_event wanted{.events = events, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted) == 0) return {};
  switch (errno) {
    case EPERM:
      return fail(ErrorCode::invalid_argument,
                  fmt::format("descriptor {} cannot be waited for: it is a file or folder", fd));
    case EEXIST:
      return fail(ErrorCode::invalid_argument,
                  fmt::format("descriptor {} is waited for already: add it once, with all of its "
                              "events",
                              fd));
    case EBADF:
      return fail(ErrorCode::invalid_argument, fmt::format("descriptor {} is not open", fd));
    default:
      return fail_errno("adding a descriptor to epoll failed",
                        "raise /proc/sys/fs/epoll/max_user_watches");
  }
}

}  // namespace

DescriptorWatch::DescriptorWatch(FileDescriptor epoll, Doorbell own, std::uint32_t& word) noexcept
    : epoll_(std::move(epoll)), own_(std::move(own)), word_(&word), owner_pid_(::getpid()) {}

Result<std::unique_ptr<DescriptorWatch>> DescriptorWatch::create(std::uint32_t& word) {
  Result<Doorbell> own = Doorbell::create_eventfd();
  if (!own) return tl::unexpected(std::move(own.error()));
  FileDescriptor epoll =
      FileDescriptor::make_private([] { return FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)}; });
  if (!epoll)
    return fail_errno("epoll_create1 failed", "raise the limit of open files (ulimit -n)");
  if (Result<void> added = add_to_epoll(epoll.get(), own->fd(), EPOLLIN, kOwnTag); !added) {
    return tl::unexpected(std::move(added.error()));
  }
  return std::unique_ptr<DescriptorWatch>(
      new DescriptorWatch(std::move(epoll), std::move(*own), word));
}

DescriptorWatch::~DescriptorWatch() {
  const NoCancellation whole;
  if (!has_thread_ || ::getpid() != owner_pid_) return;
  const std::uint32_t before =
      HardwareAtomics::exchange(order_, kEnd, std::memory_order_acq_rel, kOrder);  // W
  if ((before & kIdle) != 0) {
    futex_.wake(order_);
  } else {
    wake();  // it polls, or is about to
  }
  ::pthread_join(thread_, nullptr);
}

Result<void> DescriptorWatch::add(int fd, unsigned events, std::uint64_t tag) {
  assert(tag != kOwnTag);
  Result<void> added = add_to_epoll(epoll_.get(), fd, events, tag);
  if (added) ++count_;
  return added;
}

void DescriptorWatch::remove(int fd) noexcept {
  --count_;
  // One that was closed is gone from there already.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const epoll_event> DescriptorWatch::look() noexcept {
  const NoCancellation whole;
  const int found = ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), 0);
  if (found <= 0) return {};
  auto* const end = ready_.data() + found;
  const auto* const others = std::remove_if(
      ready_.data(), end, [](const epoll_event& event) { return event.data.u64 == kOwnTag; });
  if (others != end) own_.silence();
  return {ready_.data(), others};
}

void DescriptorWatch::sleep(Timeout timeout) const noexcept {
  const NoCancellation whole;
  (void)poll_one(epoll_.get(), timeout);
}

void DescriptorWatch::wake() noexcept { own_.wake(order_); }

Result<void> DescriptorWatch::start_thread() {
  if (has_thread_) return {};
  const auto body = [](void* watch) -> void* {
    static_cast<DescriptorWatch*>(watch)->run();
    return nullptr;
  };
  if (const int error = create_silent_thread(thread_, body, this); error != 0) {
    errno = error;
    return fail_errno("starting the thread that polls a WaitSet's descriptors failed",
                      "raise the limit of processes (ulimit -u, or pids.max of the cgroup)");
  }
  has_thread_ = true;
  return {};
}

void DescriptorWatch::order() noexcept {
  assert(has_thread_);
  const std::uint32_t before =
      HardwareAtomics::exchange(order_, kWatch, std::memory_order_acq_rel, kOrder);  // W
  if ((before & kIdle) != 0) futex_.wake(order_);
}

void DescriptorWatch::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "ringbell-watch");
  constexpr Timeout kLong = std::chrono::hours(1);
  for (;;) {
    std::uint32_t order = HardwareAtomics::load(order_, std::memory_order_acquire, kOrder);  // W
    if ((order & kEnd) != 0) return;
    if ((order & kWatch) == 0) {
      if (HardwareAtomics::compare_exchange(order_, order, kIdle, std::memory_order_relaxed,
                                            std::memory_order_relaxed, kOrder)) {
        futex_.sleep(order_, kIdle, kLong);
      }
    } else if (poll_one(epoll_.get(), kLong) &&
               HardwareAtomics::compare_exchange(order_, order, 0U, std::memory_order_relaxed,
                                                 std::memory_order_relaxed, kOrder)) {
      HardwareAtomics::fetch_add(*word_, 1U, std::memory_order_release, kOrder);  // W
      futex_.wake(*word_);
    }
  }
}

}  // namespace ringbell
