#include "bench/transports/tcp.hpp"

#include <array>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

constexpr const char* kRemedy = "is the loopback up? (ip link set lo up)";

}  // namespace

Result<OneWay> make_tcp_pair(std::size_t message_bytes) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);

  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener || ::bind(listener.get(), any, length) != 0 || ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), any, &length) != 0) {
    return fail_errno("listening on 127.0.0.1 failed", kRemedy);
  }
  FileDescriptor first(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!first || ::connect(first.get(), any, length) != 0) {
    return fail_errno("connecting to 127.0.0.1 failed", kRemedy);
  }
  FileDescriptor second(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!second) return fail_errno("accepting a connection on 127.0.0.1 failed");
  for (const int fd : {first.get(), second.get()}) {
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
      return fail_errno("setting TCP_NODELAY failed");
    }
    enlarge_buffers(fd, message_bytes);
  }
  return OneWay{std::move(first), std::move(second)};
}

Result<Tcp> Tcp::open(const LinkOptions& options) {
  Result<OneWay> pair = make_tcp_pair(options.message_bytes);
  if (!pair) return tl::unexpected(pair.error());
  Result<StreamLink> link = StreamLink::over({std::move((*pair)[0]), FileDescriptor()},
                                             {std::move((*pair)[1]), FileDescriptor()}, options);
  if (!link) return tl::unexpected(link.error());
  return Tcp(std::move(*link));
}

template TransportEntry entry<Tcp>(std::string_view name, Family family);

}  // namespace ringbell::bench
