#include <ringbell/transport/uring/uring_stream.hpp>

#include <algorithm>
#include <cerrno>
#include <new>

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>

namespace ringbell {
namespace {

Error error_of(int result, const char* what) {
  errno = -result;
  return fail_errno(what).value();
}

Result<void> check(const StreamOptions& options, unsigned most_requests) {
  if (options.depth == 0 || options.depth > most_requests) {
    return fail(ErrorCode::invalid_argument, fmt::format("depth is {}; it must be between 1 and {}",
                                                         options.depth, most_requests));
  }
  if (options.depth > 1 && !options.offset) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("depth is {}, without an offset: only requests to places in a file may "
                            "overtake each other",
                            options.depth));
  }
  return {};
}

// How much there is to read from a place in a file.
Result<std::uint64_t> bytes_behind(int fd, std::uint64_t offset) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno("asking for the file's size failed");
  if (!S_ISREG(status.st_mode)) return UINT64_MAX;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return size > offset ? size - offset : 0;
}

}  // namespace

// --- both directions -----------------------------------------------------------------------------

StreamOperation::StreamOperation(UringState& loop, Ticket ticket, Setup setup)
    : UringOperation(loop, ticket),
      fd_(setup.fd),
      options_(setup.options),
      pinned_(setup.pinned),
      bell_(std::move(setup.bell)),
      on_end_(std::move(setup.on_end)),
      requests_(setup.options.depth) {}

// Both images of the ring's data are pinned, so that a record that goes round the end is one piece.
template <class Operation, class End>
Result<UringLoop::Ticket> StreamOperation::start_on(UringState& loop, End& end, Setup setup) {
  Uring& uring = loop.uring();
  if (setup.options.pinned) {
    const Region& region = end.channel().region();
    const Result<int> place = uring.pin({region.data(), 2 * region.geometry().capacity_bytes});
    if (!place) return tl::unexpected(place.error());
    setup.pinned = *place;
  }
  const int pinned = setup.pinned;
  try {
    return loop.start<Operation>(end, std::move(setup));
  } catch (const std::bad_alloc&) {
    if (pinned != Uring::kNotPinned) uring.unpin(pinned);
    throw;
  }
}

void StreamOperation::turn() {
  start_records();
  if (ending_) {
    if (submitted_ == 0) finish();
    return;
  }
  if (!nothing_under_way()) return;
  if (is_all_started()) return finish();
  if (bell_.asleep()) return;
  const auto ask = [&](const SleepingPlace& place) { ask_for_bell(place, kBellPart); };
  if (!bell_.sleep(ask)) wake();
}

void StreamOperation::start_records() {
  while (!is_all_started() && newest_ - oldest_ < requests_.size()) {
    Result<bool> started = start_record();
    if (!started) return ring_ended(std::move(started.error()));
    if (!*started) return;
  }
}

void StreamOperation::begin_request(std::span<std::byte> record, std::uint64_t ring_position) {
  const std::uint64_t number = newest_++;
  at(number) = {.left = record,
                .offset = in_file() ? *options_.offset + started_bytes_ : Uring::kNoOffset,
                .ring_position = ring_position};
  if (in_file()) started_bytes_ += record.size();
  submit_request(static_cast<unsigned>(number % requests_.size()));
}

void StreamOperation::submit_request(unsigned part) {
  ++submitted_;
  submit(requests_[part], begin(part));
}

void StreamOperation::completed(unsigned part, std::int32_t result, bool more) {
  wake();
  if (part == kBellPart) return bell_.rang(more);
  if (part == kReadyPart) {
    awaits_readiness_ = false;
    return retry_stalled();
  }
  --submitted_;
  Request& request = requests_[part];
  if (result > 0) {
    const auto moved = static_cast<std::uint32_t>(result);
    request.left = request.left.subspan(moved);
    request.done_bytes += moved;
    if (in_file()) request.offset += moved;
    request.complete = request.left.empty() || may_be_short();
    if (!request.complete && !ending_) submit_request(part);
  } else if (result == 0) {
    came_to_nothing(request);
  } else if (result == -EAGAIN) {
    stall(request);
  } else if (result == -EINTR) {
    if (!ending_) submit_request(part);
  } else {
    if (!ending_) failed_ = result;  // the Error takes memory: in the end
    cancel();
  }
  settle_complete();
}

