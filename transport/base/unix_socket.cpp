#include <ringbell/transport/base/unix_socket.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell::unix_socket {
namespace {

constexpr std::size_t kMostDescriptors = 16;
constexpr const char* kNoDescriptors = "raise the limit of open files (ulimit -n)";

struct RawAddress {
  sockaddr_un address;
  socklen_t bytes;
};

Result<RawAddress> raw(const Address& address) {
  RawAddress made{};
  made.address.sun_family = AF_UNIX;
  // A path ends with a 0; an abstract name begins with one.
  if (address.name.size() + 1 > sizeof made.address.sun_path) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is too long for a socket's address", address.name));
  }
  std::memcpy(made.address.sun_path + (address.abstract ? 1 : 0), address.name.data(),
              address.name.size());
  made.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address.name.size());
  return made;
}

const sockaddr* generic(const RawAddress& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

// A control message with room for the most descriptors that a peer may send here.
union ControlBuffer {
  std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> bytes;
  cmsghdr align;
};

// Every descriptor that the kernel has installed, whatever else is wrong with the message.
// There is room for them: without memory the rest would stay open.
void take_descriptors(msghdr& message, std::vector<FileDescriptor>& taken) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      taken.emplace_back(fd);
    }
  }
}

}  // namespace

Result<FileDescriptor> create() {
  FileDescriptor made = FileDescriptor::make_private([] {
    return FileDescriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  });
  if (!made) return fail_errno("making a UNIX socket failed", kNoDescriptors);
  return made;
}

Result<std::pair<FileDescriptor, FileDescriptor>> pair() {
  std::vector<FileDescriptor> ends(2);
  FileDescriptor::make_private(ends, [&] {
    std::array<int, 2> made{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()) != 0) {
      return;
    }
    ends[0] = FileDescriptor(made[0]);
    ends[1] = FileDescriptor(made[1]);
  });
  if (!ends[0] || !ends[1])
    return fail_errno("making a pair of UNIX sockets failed", kNoDescriptors);
  return std::pair(std::move(ends[0]), std::move(ends[1]));
}

bool is_one_of_pair(int fd) noexcept {
  const auto says = [fd](int option, int expected) {
    int found = -1;
    socklen_t bytes = sizeof found;
    return ::getsockopt(fd, SOL_SOCKET, option, &found, &bytes) == 0 && found == expected;
  };
  return says(SO_DOMAIN, AF_UNIX) && says(SO_TYPE, SOCK_STREAM) && says(SO_ACCEPTCONN, 0);
}

Result<bool> bind(int fd, const Address& address) {
  const Result<RawAddress> to = raw(address);
  if (!to) return tl::unexpected(to.error());
  if (::bind(fd, generic(*to), to->bytes) == 0) return true;
  if (errno == EADDRINUSE) return false;
  return fail_errno(fmt::format("binding a socket to {} failed", address.name));
}

Result<void> listen(int fd, int backlog) {
  if (::listen(fd, backlog) != 0) return fail_errno("listening on a UNIX socket failed");
  return {};
}

Result<Reached> connect(int fd, const Address& address) {
  const Result<RawAddress> to = raw(address);
  if (!to) return tl::unexpected(to.error());
  if (::connect(fd, generic(*to), to->bytes) == 0) return Reached::yes;
  if (errno == ENOENT || errno == ECONNREFUSED) return Reached::none;
  if (errno == EAGAIN || errno == EINTR) return Reached::later;
  return fail_errno(fmt::format("connecting to {} failed", address.name));
}

// A bound socket of another type refuses with EPROTOTYPE, an unbound name with ECONNREFUSED. A
// doubt counts as bound.
bool is_bound(const Address& address) noexcept {
  const Result<RawAddress> to = raw(address);
  const FileDescriptor probe{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!to || !probe || ::connect(probe.get(), generic(*to), to->bytes) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;
}

Result<std::optional<FileDescriptor>> accept(int fd) {
  FileDescriptor peer = FileDescriptor::make_private([fd] {
    return FileDescriptor{::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  });
  if (peer) return std::optional(std::move(peer));
  if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return std::nullopt;
  return fail_errno("accepting a connection failed",
                    errno == EMFILE || errno == ENFILE ? kNoDescriptors : "");
}

Result<FileDescriptor> duplicate(int fd) {
  FileDescriptor copy = FileDescriptor::make_private(
      [fd] { return FileDescriptor{::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOwnDescriptor)}; });
  if (!copy) return fail_errno("duplicating a socket failed", kNoDescriptors);
  return copy;
}

Result<Peer> peer_of(int fd) {
  ucred who{};
  socklen_t bytes = sizeof who;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0) {
    return fail_errno("asking for the process at the other end (SO_PEERCRED) failed");
  }
  return Peer{.pid = who.pid, .uid = who.uid, .gid = who.gid};
}

