// What the kernel has copied for this process: rchar + wchar of /proc/self/io, which every read(2)
// and write(2) and their kin add to, whatever they read or write.
#pragma once

#include <cstdint>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

// Counts from start() to stop(), in one process. Looking at the counters is itself a read and adds
// to them; that part is known and taken off.
class IoCounter {
 public:
  // Errors: unsupported, if the kernel keeps no such account.
  [[nodiscard]] static Result<IoCounter> start();

  // Bytes copied since start(). Errors: as start().
  [[nodiscard]] Result<std::uint64_t> stop() const;

 private:
  explicit IoCounter(std::uint64_t at_start) noexcept : at_start_(at_start) {}

  std::uint64_t at_start_;
};

}  // namespace ringbell::bench
