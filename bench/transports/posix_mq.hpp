// Two POSIX message queues, one each way, within the limits that any user has: fs.mqueue.msg_max
// messages of fs.mqueue.msgsize_max bytes. Larger messages are split.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

// What the machine allows.
struct PosixQueueLimits {
  std::size_t messages;
  std::size_t message_bytes;

  [[nodiscard]] static PosixQueueLimits read();
};

// A queue whose name is gone again (Linux: the descriptor is a file's, inherited and closed as
// such). It takes limits.messages messages of up to message_bytes. Errors: system, unsupported,
// permission.
[[nodiscard]] Result<FileDescriptor> make_posix_queue(std::size_t messages,
                                                      std::size_t message_bytes, bool non_blocking);

class PosixMq {
 public:
  class End : public Failing {
   public:
    End(int in, int out, Parts parts, Polling polling) noexcept
        : in_(in), out_(out), parts_(parts), polling_(polling) {}

    [[nodiscard]] bool send(std::span<const std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

   private:
    int in_;
    int out_;
    Parts parts_;
    Polling polling_;
  };

  [[nodiscard]] static Result<PosixMq> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  using Queues = std::array<FileDescriptor, 2>;  // to the second party, to the first

  PosixMq(Queues queues, Parts parts, Polling polling, std::size_t messages) noexcept
      : queues_(std::move(queues)), parts_(parts), polling_(polling), messages_(messages) {}

  Queues queues_;
  Parts parts_;
  Polling polling_;
  std::size_t messages_;
};

}  // namespace ringbell::bench
