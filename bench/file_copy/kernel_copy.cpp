// Through the kernel's own transports: A reads and sends, B receives and writes, so there are four
// copies of each byte.
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "bench/file_copy/copy_path.hpp"
#include "bench/file_copy/file_io.hpp"
#include "bench/transports/pipe.hpp"
#include "bench/transports/posix_mq.hpp"
#include "bench/transports/sysv_mq.hpp"
#include "bench/transports/unix_stream.hpp"

namespace ringbell::bench {
namespace {

// Chosen as the ring's chunk is: the best median of four tried, two CPUs (README.md).
constexpr std::size_t kChunkBytes = 65536;

// What counts the bytes sent and received: the kernel in rchar and wchar, or this wrapper.
enum class CountedBy { kernel, wrapper };

Uncounted uncounted(CountedBy counted, std::uint64_t moved_bytes) {
  return {.kernel_bytes = 0, .wrapper_bytes = counted == CountedBy::wrapper ? moved_bytes : 0};
}

template <Transport Link>
Result<void> read_and_send(const CopyJob& job, const Link& link, std::size_t chunk_bytes,
                           CountedBy counted, CopyMeter& meter) {
  Result<typename Link::End> end = link.end(Party::first);
  if (!end) return tl::unexpected(end.error());
  MessageBuffer buffer(chunk_bytes);
  const Result<void> started = meter.start();
  if (!started) return started;
  std::uint64_t offset = 0;
  while (offset < job.file_bytes) {
    // A whole chunk each time: where messages have borders the other side expects just that.
    const std::span<std::byte> chunk =
        buffer.message().first(chunk_at(offset, job.file_bytes, chunk_bytes));
    for (std::size_t filled = 0; filled < chunk.size();) {
      const Result<std::size_t> got =
          read_at(job.source_fd, chunk.subspan(filled), offset + filled);
      if (!got) return tl::unexpected(got.error());
      filled += *got;
    }
    if (!end->send(chunk)) return tl::unexpected(end->error());
    offset += chunk.size();
  }
  return meter.stop(uncounted(counted, offset));
}

template <Transport Link>
Result<void> receive_and_write(const CopyJob& job, const Link& link, std::size_t chunk_bytes,
                               CountedBy counted, CopyMeter& meter) {
  Result<typename Link::End> end = link.end(Party::second);
  if (!end) return tl::unexpected(end.error());
  MessageBuffer buffer(chunk_bytes);
  const Result<void> started = meter.start();
  if (!started) return started;
  std::uint64_t offset = 0;
  while (offset < job.file_bytes) {
    const std::span<std::byte> chunk =
        buffer.message().first(chunk_at(offset, job.file_bytes, chunk_bytes));
    // A queue wants room for its largest message even for the last, shorter one; a stream would
    // wait for that much.
    const bool has_borders = counted == CountedBy::wrapper;
    if (end->receive(has_borders ? buffer.message() : chunk) != chunk.size()) {
      return tl::unexpected(end->error());
    }
    const Result<void> written = write_at(job.destination_fd, chunk, offset);
    if (!written) return written;
    offset += chunk.size();
  }
  return meter.stop(uncounted(counted, offset));
}

template <Transport Link>
Result<CopySides> sides_over(const CopyJob& job, std::size_t chunk_bytes, CountedBy counted) {
  LinkOptions options;
  options.message_bytes = chunk_bytes;
  options.wait = job.spins ? Wait::polled : Wait::blocking;
  Result<Link> opened = Link::open(options);
  if (!opened) return tl::unexpected(opened.error());
  const auto link = std::make_shared<const Link>(std::move(*opened));
  return CopySides{
      [=](CopyMeter& meter) { return read_and_send(job, *link, chunk_bytes, counted, meter); },
      [=](CopyMeter& meter) { return receive_and_write(job, *link, chunk_bytes, counted, meter); },
      fmt::format(
          "chunks of {} KiB{}", chunk_bytes / 1024,
          counted == CountedBy::kernel
              ? ""
              : "; what the queue copies is counted by the wrapper, the kernel leaves it out "
                "of rchar and wchar")};
}

}  // namespace

// Queues get the largest message they take.
Result<CopySides> pipe_sides(const CopyJob& job) {
  return sides_over<Pipe>(job, kChunkBytes, CountedBy::kernel);
}
Result<CopySides> large_pipe_sides(const CopyJob& job) {
  return sides_over<LargePipe>(job, kChunkBytes, CountedBy::kernel);
}
// The socket is used with read(2) and write(2): the kernel leaves recv(2) and send(2) out of rchar
// and wchar.
Result<CopySides> unix_stream_sides(const CopyJob& job) {
  return sides_over<UnixStream>(job, kChunkBytes, CountedBy::kernel);
}
Result<CopySides> posix_mq_sides(const CopyJob& job) {
  return sides_over<PosixMq>(job, PosixQueueLimits::read().message_bytes, CountedBy::wrapper);
}
Result<CopySides> sysv_mq_sides(const CopyJob& job) {
  return sides_over<SysvMq>(job, sysv_message_limit(), CountedBy::wrapper);
}

}  // namespace ringbell::bench
