// The End of every transport that is a byte stream over file descriptors: pipe, FIFO, UNIX stream
// and TCP sockets. A message may take several calls; the stream has no borders, both sides know its
// size.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <ringbell/transport/base/file_descriptor.hpp>
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

class StreamEnd : public Failing {
 public:
  // The descriptors stay the link's. Non-blocking ones are polled.
  StreamEnd(int in, int out, Polling polling) noexcept : in_(in), out_(out), polling_(polling) {}

  [[nodiscard]] bool send(std::span<const std::byte> message);
  [[nodiscard]] std::size_t receive(std::span<std::byte> into);

 private:
  int in_;
  int out_;
  Polling polling_;
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

 private:
  StreamLink(Ways first, Ways second, Polling polling) noexcept
      : ways_{std::move(first), std::move(second)}, polling_(polling) {}

  std::array<Ways, 2> ways_;
  Polling polling_;
};

// Two one-way descriptors pairs, {read, write}, one for each direction.
using OneWay = std::array<FileDescriptor, 2>;
[[nodiscard]] Result<StreamLink> duplex(OneWay to_second, OneWay to_first,
                                        const LinkOptions& options);

// Errors: system.
[[nodiscard]] Result<void> make_non_blocking(int fd);

}  // namespace ringbell::bench
