// A pair of UNIX stream sockets whose buffers are as large as ringbell's ring.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

class UnixStream : public StreamLink {
 public:
  [[nodiscard]] static Result<UnixStream> open(const LinkOptions& options);
  void describe(Row& row) const { describe_buffer(Party::first, row); }

 private:
  explicit UnixStream(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

// `type`: SOCK_STREAM or SOCK_SEQPACKET. For messages of this size. Errors: system.
[[nodiscard]] Result<OneWay> make_unix_pair(int type, std::size_t message_bytes);

}  // namespace ringbell::bench