Result<void> send(int fd, std::span<const std::byte> message, std::span<const int> descriptors) {
  assert(descriptors.size() <= kMostDescriptors);
  // sendmsg() only reads it.
  iovec bytes{.iov_base = const_cast<std::byte*>(message.data()), .iov_len = message.size()};
  msghdr whole{};
  whole.msg_iov = &bytes;
  whole.msg_iovlen = 1;
  ControlBuffer control{};
  if (!descriptors.empty()) {
    whole.msg_control = control.bytes.data();
    whole.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&whole);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  if (::sendmsg(fd, &whole, MSG_NOSIGNAL) >= 0) return {};
  if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
    return fail(ErrorCode::peer_dead, "the peer is gone from the other end of the socket");
  }
  return fail_errno("sending on a UNIX socket failed",
                    errno == ETOOMANYREFS ? "more descriptors of this user are under way to "
                                            "processes that do not read than ulimit -n allows"
                                          : "");
}

Result<std::optional<Received>> receive(int fd, std::span<std::byte> into,
                                        std::size_t most_descriptors) {
  assert(most_descriptors <= kMostDescriptors);
  iovec bytes{.iov_base = into.data(), .iov_len = into.size()};
  msghdr whole{};
  whole.msg_iov = &bytes;
  whole.msg_iovlen = 1;
  ControlBuffer control{};
  if (most_descriptors > 0) {  // without room the kernel installs none
    whole.msg_control = control.bytes.data();
    whole.msg_controllen = CMSG_LEN(most_descriptors * sizeof(int));
  }
  Received received;
  received.descriptors.reserve(most_descriptors);
  ssize_t got = 0;
  // Sockets may be among them, whose end must not wait for a child of fork().
  FileDescriptor::make_private(received.descriptors, [&] {
    got = ::recvmsg(fd, &whole, MSG_CMSG_CLOEXEC);
    // Said once, if the peer closed with something of ours unread; what it sent before is still
    // here.
    if (got < 0 && errno == ECONNRESET) got = ::recvmsg(fd, &whole, MSG_CMSG_CLOEXEC);
    // Before anything else, so that none of them stays open: an empty message can bring some, too.
    if (got >= 0) take_descriptors(whole, received.descriptors);
  });
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got < 0) return fail_errno("receiving on a UNIX socket failed");
  received.size_bytes = static_cast<std::size_t>(got);
  if (got == 0) return fail(ErrorCode::peer_dead, "the peer hung up");
  const bool cut = (whole.msg_flags & MSG_CTRUNC) != 0;
  const auto& taken = received.descriptors;
  const bool all_taken = std::all_of(taken.begin(), taken.end(),
                                     [](const FileDescriptor& each) { return bool(each); });
  if (!all_taken || (cut && taken.size() < most_descriptors)) {
    return fail(ErrorCode::system,
                fmt::format("this process has no descriptors left for those that the peer sent; {}",
                            kNoDescriptors));
  }
  if (cut || (whole.msg_flags & MSG_TRUNC) != 0) {
    return fail(ErrorCode::corrupt, "the peer sent more than it should: bytes or descriptors");
  }
  return std::optional(std::move(received));
}

bool wait_readable(int fd, Timeout timeout) noexcept {
  const NoCancellation whole;
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  const timespec limit = to_timespec(timeout);
  return ::ppoll(&readable, 1, &limit, nullptr) > 0;
}

bool all_read(int fd) noexcept {
  int unread_bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &unread_bytes) != 0 || unread_bytes == 0;
}

bool is_hung_up(int fd) noexcept {
  const NoCancellation whole;
  pollfd socket{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&socket, 1, 0) > 0 && (socket.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace ringbell::unix_socket
