// Two System V message queues, one each way, with the machine's default limits (kernel.msgmax,
// kernel.msgmnb). Larger messages are split.
#pragma once

#include <cstddef>
#include <span>

#include "bench/harness/transport.hpp"
#include "bench/transports/sysv_queue.hpp"

namespace ringbell::bench {

class SysvMq {
 public:
  class End : public Failing {
   public:
    End(int in, int out, Parts parts, int flags, Polling polling) noexcept
        : in_(in), out_(out), parts_(parts), flags_(flags), polling_(polling) {}

    // Both use the eight bytes in front of each part for the queue's message type, and put back
    // what was there: no copy is made that a program with a msgbuf would not make.
    [[nodiscard]] bool send(std::span<std::byte> message);
    [[nodiscard]] std::size_t receive(std::span<std::byte> into);

   private:
    int in_;
    int out_;
    Parts parts_;
    int flags_;
    Polling polling_;
  };

  [[nodiscard]] static Result<SysvMq> open(const LinkOptions& options);
  [[nodiscard]] Result<End> end(Party party) const;
  void describe(Row& row) const;

 private:
  SysvMq(SysvQueue to_second, SysvQueue to_first, Parts parts, const LinkOptions& options) noexcept
      : to_second_(std::move(to_second)),
        to_first_(std::move(to_first)),
        parts_(parts),
        options_(options) {}

  SysvQueue to_second_;
  SysvQueue to_first_;
  Parts parts_;
  LinkOptions options_;
};

}  // namespace ringbell::bench
