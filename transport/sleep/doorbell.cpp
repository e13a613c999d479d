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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>
#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/base/unix_socket.hpp>

namespace ringbell {
namespace {

// Not FUTEX_PRIVATE: the sleeper is another process.
void futex_wait(const std::uint32_t& word, std::uint32_t value, Timeout timeout) noexcept {
  const timespec limit = to_timespec(timeout);
  // Woken, timed out, interrupted, or the word had changed: the caller looks again in any case.
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &limit, nullptr, 0);
}

// How many it woke.
long futex_wake(std::uint32_t& word, int at_most = INT_MAX) noexcept {
  return ::syscall(SYS_futex, &word, FUTEX_WAKE, at_most, nullptr, nullptr, 0);
}

// Not by the C library's preadv2: musl 1.2.3 has none.
long read_without_waiting(int fd, const iovec& into) noexcept {
  constexpr int kNoWait = 8;  // RWF_NOWAIT
  constexpr long kWhereItIs = -1;
  return ::syscall(SYS_preadv2, fd, &into, 1, kWhereItIs, kWhereItIs, kNoWait);
}

void eventfd_clear(int fd) noexcept {
  std::uint64_t rings = 0;
  const iovec into{.iov_base = &rings, .iov_len = sizeof rings};
  // A ring that is left over only costs a look in vain. RWF_NOWAIT, because O_NONBLOCK belongs to
  // the open file: a hostile peer can take it away, and the ring, too. Linux 5.8; not every
  // emulator has the call.
  if (read_without_waiting(fd, into) < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
    [[maybe_unused]] const ssize_t got = ::read(fd, &rings, sizeof rings);
  }
}

void eventfd_wait(int fd, Timeout timeout, pollfd sign_of_life) noexcept {
  std::array<pollfd, 2> waiting{{{.fd = fd, .events = POLLIN, .revents = 0}, sign_of_life}};
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

// What is left over costs a look in vain.
void socket_clear(int fd) noexcept {
  std::array<char, 256> rings{};
  [[maybe_unused]] const ssize_t got = ::recv(fd, rings.data(), rings.size(), MSG_DONTWAIT);
}

// A full one is as good as rung. MSG_DONTWAIT belongs to the call, so that no process can take it
// away.
void socket_ring(int fd) noexcept {
  const char one = 1;
  [[maybe_unused]] const ssize_t put = ::send(fd, &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void socket_wait(int fd, int own, Timeout timeout, pollfd sign_of_life) noexcept {
  std::array<pollfd, 3> waiting{{{.fd = fd, .events = POLLIN, .revents = 0},
                                 {.fd = own, .events = POLLIN, .revents = 0},
                                 sign_of_life}};
  const timespec limit = to_timespec(timeout);
  if (::ppoll(waiting.data(), waiting.size(), &limit, nullptr) <= 0) return;
  if (waiting[0].revents != 0) socket_clear(fd);
  if (waiting[1].revents != 0) eventfd_clear(own);
}

bool is_eventfd(int fd) {
  std::array<char, 64> target{};
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) ==
                           "anon_inode:[eventfd]";
}

}  // namespace

const char* name_of(core::DoorbellKind kind) noexcept {
  switch (kind) {
    case core::DoorbellKind::none:
      return "none";
    case core::DoorbellKind::futex:
      return "futex";
    case core::DoorbellKind::eventfd:
      return "eventfd";
  }
  return "unknown";
}

Doorbell::Doorbell(core::DoorbellKind kind) noexcept : kind_(kind) {
  assert(kind != core::DoorbellKind::eventfd);
}

Doorbell::Doorbell(core::DoorbellKind kind, FileDescriptor fd, FileDescriptor own) noexcept
    : kind_(kind), fd_(std::move(fd)), own_(std::move(own)) {}

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

Result<Doorbell> Doorbell::from_socket(FileDescriptor socket) {
  if (!unix_socket::is_one_of_pair(socket.get())) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("descriptor {} is no connected stream socket", socket.get()));
  }
  Result<Doorbell> own = create_eventfd();
  if (!own) return own;
  return Doorbell(core::DoorbellKind::eventfd, std::move(socket), std::move(own->fd_));
}

Doorbell Doorbell::shared_with(const Doorbell& owner) noexcept {
  Doorbell shared(core::DoorbellKind::eventfd, FileDescriptor{});
  shared.shared_fd_ = owner.fd();
  shared.shared_own_fd_ = owner.own_fd();
  return shared;
}

Result<FileDescriptor> Doorbell::make_waitable() const {
  FileDescriptor both{::epoll_create1(EPOLL_CLOEXEC)};
  if (!both) return fail_errno("epoll_create1 failed", "raise the limit of open files (ulimit -n)");
  for (const int fd : {fd(), own_fd()}) {
    epoll_event waited{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &waited) != 0) {
      return fail_errno("adding a bell to epoll failed");
    }
  }
  return both;
}

void Doorbell::sleep(const std::uint32_t& word, std::uint32_t parked, Timeout timeout,
                     const SignOfLife& sign_of_life) const noexcept {
  assert(kind_ != core::DoorbellKind::none);
  const NoCancellation whole;
  RINGBELL_PROBE(park, &word, parked, timeout.count());
  if (kind_ == core::DoorbellKind::futex) {
    futex_wait(word, parked, timeout);
  } else if (is_socket()) {
    socket_wait(fd(), own_fd(), timeout, sign_of_life.polled());
  } else {
    eventfd_wait(fd(), timeout, sign_of_life.polled());
  }
  RINGBELL_PROBE(woke, &word, parked);
}

void Doorbell::silence() const noexcept {
  const NoCancellation whole;
  if (is_socket()) {
    socket_clear(fd());
    eventfd_clear(own_fd());
  } else if (kind_ == core::DoorbellKind::eventfd) {
    eventfd_clear(fd());
  }
}

void Doorbell::wake(std::uint32_t& word) const noexcept {
  assert(kind_ != core::DoorbellKind::none);
  const NoCancellation whole;
  RINGBELL_PROBE(wake, &word);
  if (kind_ == core::DoorbellKind::futex) {
    futex_wake(word);
  } else if (is_socket()) {
    socket_ring(fd());
  } else {
    eventfd_ring(fd());
  }
}

bool Doorbell::wake_one(std::uint32_t& word) const noexcept {
  assert(kind_ == core::DoorbellKind::futex);
  const NoCancellation whole;
  RINGBELL_PROBE(wake, &word);
  return futex_wake(word, 1) > 0;
}

void Doorbell::wake_own(std::uint32_t& word) const noexcept {
  if (!is_socket()) return wake(word);
  const NoCancellation whole;
  RINGBELL_PROBE(wake, &word);
  eventfd_ring(own_fd());
}

}  // namespace ringbell
