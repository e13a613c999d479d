// A TCP connection over the loopback, TCP_NODELAY, with buffers as large as ringbell's ring.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

class Tcp : public StreamLink {
 public:
  // Errors: system, where there is no loopback.
  [[nodiscard]] static Result<Tcp> open(const LinkOptions& options);
  void describe(Row& row) const { describe_buffer(Party::first, row); }

 private:
  explicit Tcp(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

// Both ends of a new connection. Errors: system.
[[nodiscard]] Result<OneWay> make_tcp_pair(std::size_t message_bytes);

}  // namespace ringbell::bench