// A descriptor with O_NONBLOCK: io_uring does not wait for it by itself.
void StreamOperation::stall(Request& request) {
  request.stalled = true;
  if (ending_ || std::exchange(awaits_readiness_, true)) return;
  loop().uring().poll_once(fd_, static_cast<unsigned>(readiness()), begin(kReadyPart));
}

void StreamOperation::retry_stalled() {
  if (ending_) return;
  for (std::uint64_t number = oldest_; number != newest_; ++number) {
    if (!std::exchange(at(number).stalled, false)) continue;
    submit_request(static_cast<unsigned>(number % requests_.size()));
  }
}

void StreamOperation::settle_complete() {
  for (; oldest_ != newest_ && at(oldest_).complete; ++oldest_) {
    settle(at(oldest_));
    settled_bytes_ += at(oldest_).done_bytes;
    if (!in_file()) started_bytes_ += at(oldest_).done_bytes;
  }
}

void StreamOperation::end_badly(Error error) {
  if (ending_) return;
  if (!error_) error_ = std::move(error);
  cancel();
}

void StreamOperation::look_after_peer() {
  if (ending_) return cancel();
  if (!bell_.asleep()) return;
  const bool dead = bell_.bell().peer() == PeerState::dead;
  start_records();
  if (!ending_ && nothing_under_way()) {
    if (dead) end_badly({ErrorCode::peer_dead, 0, "the other side of the channel died"});
  } else if (!dead) {
    loop().missed_a_ring();
  }
  bell_.wake();
  wake();
}

void StreamOperation::cancel() {
  if (is_all_started() && !ending_ && nothing_under_way()) return;  // its turn is coming
  ending_ = true;
  for (std::uint64_t number = oldest_; number != newest_; ++number) {
    if (at(number).complete || at(number).stalled) continue;
    cancel_request(static_cast<unsigned>(number % requests_.size()));
  }
  if (awaits_readiness_) cancel_request(kReadyPart);
  if (bell_.requested()) cancel_request(kBellPart);
}

void StreamOperation::finish() {
  if (failed_ != 0 && !error_ && !loop().is_stopping()) {
    error_ = error_of(failed_, readiness() == POLLIN ? "reading into the ring failed"
                                                     : "writing from the ring failed");
  }
  // Not in cancel(), which needs no memory.
  if (ending_ && !error_ && !loop().is_stopping()) {
    error_ = Error{ErrorCode::cancelled, ECANCELED, "the stream was cancelled"};
  }
  if (awaits_readiness_) cancel_request(kReadyPart);
  if (bell_.requested()) cancel_request(kBellPart);
  if (bell_.asleep()) bell_.disarm();
  abandon();
  if (pinned_ != Uring::kNotPinned) loop().uring().unpin(pinned_);
  over();
  StreamEnd end{.bytes = settled_bytes_};
  if (error_) end.result = tl::unexpected(std::move(*error_));
  loop().call(on_end_, end);
}

// --- into a ring ---------------------------------------------------------------------------------

