// A reads into the ring, B writes out of it: two copies of each byte.
#include <memory>
#include <utility>

#include "bench/file_copy/copy_path.hpp"
#include "bench/file_copy/file_io.hpp"
#include "bench/file_copy/ring_channel.hpp"

namespace ringbell::bench {
namespace {

Result<void> read_into_ring(const CopyJob& job, Channel& channel, CopyMeter& meter) {
  Result<Sender> sender = Sender::open(std::move(channel), file_wait(job));
  if (!sender) return tl::unexpected(sender.error());
  Result<void> metered = meter.start();
  if (!metered) return metered;
  for (std::uint64_t offset = 0; offset < job.file_bytes;) {
    const std::size_t wanted = chunk_at(offset, job.file_bytes, kFileChunkBytes);
    const auto room = sender->claim_for(wanted);
    if (!room) return tl::unexpected(room.error());
    const Result<std::size_t> got = read_at(job.source_fd, **room, offset);
    if (!got) return tl::unexpected(got.error());
    sender->commit(static_cast<std::uint32_t>(*got));
    offset += *got;
  }
  return meter.stop({});
}

Result<void> write_from_ring(const CopyJob& job, Channel& channel, CopyMeter& meter) {
  Result<Receiver> receiver = Receiver::open(std::move(channel), file_wait(job));
  if (!receiver) return tl::unexpected(receiver.error());
  Result<void> metered = meter.start();
  if (!metered) return metered;
  for (std::uint64_t offset = 0; offset < job.file_bytes;) {
    const auto record = receiver->peek_for();
    if (!record) return tl::unexpected(record.error());
    const Result<void> written = write_at(job.destination_fd, **record, offset);
    if (!written) return written;
    offset += (*record)->size();
    receiver->release();
  }
  return meter.stop({});
}

}  // namespace

Result<CopySides> ring_sides(const CopyJob& job) {
  Result<Channel> made = file_channel(job);
  if (!made) return tl::unexpected(made.error());
  const auto channel = std::make_shared<Channel>(std::move(*made));
  return CopySides{
      [job, channel](CopyMeter& meter) { return read_into_ring(job, *channel, meter); },
      [job, channel](CopyMeter& meter) { return write_from_ring(job, *channel, meter); },
      {}};
}

}  // namespace ringbell::bench
