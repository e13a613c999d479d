// The sending side of a ring of records, as Sender and Contributor have it: one is the only writer
// of a channel, the other has a lane of its own. A call out of turn ends here: the ring below
// relies on that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

// What is claimed and where: one word, so that a message costs one private store. It is over by
// itself when the position moves on.
class OpenClaim {
 public:
  void set(std::uint64_t position, std::size_t size_bytes) noexcept {
    word_ = position << 32U | static_cast<std::uint32_t>(size_bytes);
  }
  void clear() noexcept { word_ = 0; }
  // 0: nothing is claimed there.
  [[nodiscard]] std::uint32_t bytes_at(std::uint64_t position) const noexcept {
    return word_ >> 32U == (position & UINT32_MAX) ? static_cast<std::uint32_t>(word_) : 0;
  }

 private:
  std::uint64_t word_ = 0;
};

// `Self` has published(), which rings, and claim_later(), which waits for room or says why there
// can be none. Nothing here waits but claim_for() and send().
template <class Self, class Ring>
class RecordWriter {
 public:
  // Room for a record of this size in the ring, uninitialised, or nothing: not now; nor ever, if it
  // is of 0 bytes or more than max_record_bytes(), which claim_for() says. Visible to the reader
  // from commit() on. Claiming again forgets the first claim.
  [[nodiscard]] std::optional<std::span<std::byte>> claim(std::size_t size_bytes) noexcept {
    if (!fits(size_bytes, ring_.max_record_bytes())) [[unlikely]] {
      claim_.clear();
      return std::nullopt;
    }
    const std::span<std::byte> room = ring_.claim(static_cast<std::uint32_t>(size_bytes));
    claim_.set(ring_.staged_position(), room.size());
    return if_any(room);
  }
  // The same, waiting up to `timeout` for room. Nothing: time is up. What was staged is flushed
  // before it waits. Errors: invalid_argument (0 bytes), too_large, closed, peer_dead, corrupt.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(std::size_t size_bytes,
                                                                      Timeout timeout = kForever) {
    const std::optional<std::span<std::byte>> room = claim(size_bytes);
    if (room) [[likely]]
      return room;
    return self().claim_later(size_bytes, timeout);
  }

  // Makes the claimed record (and all staged ones) visible and rings if the reader sleeps.
  // commit(n): the record turned out to be n bytes long. Nothing happens if nothing is claimed, or
  // n is 0 or more than that: the claim stays open.
  void commit() noexcept { commit(claimed_bytes()); }
  void commit(std::size_t size_bytes) noexcept {
    if (!fits(size_bytes, claimed_bytes())) [[unlikely]]
      return;
    ring_.commit(static_cast<std::uint32_t>(size_bytes));
    self().published();
  }
  // Completes the claimed record but shows it only at the next flush() or commit(): a batch becomes
  // visible with one store. Out of turn as commit().
  void stage() noexcept { stage(claimed_bytes()); }
  void stage(std::size_t size_bytes) noexcept {
    if (fits(size_bytes, claimed_bytes())) ring_.stage(static_cast<std::uint32_t>(size_bytes));
  }
  void flush() noexcept {
    ring_.flush();
    self().published();
  }
  // The staged records up to a staged_position(). Nothing, if it is none of them.
  void flush_to(std::uint64_t position) noexcept {
    if (position - ring_.tail() > ring_.staged_position() - ring_.tail()) return;
    ring_.flush_to(position);
    self().published();
  }
  [[nodiscard]] std::uint64_t staged_position() const noexcept { return ring_.staged_position(); }
  // Forgets the claim and all that is staged.
  void abort() noexcept {
    claim_.clear();
    ring_.abort();
  }

  // Copies a message in. False: not now; nor ever, if claim() says so. Never waits.
  [[nodiscard]] bool try_send(std::span<const std::byte> message) noexcept {
    const std::optional<std::span<std::byte>> room = claim(message.size());
    if (!room) return false;
    copy_in(*room, message);
    commit();
    return true;
  }
  // The same, waiting for room. False: time is up. Errors: as claim_for.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever) {
    if (try_send(message)) [[likely]]
      return true;
    const Result<std::optional<std::span<std::byte>>> room =
        self().claim_later(message.size(), timeout);
    if (!room) return tl::unexpected(room.error());
    if (!*room) return false;
    copy_in(**room, message);
    commit();
    return true;
  }
  // What send() does with claimed room, for a message that comes in parts or is staged: long ones
  // go past the caches where that is faster (copy_choice.hpp). REQUIRES: room for the message.
  template <class Byte, std::size_t extent>
  void copy_in(std::span<std::byte> room, std::span<Byte, extent> message) noexcept {
    copy_in_(room, message);
  }

  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }
  // Bytes that were written since the ring was made, with headers and padding.
  [[nodiscard]] std::uint64_t position() const noexcept { return ring_.tail(); }

 protected:
  RecordWriter(Ring ring, const core::Geometry& geometry) noexcept
      : ring_(std::move(ring)), copy_in_(geometry) {}

  // What waiting for room came to. `reader` and `place` are for people.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claimed_after(Waited waited,
                                                                          std::size_t size_bytes,
                                                                          const char* reader,
                                                                          const char* place);

  [[nodiscard]] bool has_room(std::size_t size_bytes) noexcept {
    return ring_.corrupt() || !fits(size_bytes, ring_.max_record_bytes()) ||
           ring_.has_room(static_cast<std::uint32_t>(size_bytes));
  }

  Ring ring_;

 private:
  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
  [[nodiscard]] std::uint32_t claimed_bytes() const noexcept {
    return claim_.bytes_at(ring_.staged_position());
  }

  CopyIn copy_in_;
  OpenClaim claim_;
};

template <class Self, class Ring>
Result<std::optional<std::span<std::byte>>> RecordWriter<Self, Ring>::claimed_after(
    Waited waited, std::size_t size_bytes, const char* reader, const char* place) {
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  if (waited == Waited::ready) return claim(size_bytes);
  if (waited == Waited::timed_out) return std::nullopt;
  const bool closed = waited == Waited::peer_closed;
  return fail(closed ? ErrorCode::closed : ErrorCode::peer_dead,
              std::string("the ") + reader + (closed ? " closed" : " died") + " and the " + place +
                  " is full");
}

}  // namespace ringbell
