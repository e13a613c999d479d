// The reading endpoint of a channel. One for each channel; not thread-safe; move-only.
//
//   auto record = receiver.peek();          // in place, no copy: use it, then
//   receiver.release();                     // give its bytes back
//   receiver.receive(buffer);               // or copied out, waiting for one if need be
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/channel_end.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/line_choice.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/ends/record_time.hpp>

namespace ringbell {

class RINGBELL_API Receiver : public OpenedSide<Receiver> {
 public:
  static constexpr Role kRole = Role::reader;

  Receiver(Receiver&&) noexcept = default;
  Receiver& operator=(Receiver&& other) noexcept { return replace(*this, std::move(other)); }
  // Closes in order: the sender learns `closed` when it next waits.
  ~Receiver();
  // Gives the role up without closing: the sender waits for the next receiver as for the first.
  // That one goes on with the oldest record that was not given back. Nothing else may be called
  // after it.
  void leave() noexcept;

  // The next record, in place, or nothing: not now. Never waits. The same one until release() or
  // hold(). A hostile sender can change the bytes while they are read.
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept {
    [[maybe_unused]] const auto whole = inside();
    const std::span<const std::byte> record = ring_.peek();
    if (record.data() == nullptr) {
      peeked_at_ = kNowhere;
      head_published();
      return std::nullopt;
    }
    peeked_at_ = ring_.position();
    return record;
  }
  // The same, waiting up to `timeout`. Nothing: time is up. A ring that was set aside for a newer
  // one of its name (Replace) is left at its end, and the next one read; but not while records are
  // held. Errors: closed (and nothing left to read), peer_dead (likewise), corrupt.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_for(
      Timeout timeout = kForever);

  // The newest record that is there, in place; all older ones are given back, held ones too: for a
  // reader to which only the latest matters. Nothing: not now, and nothing was given back.
  // Otherwise as peek().
  [[nodiscard]] std::optional<std::span<const std::byte>> peek_newest() noexcept;
  // The same, waiting for a record if there is none. Nothing: time is up. Errors: as peek_for.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_newest_for(
      Timeout timeout = kForever);

  // The next record that was sent no longer ago than `time_to_live`, in place. Older ones in front
  // of it are given back, held ones too, and counted: expired(). A time that is still to come is no
  // younger: it is of another boot. Otherwise as peek_for(). Errors: also invalid_argument, if the
  // records of this ring have no time (ChannelOptions::timed).
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_fresh_for(
      std::chrono::nanoseconds time_to_live, Timeout timeout = kForever);
  // How many records were too old for this receiver.
  [[nodiscard]] std::uint64_t expired() const noexcept { return expired_; }
  // What stands in front of the peeked record: when its sender claimed room for it, what that one
  // calls itself, and the record's number among those that it has sent. Nothing: none was peeked
  // since the last was given back or held, or the records of this ring have none
  // (ChannelOptions::timed).
  [[nodiscard]] std::optional<UserHeader> user_header() noexcept;

  // Gives the peeked record and all held ones back to the sender. Nothing happens if no record was
  // peeked since.
  void release() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (peeked_at_ != ring_.position()) [[unlikely]]
      return;
    if (holds_) [[unlikely]]
      holds_ = false;
    ring_.release();
    head_published();
  }
  // Keeps the peeked record and moves on to the next: peek(), hold(), peek(), hold(), release_to().
  // Out of turn as release().
  void hold() noexcept {
    if (peeked_at_ != ring_.position()) return;
    if (!std::exchange(holds_, true)) held_from_ = peeked_at_;
    ring_.hold();
  }
  // Takes all holds back: peek() goes on with the oldest record that was not given back.
  void unhold() noexcept {
    holds_ = false;
    peeked_at_ = kNowhere;
    ring_.unhold();
  }
  // Gives back the held records that end at or before a position(). Nothing, if that is none of
  // theirs.
  void release_to(std::uint64_t position) noexcept {
    if (!holds_ || position - held_from_ > ring_.position() - held_from_) return;
    held_from_ = position;
    holds_ = position != ring_.position();
    ring_.release_to(position);
    head_published();
  }
  // What was given back is so for a later receiver, too, from now on: else, should this process
  // die, up to an eighth of the ring may come again.
  void publish_released() noexcept {
    ring_.publish_head();
    head_published();
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return ring_.position(); }
  // How far this one is behind: bytes from position() to the end of what was committed, the peeked
  // record included, with headers and padding. Looks at each such record, and stores nothing.
  [[nodiscard]] std::uint64_t lag() const noexcept { return ring_.unread().bytes; }

  // Calls `use(span)` for up to `limit` records that are there now, then gives them back together,
  // and all that were held. Returns how many. Never waits.
  template <class Use>
  std::size_t drain(Use&& use, std::size_t limit = SIZE_MAX) {
    [[maybe_unused]] const auto whole = inside();
    std::size_t count = 0;
    // No honest sender fills more than the ring; a hostile one's would go round for ever.
    const std::uint64_t start = ring_.position();
    const std::uint64_t capacity = channel().region().geometry().capacity_bytes;
    for (; count < limit && ring_.position() - start < capacity; ++count) {
      const std::optional<std::span<const std::byte>> record = if_any(ring_.peek());
      if (!record) break;
      use(*record);
      ring_.hold();
    }
    holds_ = false;
    peeked_at_ = kNowhere;
    ring_.release_to(ring_.position());
    head_published();
    return count;
  }

  // Copies the next message out and returns its size; nothing: time is up. Errors: as peek_for;
  // too_large if `into` is too small, the message then stays where it is.
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever) {
    [[maybe_unused]] const auto whole = inside();
    return receive_from(*this, into, timeout);
  }

  // Announces a sleep, then looks. False: do not sleep: there is a record, or peek_for() has an
  // Error to tell. True: armed until the descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm() {
    return endpoint_.arm([&] { return peek().has_value() || ring_.corrupt(); });
  }

  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }

 private:
  friend OpenedSide<Receiver>;
  static constexpr std::uint64_t kNowhere = UINT64_MAX;  // no position: those are multiples of 8

  [[nodiscard]] static Result<Receiver> on(Endpoint endpoint);
  Receiver(Endpoint endpoint, core::SpscRing<>::Reader ring) noexcept;
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> go_on(SteadyTime deadline);
  void head_published() noexcept {
    if (ring_.published_head() != head_rung_) [[unlikely]]
      head_moved();
  }
  // Rings if the sender sleeps.
  void head_moved() noexcept;

  core::SpscRing<>::Reader ring_;
  std::uint64_t head_rung_;
  LineChoice lines_;
  std::uint64_t peeked_at_ = kNowhere;  // of the record that may be held or given back
  std::uint64_t held_from_ = 0;         // the oldest record that is held
  std::uint64_t expired_ = 0;
  bool holds_ = false;
};

}  // namespace ringbell
