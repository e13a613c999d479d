#include "bench/transports/unix_stream.hpp"

#include <array>

#include <sys/socket.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

Result<OneWay> make_unix_pair(int type, std::size_t message_bytes) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return fail_errno("socketpair(AF_UNIX) failed");
  }
  for (const int fd : fds) enlarge_buffers(fd, message_bytes);
  return OneWay{FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}

Result<UnixStream> UnixStream::open(const LinkOptions& options) {
  Result<OneWay> pair = make_unix_pair(SOCK_STREAM, options.message_bytes);
  if (!pair) return tl::unexpected(pair.error());
  Result<StreamLink> link = StreamLink::over({std::move((*pair)[0]), FileDescriptor()},
                                             {std::move((*pair)[1]), FileDescriptor()}, options);
  if (!link) return tl::unexpected(link.error());
  return UnixStream(std::move(*link));
}

template TransportEntry entry<UnixStream>(std::string_view name, Family family);

}  // namespace ringbell::bench
