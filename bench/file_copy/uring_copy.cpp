// The ring with io_uring at both ends: READ_FIXED into several claimed records and WRITE_FIXED out
// of several peeked ones at a time. Records complete in any order; they are shown to the other
// side, and given back to it, in the order of the ring.
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <ringbell/transport/uring/uring.hpp>
#include "bench/file_copy/copy_path.hpp"
#include "bench/file_copy/file_io.hpp"
#include "bench/file_copy/ring_channel.hpp"

namespace ringbell::bench {
namespace {

constexpr unsigned kDepth = 4;  // requests in flight on each side

// Requests in flight, oldest first; a request's tag is its number, from 1 on.
template <class Bytes>
class Flight {
 public:
  struct Request {
    Bytes left;                   // not yet read or written
    std::uint64_t offset;         // of `left` in the file
    std::uint64_t ring_position;  // the end of the record
  };

  [[nodiscard]] bool full() const noexcept { return next_ - oldest_ == kDepth; }
  [[nodiscard]] bool empty() const noexcept { return next_ == oldest_; }
  std::uint64_t add(Request request) noexcept {
    at(next_) = request;
    return next_++;
  }
  [[nodiscard]] Request& at(std::uint64_t tag) noexcept { return requests_[tag % kDepth]; }
  [[nodiscard]] Request& oldest() noexcept { return at(oldest_); }
  void drop_oldest() noexcept { ++oldest_; }

 private:
  std::array<Request, kDepth> requests_{};
  std::uint64_t oldest_ = 1;
  std::uint64_t next_ = 1;
};

// io_uring with the ring's data, both images of it, as a registered buffer.
class PinnedUring {
 public:
  [[nodiscard]] static Result<PinnedUring> create(const Channel& channel) {
    Result<Uring> uring = Uring::create(kDepth);
    if (!uring) return tl::unexpected(uring.error());
    const Region& region = channel.region();
    const Result<int> pinned = uring->pin({region.data(), 2 * region.geometry().capacity_bytes});
    if (!pinned) return tl::unexpected(pinned.error());
    return PinnedUring(std::move(*uring), *pinned);
  }

  void read(int fd, std::span<std::byte> into, std::uint64_t offset, std::uint64_t tag) {
    uring_.read(fd, into, offset, pinned_, tag);
  }
  void write(int fd, std::span<const std::byte> from, std::uint64_t offset, std::uint64_t tag) {
    uring_.write(fd, from, offset, pinned_, tag);
  }

  // Starts what was asked for and waits for a completion, unless there is one. REQUIRES: a request
  // is under way.
  [[nodiscard]] Result<Uring::Completion> wait() {
    for (;;) {
      const Result<void> done = uring_.submit_and_wait(std::chrono::hours(1));
      if (!done) return tl::unexpected(done.error());
      if (const std::optional<Uring::Completion> next = uring_.next()) return *next;
    }
  }

 private:
  PinnedUring(Uring uring, int pinned) noexcept : uring_(std::move(uring)), pinned_(pinned) {}

