// A way from one file to another through two processes: a pair of sides, each run in its own
// process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ringbell/transport/base/error.hpp>
#include "bench/file_copy/copy_meter.hpp"

namespace ringbell::bench {

// The descriptors stay the caller's; both sides use them at explicit offsets only.
struct CopyJob {
  int source_fd;
  int destination_fd;
  std::uint64_t file_bytes;
  bool spins;  // never sleep: each side has a CPU of its own
};

// Sets up, calls meter.start(), copies job.file_bytes bytes, calls meter.stop().
using CopySide = std::function<Result<void>(CopyMeter&)>;

// What the sides share is opened before they are made and owned by them.
struct CopySides {
  CopySide reads;   // process A: from the source
  CopySide writes;  // process B: to the destination
  std::string note;
  bool counted = true;  // the copies; false: the note says why not
};

// Through a ring; A reads straight into it and B writes straight out of it.
[[nodiscard]] Result<CopySides> ring_sides(const CopyJob& job);
// The same, with several reads and several writes in flight, by io_uring, on the ring's memory as a
// registered buffer. Errors: also permission or unsupported, where io_uring is forbidden.
[[nodiscard]] Result<CopySides> uring_sides(const CopyJob& job);
// Through the kernel's own: A reads and sends, B receives and writes.
[[nodiscard]] Result<CopySides> pipe_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> large_pipe_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> unix_stream_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> posix_mq_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> sysv_mq_sides(const CopyJob& job);
// Without a process that sees the bytes: by splice(2) from the source into a pipe and from there to
// the destination; by sendfile(2) or copy_file_range(2) from one file to the other, which is B's
// work alone.
[[nodiscard]] Result<CopySides> splice_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> sendfile_sides(const CopyJob& job);
[[nodiscard]] Result<CopySides> copy_file_range_sides(const CopyJob& job);

}  // namespace ringbell::bench
