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

#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/ends/reader_required.hpp>
#include <ringbell/transport/ends/record_time.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

// What is claimed and where: one word, so that a message costs one private store. It is over by
// itself when the position moves on.
class OpenClaim {
 public:
  void set(std::uint64_t position, std::uint32_t size_bytes) noexcept {
    word_ = position << 32U | (size_bytes + 1);
  }
  void clear() noexcept { word_ = 0; }
  // More than any size that was claimed there; 0: nothing is.
  [[nodiscard]] std::uint32_t limit_at(std::uint64_t position) const noexcept {
    return word_ >> 32U == (position & UINT32_MAX) ? static_cast<std::uint32_t>(word_) : 0;
  }

 private:
  std::uint64_t word_ = 0;
};

// `Self` has published(), which rings, peer(), and claim_later(), which waits for room or says why
// there can be none. Nothing here waits but claim_for() and send().
template <class Self, class Ring>
class RecordWriter {
 public:
  // Room for a record of this size in the ring, uninitialised, or nothing: not now; nor ever, if it
  // is more than max_record_bytes() or a reader is required and there is none, which claim_for()
  // says. Visible to the reader from commit() on. Claiming again forgets the first claim.
  [[nodiscard, gnu::always_inline]] std::optional<std::span<std::byte>> claim(
      std::size_t size_bytes) noexcept {
    [[maybe_unused]] const auto whole = self().inside();
    if (size_bytes >= size_limit_) [[unlikely]]
      return if_any(claim_slowly(size_bytes));
    const std::uint32_t bytes = static_cast<std::uint32_t>(size_bytes);
    const std::span<std::byte> room = ring_.claim(bytes);
    if (room.data() == nullptr) [[unlikely]] {
      claim_.clear();
      return std::nullopt;
    }
    claim_.set(ring_.staged_position(), bytes);
    return room;
  }
  // The same, waiting up to `timeout` for room. Nothing: time is up. What was staged is flushed
  // before it waits. Errors: too_large, closed, peer_dead, corrupt; no_reader, if one is required.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(std::size_t size_bytes,
                                                                      Timeout timeout = kForever) {
    const std::optional<std::span<std::byte>> room = claim(size_bytes);
    if (room) [[likely]]
      return room;
    return self().claim_later(size_bytes, timeout);
  }

  // Makes the claimed record (and all staged ones) visible and rings if the reader sleeps.
  // commit(n): the record turned out to be n bytes long. Nothing happens if nothing is claimed, or
  // n is more than that: the claim stays open.
  void commit() noexcept { commit(claimed_bytes()); }
  void commit(std::size_t size_bytes) noexcept {
    [[maybe_unused]] const auto whole = self().inside();
    if (!is_claimed(size_bytes)) [[unlikely]]
      return;
    ring_.commit(static_cast<std::uint32_t>(size_bytes));
    self().published();
  }
  // Completes the claimed record but shows it only at the next flush() or commit(): a batch becomes
  // visible with one store. Out of turn as commit().
  void stage() noexcept { stage(claimed_bytes()); }
  void stage(std::size_t size_bytes) noexcept {
    [[maybe_unused]] const auto whole = self().inside();
    if (is_claimed(size_bytes)) ring_.stage(static_cast<std::uint32_t>(size_bytes));
  }
  void flush() noexcept {
    [[maybe_unused]] const auto whole = self().inside();
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
    [[maybe_unused]] const auto whole = self().inside();
    if (message.size() >= size_limit_) [[unlikely]]
      return send_slowly(message);
    const auto fill = [&](std::span<std::byte> room) { copy_in(room, message); };
    if (!ring_.write(static_cast<std::uint32_t>(message.size()), fill)) [[unlikely]]
      return false;
    self().published();
    return true;
  }
  // The same, waiting for room. False: time is up. Errors: as claim_for.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever) {
    [[maybe_unused]] const auto whole = self().inside();
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
  // From now on nothing is sent, nor room given, unless a reader is there: claim_for() and send()
  // are an Error at once (closed, peer_dead, no_reader), claim() and try_send() "not now". Each
  // message then costs the system call of peer(). Off at first: what a ring has room for is kept
  // for the next reader.
  void require_reader(bool required = true) noexcept {
    requires_reader_ = required;
    size_limit_ = required || is_timed_ ? 0 : std::size_t{ring_.max_record_bytes()} + 1;
  }
  // What this writer calls itself in the header of each record of a timed ring, from the next one
  // on: UserHeader::source. At first the process id. Nothing happens in other rings.
  void set_source(std::uint32_t source) noexcept { source_ = source; }
  // What send() does with claimed room, for a message that comes in parts or is staged: long ones
  // go past the caches where that is faster (copy_choice.hpp). REQUIRES: room for the message.
  template <class Byte, std::size_t extent>
  void copy_in(std::span<std::byte> room, std::span<Byte, extent> message) noexcept {
    copy_in_(room, message);
  }

  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }
  // Of what was committed, the bytes that the reader has not given back, with headers and padding:
  // at most the ring's capacity. One load: a reader tells how far it is after an eighth of the ring
  // and when it has read all. What is staged does not count.
  [[nodiscard]] std::uint64_t fill() const noexcept { return ring_.in_use(); }
  // Bytes that were written since the ring was made, with headers and padding.
  [[nodiscard]] std::uint64_t position() const noexcept { return ring_.tail(); }

 protected:
  RecordWriter(Ring ring, const Region& region) noexcept
      : ring_(std::move(ring)),
        copy_in_(region.geometry()),
        is_timed_(region.has_user_headers()),
        source_(is_timed_ ? record_source() : 0) {
    require_reader(false);
  }

  // Whether one is required and is not there.
  [[nodiscard]] bool lacks_reader() const noexcept {
    return requires_reader_ && static_cast<const Self&>(*this).peer() != PeerState::alive;
  }
  // An Error in that case. `reader` is for people.
  [[nodiscard]] Result<void> check_reader(const char* reader) const {
    if (!requires_reader_) return {};
    const PeerState there = static_cast<const Self&>(*this).peer();
    if (there == PeerState::alive) return {};
    return fail_without_reader(there, reader);
  }
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
  // Whether room for as many bytes is claimed.
  [[nodiscard]] bool is_claimed(std::size_t size_bytes) const noexcept {
    return size_bytes < claim_.limit_at(ring_.staged_position());
  }
  // SIZE_MAX: nothing is claimed.
  [[nodiscard]] std::size_t claimed_bytes() const noexcept {
    return std::size_t{claim_.limit_at(ring_.staged_position())} - 1;
  }

  // Of a size that is not below size_limit_.
  [[nodiscard]] bool may_claim(std::size_t size_bytes) const noexcept {
    return fits(size_bytes, ring_.max_record_bytes()) && !lacks_reader();
  }

  // claim() and try_send() where each message needs a second look, or its time.
  // Kept out of what callers inline: each store of a message, that of a saved register or of an
  // optional in memory too, waits in one buffer with those into the ring. A span has registers.
  [[nodiscard, gnu::noinline, gnu::cold]] std::span<std::byte> claim_slowly(
      std::size_t size_bytes) noexcept;
  [[nodiscard, gnu::noinline, gnu::cold]] bool send_slowly(
      std::span<const std::byte> message) noexcept;
  // What is claimed where the last claim was not committed is that one's record.
  void stamp(std::span<std::byte> room) noexcept {
    if (!is_timed_) return;
    const std::uint64_t position = ring_.staged_position();
    if (std::exchange(stamped_, position) != position) ++sequence_;
    core::user_header_of(room) = {
        .time_ns = record_time_ns(), .source = source_, .sequence = sequence_};
  }

  CopyIn copy_in_;
  OpenClaim claim_;
  std::size_t size_limit_ = 0;  // sizes below it: those that fit, if there is no need of a look
  bool requires_reader_ = false;
  bool is_timed_;
  std::uint32_t source_;
  std::uint32_t sequence_ = 0;          // of the record that was stamped last
  std::uint64_t stamped_ = UINT64_MAX;  // where that one stands
};

