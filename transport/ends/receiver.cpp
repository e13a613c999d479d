#include <ringbell/transport/ends/receiver.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/ends/record_time.hpp>

namespace ringbell {

Receiver::Receiver(Endpoint endpoint, core::SpscRing<>::Reader ring) noexcept
    : OpenedSide(std::move(endpoint)),
      ring_(std::move(ring)),
      head_rung_(ring_.published_head()),
      lines_(channel().region().geometry().capacity_bytes) {}

Receiver::~Receiver() {
  if (endpoint_.is_open()) ring_.publish_head();
  endpoint_.close(false);
}

void Receiver::leave() noexcept {
  if (!endpoint_.is_open()) return;
  ring_.publish_head();
  ring_.unhold();
  endpoint_.leave(if_any(ring_.peek()).has_value());
}

void Receiver::head_moved() noexcept {
  const std::uint64_t head = ring_.published_head();
  if (lines_.gave_back(head - head_rung_)) lines_.next(LineChoice::Clock::now());
  head_rung_ = head;
  endpoint_.moved_to(head);
  endpoint_.published();
  // On one CPU neither side moves by more than the ring holds before the other has its turn.
  const bool takes_turns = endpoint_.takes_turns(channel().region().geometry().capacity_bytes);
  if (takes_turns) lines_.spoil();
  ring_.keep_lines(takes_turns || lines_.keeps());
}

Result<Receiver> Receiver::on(Endpoint endpoint) {
  core::SpscRing<>::Reader ring(endpoint.channel().region().spsc_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Receiver(std::move(endpoint), std::move(ring));
}

Result<std::optional<std::span<const std::byte>>> Receiver::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> record = peek();
  if (record) return record;
  const SteadyTime deadline = timeout > Timeout::zero() ? end_of(timeout) : SteadyTime{};
  const Waited waited = endpoint_.wait_until(
      [&] {
        record = peek();
        return record.has_value() || ring_.corrupt();
      },
      timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  const bool is_over = waited == Waited::peer_closed || waited == Waited::peer_dead;
  if (is_over && !holds_ && endpoint_.is_past()) return go_on(deadline);
  if (waited == Waited::peer_closed) return fail(ErrorCode::closed, "the sender closed its side");
  if (waited == Waited::peer_dead) return fail(ErrorCode::peer_dead, "the sender died");
  if (waited == Waited::cancelled) return fail_interrupted();
  return record;
}

// This ring was set aside and is read to its end: the next one of its name.
Result<std::optional<std::span<const std::byte>>> Receiver::go_on(SteadyTime deadline) {
  constexpr std::chrono::milliseconds kNap{5};
  for (;;) {
    Result<Endpoint> next = endpoint_.open_next();
    if (next) {
      Result<Receiver> receiver = on(std::move(*next));
      if (!receiver) return tl::unexpected(std::move(receiver.error()));
      *this = std::move(*receiver);
      return peek_for(left_until(deadline));
    }
    if (next.error().code != ErrorCode::not_found) return tl::unexpected(std::move(next.error()));
    const Timeout left = left_until(deadline);
    if (left == Timeout::zero()) return std::nullopt;
    if (endpoint_.rest(std::min<Timeout>(kNap, left)) == Waited::cancelled) {
      return fail_interrupted();
    }
  }
}

std::optional<std::span<const std::byte>> Receiver::peek_newest() noexcept {
  std::uint64_t records = ring_.unread().records;
  if (records == 0) return peek();
  release_to(position());  // what is held
  // A hostile sender may take a record back that was counted.
  for (; records > 1 && peek(); --records) release();
  return peek();
}

Result<std::optional<std::span<const std::byte>>> Receiver::peek_newest_for(Timeout timeout) {
  Result<std::optional<std::span<const std::byte>>> record = peek_for(timeout);
  if (record && *record) *record = peek_newest();
  return record;
}

Result<std::optional<std::span<const std::byte>>> Receiver::peek_fresh_for(
    std::chrono::nanoseconds time_to_live, Timeout timeout) {
  if (!channel().region().has_user_headers()) {
    return fail(ErrorCode::invalid_argument,
                "the records of this ring have no time; make it with ChannelOptions::timed");
  }
  const auto most_ns = static_cast<std::uint64_t>(std::max(time_to_live, {}).count());
  const auto is_fresh = [most_ns](std::span<const std::byte> record) {
    const std::uint64_t sent_ns = user_header_in(record).time_ns;
    const std::uint64_t now_ns = record_time_ns();
    return sent_ns <= now_ns && now_ns - sent_ns <= most_ns;
  };
  const SteadyTime deadline = end_of(timeout);
  const std::uint64_t start = position();
  const std::uint64_t capacity = channel().region().geometry().capacity_bytes;
  for (Timeout left = timeout;; left = left_until(deadline)) {
    // A hostile sender's old records never end.
    if (left <= Timeout::zero() && position() - start >= capacity) {
      return std::nullopt;
    }
    Result<std::optional<std::span<const std::byte>>> record = peek_for(left);
    if (!record || !*record || is_fresh(**record)) return record;
    release();
    ++expired_;
  }
}

std::optional<UserHeader> Receiver::user_header() noexcept {
  if (peeked_at_ != ring_.position() || !channel().region().has_user_headers()) return {};
  const std::optional<std::span<const std::byte>> record = if_any(ring_.peek());
  if (!record) {  // a hostile sender took it back
    peeked_at_ = kNowhere;
    return {};
  }
  return user_header_in(*record);
}

}  // namespace ringbell
