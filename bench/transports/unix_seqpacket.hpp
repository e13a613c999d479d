// A pair of UNIX seqpacket sockets with buffers as large as the ring has. A packet keeps its
// borders and must fit into the send buffer: larger messages are split.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

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

    // In batches: several messages by one sendmmsg(2), and as many as came by one recvmmsg(2). A
    // flush() that fails is told by the next stage(). REQUIRES: messages are not split.
    [[nodiscard]] bool stage(std::span<const std::byte> message) {
      outbox_.insert(outbox_.end(), message.begin(), message.end());
      return !broken_;
    }
    void flush();
    // As StreamEnd's.
    template <class Use>
    [[nodiscard]] std::size_t drain(Use&& use, std::size_t limit) {
      const std::size_t came = receive_some(std::min(limit, kMostAtOnce));
      for (std::size_t i = 0; i < came; ++i) {
        use(std::span<const std::byte>(inbox_).subspan(i * parts_.part_bytes, parts_.part_bytes));
      }
      return came;
    }

   private:
    static constexpr std::size_t kMostAtOnce = 16;

    // Each as long as it is due. Returns how many; 0: failed.
    [[nodiscard]] std::size_t receive_some(std::size_t limit);

    int fd_;
    Parts parts_;
    Polling polling_;
    bool broken_ = false;
    std::vector<std::byte> outbox_;
    std::vector<std::byte> inbox_;
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
