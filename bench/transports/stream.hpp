// The End of every transport that is a byte stream over file descriptors: pipe, UNIX stream and
// TCP sockets. A message may take several calls; the stream has no borders, both sides know its
// size.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

class StreamEnd : public Failing {
 public:
  // The descriptors stay the link's. Non-blocking ones are polled.
  StreamEnd(int in, int out, Polling polling, std::size_t message_bytes) noexcept
      : in_(in), out_(out), polling_(polling), message_bytes_(message_bytes) {}

  [[nodiscard]] bool send(std::span<const std::byte> message);
  [[nodiscard]] std::size_t receive(std::span<std::byte> into);

  // In batches, as programs do that mind their system calls: several messages in one write, and as
  // many as came, up to 64 KiB, in one read. A flush() that fails is told by the next stage().
  [[nodiscard]] bool stage(std::span<const std::byte> message) {
    outbox_.insert(outbox_.end(), message.begin(), message.end());
    return !broken_;
  }
  void flush() {
    broken_ = !send(outbox_);
    outbox_.clear();
  }
  // Calls use(message) for at least 1 and at most `limit` messages. Returns how many; 0: failed.
  template <class Use>
  [[nodiscard]] std::size_t drain(Use&& use, std::size_t limit) {
    if (waiting() < message_bytes_ && !fill_inbox()) return 0;
    std::size_t count = 0;
    for (; count < limit && waiting() >= message_bytes_; ++count) {
      use(std::span<const std::byte>(inbox_).subspan(used_, message_bytes_));
      used_ += message_bytes_;
    }
    return count;
  }

 private:
  // Of read(2), which gave `got`. False: failed.
  [[nodiscard]] bool may_read_again(ssize_t got);
  // Reads until a whole message is there.
  [[nodiscard]] bool fill_inbox();
  [[nodiscard]] std::size_t waiting() const noexcept { return filled_ - used_; }

  int in_;
  int out_;
  Polling polling_;
  std::size_t message_bytes_;
  bool broken_ = false;
  std::vector<std::byte> outbox_;
  std::vector<std::byte> inbox_;  // its bytes from used_ to before filled_ wait
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
};

// What each party reads from and writes to: two descriptors twice, or one socket twice.
class StreamLink {
 public:
  using End = StreamEnd;

  struct Ways {
    FileDescriptor in;
    FileDescriptor out;  // empty: `in` goes both ways
  };

  // Makes the descriptors non-blocking if they are to be polled. Errors: system.
  [[nodiscard]] static Result<StreamLink> over(Ways first, Ways second, const LinkOptions& options);

  [[nodiscard]] Result<StreamEnd> end(Party party) const;

 protected:
  // "buffer_bytes", as the socket of this party says.
  void describe_buffer(Party party, Row& row) const;

 private:
  StreamLink(Ways first, Ways second, const LinkOptions& options) noexcept
      : ways_{std::move(first), std::move(second)},
        polling_{options.yield},
        message_bytes_(options.message_bytes) {}

  std::array<Ways, 2> ways_;
  Polling polling_;
  std::size_t message_bytes_;
};

// Two one-way descriptors pairs, {read, write}, one for each direction.
using OneWay = std::array<FileDescriptor, 2>;
[[nodiscard]] Result<StreamLink> duplex(OneWay to_second, OneWay to_first,
                                        const LinkOptions& options);

// Errors: system.
[[nodiscard]] Result<void> make_non_blocking(int fd);

// A socket's, to the size of ringbell's ring for messages of this size, as far as any user may
// (net.core.wmem_max and rmem_max).
void enlarge_buffers(int socket, std::size_t message_bytes) noexcept;

}  // namespace ringbell::bench
