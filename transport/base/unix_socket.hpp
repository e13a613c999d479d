// The calls on UNIX sockets (SEQPACKET: messages keep their bounds), one function each. All sockets
// are non-blocking, close-on-exec, and not shared with a child of fork().
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/timeout.hpp>

namespace ringbell {

// The process at the other end of a connection, as the kernel saw it when it was made.
struct Peer {
  pid_t pid = 0;  // for people; 0 if this process cannot see the other's pid namespace
  uid_t uid = 0;
  gid_t gid = 0;
};

namespace unix_socket {

// Where a socket is to be found: a path, or a name of the kernel's own (abstract), which no file
// stands for.
struct Address {
  std::string name;
  bool abstract = false;
};

[[nodiscard]] Result<FileDescriptor> create();
// Two stream sockets that are connected with each other.
[[nodiscard]] Result<std::pair<FileDescriptor, FileDescriptor>> pair();
// Whether it is one of such two.
[[nodiscard]] bool is_one_of_pair(int fd) noexcept;

// False: something is bound there already. Errors: invalid_argument (too long), system.
[[nodiscard]] Result<bool> bind(int fd, const Address& address);
[[nodiscard]] Result<void> listen(int fd, int backlog);

enum class Reached { yes, none, later };  // later: the listener has too many waiting
[[nodiscard]] Result<Reached> connect(int fd, const Address& address);

// Whether a living SEQPACKET socket is bound there. It does not notice.
[[nodiscard]] bool is_bound(const Address& address) noexcept;

// Nothing: no peer is waiting (any more). Errors: system, of which EMFILE and ENFILE.
[[nodiscard]] Result<std::optional<FileDescriptor>> accept(int fd);

// Another number for the same socket.
[[nodiscard]] Result<FileDescriptor> duplicate(int fd);

[[nodiscard]] Result<Peer> peer_of(int fd);

// One message and the descriptors that go with it (not more than 16). Never waits. Errors:
// peer_dead, if the other end is closed; system.
[[nodiscard]] Result<void> send(int fd, std::span<const std::byte> message,
                                std::span<const int> descriptors);

struct Received {
  std::size_t size_bytes = 0;
  std::vector<FileDescriptor> descriptors;
};
// Nothing: no message there. A message longer than `into`, or with more than `most_descriptors`, is
// corrupt, and none of its descriptors stays open. REQUIRES: most_descriptors <= 16. Errors:
// corrupt; peer_dead, if the other end is closed and nothing is left; system.
[[nodiscard]] Result<std::optional<Received>> receive(int fd, std::span<std::byte> into,
                                                      std::size_t most_descriptors);

// Until there is something to receive, or the other end is closed. False: time is up.
[[nodiscard]] bool wait_readable(int fd, Timeout timeout) noexcept;

// Whether the other end has received all that was sent. A doubt counts as yes.
[[nodiscard]] bool all_read(int fd) noexcept;

// Whether the other end is closed: its process is dead or has let go of it.
[[nodiscard]] bool is_hung_up(int fd) noexcept;

}  // namespace unix_socket
}  // namespace ringbell
