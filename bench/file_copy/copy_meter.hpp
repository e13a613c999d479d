// Time and copied bytes of the two sides of a file's copy.
#pragma once

#include <cstdint>
#include <optional>

#include <ringbell/transport/base/error.hpp>
#include "bench/file_copy/io_counter.hpp"

namespace ringbell::bench {

// Copies that rchar + wchar leave out, as the side counted them itself.
struct Uncounted {
  std::uint64_t kernel_bytes = 0;   // by io_uring: the sum of its completions
  std::uint64_t wrapper_bytes = 0;  // into and out of message queues: the sum of their messages
};

struct SideFigures {
  std::uint64_t start_ns;
  std::uint64_t stop_ns;
  std::uint64_t kernel_bytes;
  std::uint64_t wrapper_bytes;
};

// Shared by both sides.
struct CopyFigures {
  std::uint32_t sides_ready;
  SideFigures reads;
  SideFigures writes;

  // From when both sides were ready until the last byte was written.
  [[nodiscard]] std::uint64_t elapsed_ns() const noexcept {
    return writes.stop_ns - reads.start_ns;
  }
  [[nodiscard]] std::uint64_t kernel_bytes() const noexcept {
    return reads.kernel_bytes + writes.kernel_bytes;
  }
  [[nodiscard]] std::uint64_t wrapper_bytes() const noexcept {
    return reads.wrapper_bytes + writes.wrapper_bytes;
  }
};

class CopyMeter {
 public:
  CopyMeter(std::uint32_t& sides_ready, SideFigures& figures) noexcept
      : sides_ready_(sides_ready), figures_(figures) {}

  // Waits until the other side calls it too. What was set up before does not count.
  [[nodiscard]] Result<void> start();
  // This side's last byte is through.
  [[nodiscard]] Result<void> stop(const Uncounted& uncounted);

 private:
  std::uint32_t& sides_ready_;
  SideFigures& figures_;
  std::optional<IoCounter> counter_;
};

}  // namespace ringbell::bench
