// By the kernel alone: the bytes are in no process's memory.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "bench/file_copy/copy_path.hpp"
#include "bench/file_copy/file_io.hpp"
#include "bench/transports/pipe.hpp"

namespace ringbell::bench {
namespace {

// Chosen as the others' chunks are (README.md).
constexpr int kPipeBytes = 1024 * 1024;
constexpr std::size_t kSpliceBytes = 1024UL * 1024;

// Calls move(offset, left) until all is moved: it answers as read(2) does.
template <class Move>
Result<void> move_all(const CopyJob& job, CopyMeter& meter, const char* what, Move move) {
  if (Result<void> started = meter.start(); !started) return started;
  for (std::uint64_t offset = 0; offset < job.file_bytes;) {
    const ssize_t moved = move(offset, job.file_bytes - offset);
    if (moved == 0) return fail_source_became_shorter(offset);
    if (moved > 0) {
      offset += static_cast<std::uint64_t>(moved);
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail_errno(fmt::format("{} failed", what));
    }
  }
  return meter.stop({});
}

Result<void> nothing_to_do(CopyMeter& meter) {
  if (Result<void> started = meter.start(); !started) return started;
  return meter.stop({});
}

}  // namespace

Result<CopySides> splice_sides(const CopyJob& job) {
  Result<OneWay> made = make_pipe(kPipeBytes);
  if (!made) return tl::unexpected(made.error());
  const auto pipe = std::make_shared<const OneWay>(std::move(*made));
  const unsigned flags = job.spins ? SPLICE_F_NONBLOCK : 0;
  const auto chunk = [](std::uint64_t left) { return std::min<std::uint64_t>(left, kSpliceBytes); };
  return CopySides{
      [=](CopyMeter& meter) {
        return move_all(job, meter, "splice", [&](std::uint64_t offset, std::uint64_t left) {
          auto from = static_cast<off_t>(offset);
          return ::splice(job.source_fd, &from, (*pipe)[1].get(), nullptr, chunk(left), flags);
        });
      },
      [=](CopyMeter& meter) {
        return move_all(job, meter, "splice", [&](std::uint64_t offset, std::uint64_t left) {
          auto to = static_cast<off_t>(offset);
          return ::splice((*pipe)[0].get(), nullptr, job.destination_fd, &to, chunk(left), flags);
        });
      },
      fmt::format("a pipe of {} KiB; no process sees the bytes; its copies are not counted: the "
                  "kernel leaves splice out of rchar and wchar",
                  kPipeBytes / 1024),
      false};
}

Result<CopySides> sendfile_sides(const CopyJob& job) {
  return CopySides{nothing_to_do,
                   [=](CopyMeter& meter) {
                     return move_all(
                         job, meter, "sendfile", [&](std::uint64_t offset, std::uint64_t left) {
                           auto from = static_cast<off_t>(offset);
                           return ::sendfile(job.destination_fd, job.source_fd, &from, left);
                         });
                   },
                   "one process, which has both files and sees no byte; its copies are not "
                   "counted: what goes through is in rchar and in wchar, however it is copied",
                   false};
}

Result<CopySides> copy_file_range_sides(const CopyJob& job) {
  return CopySides{
      nothing_to_do,
      [=](CopyMeter& meter) {
        return move_all(
            job, meter, "copy_file_range", [&](std::uint64_t offset, std::uint64_t left) {
              auto from = static_cast<off_t>(offset);
              auto to = from;
              return ::copy_file_range(job.source_fd, &from, job.destination_fd, &to, left, 0);
            });
      },
      "one process, which has both files and sees no byte; its copies are not counted: a file "
      "system may share the blocks",
      false};
}

}  // namespace ringbell::bench
