// A TCP connection over the loopback, TCP_NODELAY, with the kernel's default buffers.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

class Tcp : public StreamLink {
 public:
  // Errors: system, where there is no loopback.
  [[nodiscard]] static Result<Tcp> open(const LinkOptions& options);
  void describe(Row&) const {}

 private:
  explicit Tcp(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

// Both ends of a new connection. Errors: system.
[[nodiscard]] Result<OneWay> make_tcp_pair();

}  // namespace ringbell::bench
