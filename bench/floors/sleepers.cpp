// Two processes that wake each other and sleep, by futex and by eventfd: what blocking must cost.
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/floors/floor.hpp"

namespace ringbell::bench {
namespace {

struct FutexWords {
  alignas(core::kFalseSharingBytes) std::uint32_t there;
  alignas(core::kFalseSharingBytes) std::uint32_t back;
};

void futex_post(std::uint32_t& word, std::uint32_t value) noexcept {
  std::atomic_ref<std::uint32_t>(word).store(value, std::memory_order_release);
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// Sleeps at once, without a look before: the value is never there yet unless the other was faster.
void futex_await(std::uint32_t& word, std::uint32_t value) noexcept {
  const std::atomic_ref<std::uint32_t> seen(word);
  while (seen.load(std::memory_order_acquire) != value) {
    ::syscall(SYS_futex, &word, FUTEX_WAIT, value - 1, nullptr, nullptr, 0);
  }
}

Result<FileDescriptor> open_eventfd() {
  FileDescriptor fd{::eventfd(0, EFD_CLOEXEC)};
  if (!fd) return fail_errno("eventfd failed", "raise the limit of open files (ulimit -n)");
  return fd;
}

void eventfd_post(int fd) noexcept {
  const std::uint64_t one = 1;
  while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void eventfd_await(int fd) noexcept {
  std::uint64_t posted = 0;
  while (::read(fd, &posted, sizeof posted) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<FloorFigures> futex_trips(const PairOptions& pair, const Trips& trips) {
  const Result<Shared<FutexWords>> words = Shared<FutexWords>::create();
  if (!words) return tl::unexpected(words.error());
  FutexWords& shared = **words;
  return time_pair(
      pair, trips,
      [&](std::uint64_t i) {
        futex_post(shared.there, static_cast<std::uint32_t>(i));
        futex_await(shared.back, static_cast<std::uint32_t>(i));
      },
      [&](std::uint64_t i) {
        futex_await(shared.there, static_cast<std::uint32_t>(i));
        futex_post(shared.back, static_cast<std::uint32_t>(i));
      });
}

Result<FloorFigures> eventfd_trips(const PairOptions& pair, const Trips& trips) {
  const Result<FileDescriptor> there = open_eventfd();
  if (!there) return tl::unexpected(there.error());
  const Result<FileDescriptor> back = open_eventfd();
  if (!back) return tl::unexpected(back.error());
  return time_pair(
      pair, trips,
      [&](std::uint64_t) {
        eventfd_post(there->get());
        eventfd_await(back->get());
      },
      [&](std::uint64_t) {
        eventfd_await(there->get());
        eventfd_post(back->get());
      });
}

}  // namespace ringbell::bench