Result<UringLoop::Ticket> ReadOperation::start(UringState& loop, Sender& sender, int fd,
                                               StreamOptions options, UringLoop::OnEnd on_end) {
  const auto refuse = [](auto& failed) { return tl::unexpected(std::move(failed.error())); };
  if (Result<void> checked = check(options, kMostRequests); !checked) return refuse(checked);
  if (options.record_bytes == 0) {
    const core::Geometry& ring = sender.channel().region().geometry();
    options.record_bytes = static_cast<std::uint32_t>(ring.capacity_bytes / 8);
  }
  if (options.record_bytes > sender.max_record_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("record_bytes is {}: this ring takes records of at most {}",
                            options.record_bytes, sender.max_record_bytes()));
  }
  if (options.offset) {
    const Result<std::uint64_t> there = bytes_behind(fd, *options.offset);
    if (!there) return tl::unexpected(there.error());
    options.length_bytes = std::min(options.length_bytes, *there);
  }
  Result<BellSleep> bell =
      BellSleep::on(bell_of(sender, options.record_bytes), loop.options().futex_wait);
  if (!bell) return refuse(bell);
  return start_on<ReadOperation>(loop, sender, {fd, options, std::move(*bell), std::move(on_end)});
}

Result<bool> ReadOperation::start_record() {
  const std::uint64_t left = options().length_bytes - started_bytes();
  const auto wanted =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(left, options().record_bytes));
  std::optional<std::span<std::byte>> room = sender_.claim(wanted);
  if (!room) {
    // claim_for() shows what is staged, and that must not be while it is being read.
    if (!nothing_under_way()) return false;
    const Result<std::optional<std::span<std::byte>>> later =
        sender_.claim_for(wanted, Timeout::zero());
    if (!later) return tl::unexpected(later.error());
    if (!*later) return false;
    room = *later;
  }
  if (in_file()) sender_.stage();
  begin_request(*room, sender_.staged_position());
  return true;
}

void ReadOperation::submit(const Request& request, std::uint64_t tag) {
  loop().uring().read(fd(), request.left, request.offset, pinned(), tag);
}

void ReadOperation::came_to_nothing(Request& request) {
  if (!in_file()) {
    drop_newest();
    return end_well();
  }
  end_badly({ErrorCode::system, 0,
             fmt::format("the file has become shorter: there is nothing at {} any more",
                         request.offset)});
}

void ReadOperation::settle(const Request& request) {
  if (in_file()) {
    sender_.flush_to(request.ring_position);
  } else {
    sender_.commit(request.done_bytes);
  }
}

void ReadOperation::abandon() { sender_.abort(); }

short ReadOperation::readiness() const noexcept { return POLLIN; }

// --- out of a ring -------------------------------------------------------------------------------

Result<UringLoop::Ticket> WriteOperation::start(UringState& loop, Receiver& receiver, int fd,
                                                StreamOptions options, UringLoop::OnEnd on_end) {
  const auto refuse = [](auto& failed) { return tl::unexpected(std::move(failed.error())); };
  if (Result<void> checked = check(options, kMostRequests); !checked) return refuse(checked);
  Result<BellSleep> bell = BellSleep::on(bell_of(receiver), loop.options().futex_wait);
  if (!bell) return refuse(bell);
  return start_on<WriteOperation>(loop, receiver,
                                  {fd, options, std::move(*bell), std::move(on_end)});
}

Result<bool> WriteOperation::start_record() {
  const Result<std::optional<std::span<const std::byte>>> record =
      receiver_.peek_for(Timeout::zero());
  if (!record) return tl::unexpected(record.error());
  if (!*record) return false;
  const std::span<const std::byte> bytes = **record;
  receiver_.hold();
  // Only ever read from: the requests of both directions have one type.
  begin_request({const_cast<std::byte*>(bytes.data()), bytes.size()}, receiver_.position());
  return true;
}

void WriteOperation::submit(const Request& request, std::uint64_t tag) {
  loop().uring().write(fd(), request.left, request.offset, pinned(), tag);
}

void WriteOperation::came_to_nothing(Request& /*request*/) {
  end_badly({ErrorCode::system, 0, "writing from the ring wrote nothing"});
}

void WriteOperation::settle(const Request& request) { receiver_.release_to(request.ring_position); }

void WriteOperation::abandon() { receiver_.unhold(); }

short WriteOperation::readiness() const noexcept { return POLLOUT; }

void WriteOperation::ring_ended(Error error) {
  if (error.code == ErrorCode::closed) return end_well();
  end_badly(std::move(error));
}

}  // namespace ringbell
