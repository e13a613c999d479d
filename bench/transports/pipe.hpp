// Two pipes, one each way, with the kernel's 64 KiB buffer or a raised one.
#pragma once

#include "bench/transports/stream.hpp"

namespace ringbell::bench {

// A pair of {read, write} ends whose buffer has this size. Errors: system; permission, if the size
// is over fs.pipe-max-size.
[[nodiscard]] Result<OneWay> make_pipe(int buffer_bytes);

template <int buffer_bytes>
class PipeOf : public StreamLink {
 public:
  [[nodiscard]] static Result<PipeOf> open(const LinkOptions& options) {
    Result<OneWay> there = make_pipe(buffer_bytes);
    if (!there) return tl::unexpected(there.error());
    Result<OneWay> back = make_pipe(buffer_bytes);
    if (!back) return tl::unexpected(back.error());
    Result<StreamLink> link = duplex(std::move(*there), std::move(*back), options);
    if (!link) return tl::unexpected(link.error());
    return PipeOf(std::move(*link));
  }

  void describe(Row& row) const { set(row, "buffer_bytes", buffer_bytes); }

 private:
  explicit PipeOf(StreamLink link) noexcept : StreamLink(std::move(link)) {}
};

using Pipe = PipeOf<64 * 1024>;
using LargePipe = PipeOf<1024 * 1024>;

}  // namespace ringbell::bench
