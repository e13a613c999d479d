// A pair of UNIX stream sockets with the kernel's default buffers.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

class UnixStream : public StreamLink {
 public:
  [[nodiscard]] static Result<UnixStream> open(const LinkOptions& options);
  void describe(Row&) const {}

 private:
  explicit UnixStream(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

// `type`: SOCK_STREAM or SOCK_SEQPACKET. Errors: system.
[[nodiscard]] Result<OneWay> make_unix_pair(int type);

}  // namespace ringbell::bench