template <class Self, class Ring>
std::span<std::byte> RecordWriter<Self, Ring>::claim_slowly(std::size_t size_bytes) noexcept {
  claim_.clear();
  if (!may_claim(size_bytes)) return {};
  const auto bytes = static_cast<std::uint32_t>(size_bytes);
  const std::span<std::byte> room = ring_.claim(bytes);
  if (room.data() == nullptr) return {};
  stamp(room);
  claim_.set(ring_.staged_position(), bytes);
  return room;
}

template <class Self, class Ring>
bool RecordWriter<Self, Ring>::send_slowly(std::span<const std::byte> message) noexcept {
  if (!may_claim(message.size())) return false;
  const auto fill = [&](std::span<std::byte> room) {
    stamp(room);
    copy_in(room, message);
  };
  if (!ring_.write(static_cast<std::uint32_t>(message.size()), fill)) return false;
  self().published();
  return true;
}

template <class Self, class Ring>
Result<std::optional<std::span<std::byte>>> RecordWriter<Self, Ring>::claimed_after(
    Waited waited, std::size_t size_bytes, const char* reader, const char* place) {
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  if (waited == Waited::ready) {
    const std::optional<std::span<std::byte>> room = claim(size_bytes);
    if (room) return room;
    if (Result<void> there = check_reader(reader); !there) return tl::unexpected(there.error());
    return room;
  }
  if (waited == Waited::timed_out) return std::nullopt;
  if (waited == Waited::cancelled) return fail_interrupted();
  const bool closed = waited == Waited::peer_closed;
  return fail(closed ? ErrorCode::closed : ErrorCode::peer_dead,
              std::string("the ") + reader + (closed ? " closed" : " died") + " and the " + place +
                  " is full");
}

}  // namespace ringbell
