#include "tools/command/stream/stream_reader.hpp"

#include <atomic>

#include <fmt/format.h>

#include "tools/command/command.hpp"

namespace ringbell::tools {

StreamReader::StreamReader(Receiver& receiver, const Patience& patience, Meter& meter,
                           bool framed) noexcept
    : receiver_(receiver), patience_(patience), meter_(meter), framed_(framed) {}

bool StreamReader::sender_came() const noexcept {
  core::SpscControl& control = receiver_.channel().region().spsc_control();
  // Only to decide how long to wait: nothing is ordered by it.
  return std::atomic_ref(control.writer_state).load(std::memory_order_relaxed) !=
         std::uint32_t(core::SideState::absent);
}

void StreamReader::release() {
  receiver_.release_to(receiver_.position());
  if (ended_) (void)receiver_.peek();  // finds nothing, and publishes the position
}

// Without an end of its own a raw stream ends when its sender closes.
Tried<std::optional<std::span<const std::byte>>> StreamReader::fail_with(const Error& error) {
  sender_gone_ = error.code == ErrorCode::closed || error.code == ErrorCode::peer_dead;
  if (error.code == ErrorCode::closed && !framed_) return std::nullopt;
  if (error.code == ErrorCode::closed) {
    return give_up(kTruncated, "the sender stopped before the end of the stream");
  }
  if (error.code == ErrorCode::peer_dead) {
    return give_up(kTruncated, "the sender died before the end of the stream");
  }
  return give_up(error);
}

Tried<std::optional<std::span<const std::byte>>> StreamReader::next_record(bool wait) {
  for (;;) {
    const bool came = sender_came();
    const std::chrono::nanoseconds timeout =
        wait ? patience_.slice(came) : std::chrono::nanoseconds::zero();
    const Result<std::optional<std::span<const std::byte>>> record = receiver_.peek_for(timeout);
    if (record && (*record || !wait)) return *record;
    if (!record) return fail_with(record.error());
    const Tried<void> on = patience_.after_slice(
        sender_came(), "no sender came in time; start `ringbell send` with the same name", meter_);
    if (!on) return tl::unexpected(on.error());
  }
}

bool StreamReader::is_left_behind(const Tagged& record) const noexcept {
  if (receiver_.peer() != PeerState::alive) return true;
  core::SpscControl& control = receiver_.channel().region().spsc_control();
  // The living sender stored it before anything that it sent: nothing is ordered by it.
  return std::atomic_ref(control.writer_pid).load(std::memory_order_relaxed) != record.sender_pid;
}

Tried<std::optional<StreamHeader>> StreamReader::begin() {
  received_ = {};
  ended_ = sender_gone_ = false;
  if (!framed_) return StreamHeader{kStreamMagic, kStreamVersion, Shape::bytes, kUnknownSize};
  for (;;) {
    const Tried<std::optional<std::span<const std::byte>>> record = next_record(true);
    if (sender_gone_) return std::nullopt;
    if (!record) return tl::unexpected(record.error());
    const std::optional<Tagged> first = tagged(**record);
    if (!first) break;
    if (first->tag == Tag::header) {
      const auto header = copied<StreamHeader>(first->payload);
      if (!header || !is_valid(*header)) break;
      receiver_.release();
      return header;
    }
    if (!is_left_behind(*first)) break;
    receiver_.release();
  }
  return give_up(kFailed,
                 "this is not the beginning of a stream of `ringbell send`: its beginning went to "
                 "another receiver, or a program sends plain messages (then: --raw)");
}

Tried<void> StreamReader::check_end(std::span<const std::byte> payload) const {
  const auto sent = copied<StreamEnd>(payload);
  if (sent && sent->bytes == received_.bytes && sent->messages == received_.messages) return {};
  return give_up(kTruncated, fmt::format("the stream ended after {} bytes, and not as it should",
                                         received_.bytes));
}

Tried<std::optional<StreamReader::Piece>> StreamReader::accept(std::span<const std::byte> record) {
  const std::optional<Tagged> piece = framed_ ? tagged(record) : Tagged{Tag::whole, 0, record};
  if (!piece) {
    return give_up(kTruncated, "the sender wrote something that is no record of a stream");
  }
  if (piece->tag == Tag::header) {
    sender_gone_ = true;
    return give_up(kCutBefore,
                   "the sender died before the end of the stream; another stream follows");
  }
  receiver_.hold();
  if (piece->tag == Tag::end) {
    if (auto right = check_end(piece->payload); !right) return tl::unexpected(right.error());
    ended_ = true;
    return std::nullopt;
  }
  received_.bytes += piece->payload.size();
  if (piece->tag == Tag::whole) ++received_.messages;
  return Piece{piece->tag, piece->payload};
}

Tried<std::optional<StreamReader::Piece>> StreamReader::next(bool wait) {
  if (ended_) return std::nullopt;
  const Tried<std::optional<std::span<const std::byte>>> record = next_record(wait);
  if (!record) return tl::unexpected(record.error());
  if (*record) return accept(**record);
  ended_ = wait;
  return std::nullopt;
}

}  // namespace ringbell::tools
