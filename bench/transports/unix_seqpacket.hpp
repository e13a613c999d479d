// A pair of UNIX seqpacket sockets with buffers as large as the ring has. A packet keeps its
// borders and must fit into the send buffer: larger messages are split.
#pragma once

#include <array>
#include <span>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

class UnixSeqpacket {
 public:
  class End : public Failing {
   public:
    End(int fd, Parts parts, Polling polling) noexcept
        : fd_(fd), parts_(parts), polling_(polling) {}

    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

   private:
    int fd_;
    Parts parts_;
    Polling polling_;
  };

  [[nodiscard]] static Result<UnixSeqpacket> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const { parts_.describe(row); }

 private:
  UnixSeqpacket(std::array<FileDescriptor, 2> sockets, Parts parts, Polling polling) noexcept
      : sockets_(std::move(sockets)), parts_(parts), polling_(polling) {}

  std::array<FileDescriptor, 2> sockets_;
  Parts parts_;
  Polling polling_;
};

}  // namespace ringbell::bench
