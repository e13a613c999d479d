#include <ringbell/transport/sleep/doorbell.hpp>

#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell {
namespace {

// Not FUTEX_PRIVATE: the sleeper is another process.
void futex_wait(const std::uint32_t& word, std::uint32_t value, Timeout timeout) noexcept {
  const timespec limit = to_timespec(timeout);
  // Woken, timed out, interrupted, or the word had changed: the caller looks again in any case.
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &limit, nullptr, 0);
}

void futex_wake(std::uint32_t& word) noexcept {
  constexpr int kAll = INT_MAX;
  ::syscall(SYS_futex, &word, FUTEX_WAKE, kAll, nullptr, nullptr, 0);
}

void eventfd_clear(int fd) noexcept {
  std::uint64_t rings = 0;
  iovec into{.iov_base = &rings, .iov_len = sizeof rings};
  // A ring that is left over only costs a look in vain. RWF_NOWAIT, because O_NONBLOCK belongs to
  // the open file: a hostile peer can take it away, and the ring, too. Linux 5.8.
  if (::preadv2(fd, &into, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP) {
    [[maybe_unused]] const ssize_t got = ::read(fd, &rings, sizeof rings);
  }
}

void eventfd_wait(int fd, Timeout timeout, int sign_of_life) noexcept {
  // A descriptor of -1 is passed over, and a hang-up is told unasked.
  std::array<pollfd, 2> waiting{{{.fd = fd, .events = POLLIN, .revents = 0},
                                 {.fd = sign_of_life, .events = 0, .revents = 0}}};
  const timespec limit = to_timespec(timeout);
  if (::ppoll(waiting.data(), waiting.size(), &limit, nullptr) > 0) eventfd_clear(fd);
}

void eventfd_ring(int fd) noexcept {
  // A full counter is as good as rung. Asked for, because O_NONBLOCK can have been taken away.
  pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&room, 1, 0) <= 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(fd, &one, sizeof one);
}

bool is_eventfd(int fd) {
  std::array<char, 64> target{};
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) ==
                           "anon_inode:[eventfd]";
}

}  // namespace

Doorbell::Doorbell(core::DoorbellKind kind) noexcept : kind_(kind) {
  assert(kind != core::DoorbellKind::eventfd);
}

Doorbell::Doorbell(core::DoorbellKind kind, FileDescriptor fd) noexcept
    : kind_(kind), fd_(std::move(fd)) {}

Result<Doorbell> Doorbell::create_eventfd() {
  FileDescriptor fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return fail_errno("eventfd failed", "raise the limit of open files (ulimit -n)");
  return Doorbell(core::DoorbellKind::eventfd, std::move(fd));
}

Result<Doorbell> Doorbell::from_eventfd(FileDescriptor fd) {
  if (!fd || !is_eventfd(fd.get())) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("descriptor {} is no eventfd, but the channel rings by eventfd; hand over "
                    "both bells of Channel::fds()",
                    fd.get()));
  }
  // A blocking one, from a careless or hostile peer, could hold ring() up.
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
    return fail_errno("making the doorbell's eventfd non-blocking failed");
  }
  return Doorbell(core::DoorbellKind::eventfd, std::move(fd));
}

void Doorbell::sleep(const std::uint32_t& word, std::uint32_t parked, Timeout timeout,
                     int sign_of_life) const noexcept {
  assert(kind_ != core::DoorbellKind::none);
  const NoCancellation whole;
  if (kind_ == core::DoorbellKind::futex) {
    futex_wait(word, parked, timeout);
  } else {
    eventfd_wait(fd_.get(), timeout, sign_of_life);
  }
}

void Doorbell::silence() const noexcept {
  const NoCancellation whole;
  if (kind_ == core::DoorbellKind::eventfd) eventfd_clear(fd_.get());
}

void Doorbell::wake(std::uint32_t& word) const noexcept {
  assert(kind_ != core::DoorbellKind::none);
  const NoCancellation whole;
  if (kind_ == core::DoorbellKind::futex) {
    futex_wake(word);
  } else {
    eventfd_ring(fd_.get());
  }
}

}  // namespace ringbell
