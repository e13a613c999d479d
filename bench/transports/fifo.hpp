// Two FIFOs, one each way, with the kernel's default buffer.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

// The {read, write} ends of a FIFO whose name is gone again. Errors: system, permission, no_space.
[[nodiscard]] Result<OneWay> make_fifo();

class Fifo : public StreamLink {
 public:
  [[nodiscard]] static Result<Fifo> open(const LinkOptions& options);
  void describe(Row&) const {}

 private:
  explicit Fifo(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

}  // namespace ringbell::bench
