#include <ringbell/transport/uring/uring_watch.hpp>

#include <cerrno>

#include <poll.h>

namespace ringbell {

UringBell bell_of(Receiver& receiver) {
  return {.look = [&receiver]() -> Result<bool> {
            const auto record = receiver.peek_for(Timeout::zero());
            if (!record) return tl::unexpected(record.error());
            return record->has_value();
          },
          .arm = [&receiver] { return receiver.arm(); },
          .disarm = [&receiver] { receiver.disarm(); },
          .peer = [&receiver] { return receiver.peer(); },
          .place = [&receiver] { return receiver.sleeping_place(); }};
}

UringBell bell_of(Sender& sender, std::uint32_t size_bytes) {
  return {.look = [&sender, size_bytes]() -> Result<bool> {
            const auto room = sender.claim_for(size_bytes, Timeout::zero());
            if (!room) return tl::unexpected(room.error());
            return room->has_value();
          },
          .arm = [&sender, size_bytes] { return sender.arm(size_bytes); },
          .disarm = [&sender] { sender.disarm(); },
          .peer = [&sender] { return sender.peer(); },
          .place = [&sender] { return sender.sleeping_place(); }};
}

Result<BellSleep> BellSleep::on(UringBell bell, bool futex_wait) {
  switch (bell.place().kind) {
    case core::DoorbellKind::eventfd:
      return BellSleep(std::move(bell));
    case core::DoorbellKind::futex:
      if (futex_wait) return BellSleep(std::move(bell));
      return fail(ErrorCode::unsupported,
                  "this loop does not sleep on futexes: create the channel with "
                  "DoorbellKind::eventfd, or the loop with futex_wait (Linux 6.7)");
    default:
      return fail(ErrorCode::unsupported,
                  "this endpoint never sleeps: create the channel with DoorbellKind::eventfd, and "
                  "the endpoint with WaitOptions::Kind::park");
  }
}

void UringOperation::ask_for_bell(const SleepingPlace& place, unsigned part) {
  if (place.kind == core::DoorbellKind::eventfd) {
    loop_.uring().poll_always(place.fd, POLLIN, begin(part));
  } else {
    loop_.uring().futex_wait(*place.word, place.parked, begin(part));
  }
}

// --- a watch -------------------------------------------------------------------------------------

void WatchOperation::turn() {
  if (sleep_.asleep()) return;
  const Result<bool> there = sleep_.bell().look();
  if (!there) return end(tl::unexpected(there.error()));
  if (*there) {
    loop().call(on_bell_, Result<void>{});
    if (!is_over()) wake();
    return;
  }
  if (!sleep_.sleep([&](const SleepingPlace& place) { ask_for_bell(place, 0); })) wake();
}

void WatchOperation::completed(unsigned /*part*/, std::int32_t result, bool more) {
  sleep_.rang(more);
  if (result < 0 && result != -EAGAIN && result != -EINTR) {
    errno = -result;
    return end(fail_errno("waiting for a bell with io_uring failed"));
  }
  wake();
}

void WatchOperation::look_after_peer() {
  if (!sleep_.asleep()) return;
  const bool dead = sleep_.bell().peer() == PeerState::dead;
  const Result<bool> there = sleep_.bell().look();
  if (there && !*there) {
    if (dead) end(fail(ErrorCode::peer_dead, "the other side of the channel died"));
    return;
  }
  if (!dead) loop().missed_a_ring();
  sleep_.wake();
  wake();
}

void WatchOperation::cancel() {
  // A loop that goes leaves the endpoint alone: it may have gone before.
  if (!is_over() && !loop().is_stopping()) sleep_.disarm();
  if (sleep_.requested()) cancel_request(0);
  over();
}

void WatchOperation::end(const Result<void>& result) {
  sleep_.disarm();
  if (sleep_.requested()) cancel_request(0);
  over();
  loop().call(on_bell_, result);
}

// --- a poll --------------------------------------------------------------------------------------

void PollOperation::turn() { loop().uring().poll_once(fd_, events_, begin(0)); }

void PollOperation::completed(unsigned /*part*/, std::int32_t result, bool /*more*/) {
  if (result < 0) {
    over();
    errno = -result;
    loop().call(on_poll_, Result<unsigned>(fail_errno("polling a descriptor failed")));
    return;
  }
  loop().call(on_poll_, Result<unsigned>(static_cast<unsigned>(result)));
  if (!is_over()) wake();
}

void PollOperation::cancel() {
  cancel_request(0);
  over();
}

}  // namespace ringbell
