// io_uring with one registered buffer, as far as copying a file needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <liburing.h>

#include <ringbell/transport/error.hpp>

namespace ringbell::bench {

class Uring {
 public:
  struct Completion {
    std::uint64_t tag;
    int result;  // bytes, or -errno
  };

  // `depth` requests at a time, all of whose memory lies in `fixed`, which must outlive this. The
  // kernel's worker threads stay on the CPUs that the caller may use. Errors: permission or
  // unsupported, where io_uring is forbidden; no_space, where so much memory may not be locked.
  [[nodiscard]] static Result<Uring> create(unsigned depth, std::span<std::byte> fixed);

  // REQUIRES: fewer than `depth` requests are under way; the memory lies in `fixed`.
  void read(int fd, std::span<std::byte> into, std::uint64_t offset, std::uint64_t tag) noexcept;
  void write(int fd, std::span<const std::byte> from, std::uint64_t offset,
             std::uint64_t tag) noexcept;

  // Starts what was asked for and waits for a completion, unless there is one. Errors: system.
  // REQUIRES: a request is under way.
  [[nodiscard]] Result<Completion> wait();

 private:
  struct Exit {
    void operator()(io_uring* ring) const noexcept;
  };
  using Ring = std::unique_ptr<io_uring, Exit>;

  explicit Uring(Ring ring) noexcept;

  Ring ring_;
};

}  // namespace ringbell::bench