  Uring uring_;
  int pinned_;
};

tl::unexpected<Error> fail_request(int result, const char* what) {
  errno = -result;
  return fail_errno(what);
}

// Starts as many reads as there are requests and room for. Waits for room only with none in flight:
// a wait shows what is staged, and that must not be while it is being read.
Result<void> start_reads(const CopyJob& job, Sender& sender, PinnedUring& uring,
                         Flight<std::span<std::byte>>& flight, std::uint64_t& offset) {
  while (offset < job.file_bytes && !flight.full()) {
    const auto wanted =
        static_cast<std::uint32_t>(chunk_at(offset, job.file_bytes, kFileChunkBytes));
    std::optional<std::span<std::byte>> room = sender.claim(wanted);
    if (!room) {
      if (!flight.empty()) break;
      const auto waited = sender.claim_for(wanted);
      if (!waited) return tl::unexpected(waited.error());
      room = *waited;
    }
    sender.stage();
    uring.read(job.source_fd, *room, offset, flight.add({*room, offset, sender.staged_position()}));
    offset += wanted;
  }
  return {};
}

Result<void> read_into_ring(const CopyJob& job, Channel& channel, CopyMeter& meter) {
  Result<Sender> sender = Sender::open(std::move(channel), file_wait(job));
  if (!sender) return tl::unexpected(sender.error());
  Result<PinnedUring> uring = PinnedUring::create(sender->channel());
  if (!uring) return tl::unexpected(uring.error());
  Result<void> done = meter.start();
  if (!done) return done;

  Flight<std::span<std::byte>> flight;
  std::uint64_t offset = 0;
  std::uint64_t completed_bytes = 0;
  while (offset < job.file_bytes || !flight.empty()) {
    done = start_reads(job, *sender, *uring, flight, offset);
    if (!done) return done;
    const Result<Uring::Completion> completion = uring->wait();
    if (!completion) return tl::unexpected(completion.error());
    auto& request = flight.at(completion->tag);
    if (completion->result < 0)
      return fail_request(completion->result, "reading the source failed");
    if (completion->result == 0) return fail_source_became_shorter(request.offset);
    const auto got = static_cast<std::size_t>(completion->result);
    completed_bytes += got;
    request.left = request.left.subspan(got);
    request.offset += got;
    if (!request.left.empty()) {
      uring->read(job.source_fd, request.left, request.offset, completion->tag);
    }
    for (; !flight.empty() && flight.oldest().left.empty(); flight.drop_oldest()) {
      sender->flush_to(flight.oldest().ring_position);
    }
  }
  return meter.stop({.kernel_bytes = completed_bytes});
}

// Starts as many writes as there are requests and records for; waits for a record only with none in
// flight. `offset`: of the next record in the file.
Result<void> start_writes(const CopyJob& job, Receiver& receiver, PinnedUring& uring,
                          Flight<std::span<const std::byte>>& flight, std::uint64_t& offset) {
  while (offset < job.file_bytes && !flight.full()) {
    std::optional<std::span<const std::byte>> record = receiver.peek();
    if (!record) {
      if (!flight.empty()) break;
      const auto waited = receiver.peek_for();
      if (!waited) return tl::unexpected(waited.error());
      record = *waited;
    }
    receiver.hold();
    uring.write(job.destination_fd, *record, offset,
                flight.add({*record, offset, receiver.position()}));
    offset += record->size();
  }
  return {};
}

Result<void> write_from_ring(const CopyJob& job, Channel& channel, CopyMeter& meter) {
  Result<Receiver> receiver = Receiver::open(std::move(channel), file_wait(job));
  if (!receiver) return tl::unexpected(receiver.error());
  Result<PinnedUring> uring = PinnedUring::create(receiver->channel());
  if (!uring) return tl::unexpected(uring.error());
  Result<void> done = meter.start();
  if (!done) return done;

  Flight<std::span<const std::byte>> flight;
  std::uint64_t offset = 0;
  std::uint64_t completed_bytes = 0;
  while (offset < job.file_bytes || !flight.empty()) {
    done = start_writes(job, *receiver, *uring, flight, offset);
    if (!done) return done;
    const Result<Uring::Completion> completion = uring->wait();
    if (!completion) return tl::unexpected(completion.error());
    if (completion->result <= 0) {
      return fail_request(completion->result, "writing the destination failed");
    }
    auto& request = flight.at(completion->tag);
    const auto put = static_cast<std::size_t>(completion->result);
    completed_bytes += put;
    request.left = request.left.subspan(put);
    request.offset += put;
    if (!request.left.empty()) {
      uring->write(job.destination_fd, request.left, request.offset, completion->tag);
    }
    for (; !flight.empty() && flight.oldest().left.empty(); flight.drop_oldest()) {
      receiver->release_to(flight.oldest().ring_position);
    }
  }
  return meter.stop({.kernel_bytes = completed_bytes});
}

}  // namespace

Result<CopySides> uring_sides(const CopyJob& job) {
  Result<Channel> made = file_channel(job);
  if (!made) return tl::unexpected(made.error());
  const auto channel = std::make_shared<Channel>(std::move(*made));
  return CopySides{
      [job, channel](CopyMeter& meter) { return read_into_ring(job, *channel, meter); },
      [job, channel](CopyMeter& meter) { return write_from_ring(job, *channel, meter); },
      "io_uring's copies, which the kernel leaves out of rchar and wchar, are the sum of its "
      "completions"};
}

}  // namespace ringbell::bench
