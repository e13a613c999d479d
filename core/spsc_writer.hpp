// The writing side of an SpscRing: spsc_ring.hpp has the picture, the invariants and the edges.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/cpu.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_intent.hpp>
#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/spsc_walk.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The writing side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), claim()
// may go on to have no room.
template <AtomicsPolicy Atomics>
class SpscRing<Atomics>::Writer : public Witness {
 public:
  // Takes the ring up where the writer before left it: at once if the ring is new or empty, else
  // after a walk over the records that the reader has not given back. See corrupt().
  explicit Writer(const SpscMemory& memory) noexcept : at_(memory) { recover(); }

  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) noexcept = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() = default;

  // Room for one record, contiguous, uninitialised; or a span without data: not now, the reader is
  // behind. Nothing is visible to the reader before commit() or flush(). Claiming again without one
  // of them forgets the first claim. REQUIRES: size_bytes <= max_record_bytes().
  [[nodiscard, gnu::always_inline]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(at_.fits(size_bytes));
    const std::uint64_t footprint = at_.footprint(size_bytes);
    if (!has_room_up_to(position_ + footprint)) [[unlikely]] {
      claim_ = 0;
      return {};
    }
    if (footprint != looked_ahead_) [[unlikely]]
      looked_ahead_ = 0;  // the payload may reach that word
    claim_ = claim_of(size_bytes);
    return {at_.payload_at(position_), size_bytes};
  }

  // Makes the claimed record visible to the reader, and with it all that were staged before it.
  void commit() noexcept { commit(static_cast<std::uint32_t>(claim_)); }

  // The same for a record that turned out shorter. REQUIRES: size_bytes <= what was claimed.
  void commit(std::uint32_t size_bytes) noexcept {
    assert(is_claimed(size_bytes));
    publish(size_bytes);
  }

  // claim(), fill(room) and commit() at once. False: not now, and fill() was not called. It must
  // not use this writer. REQUIRES: as claim().
  template <class Fill>
  [[nodiscard]] bool write(std::uint32_t size_bytes, Fill&& fill) {
    assert(at_.fits(size_bytes));
    const std::uint64_t footprint = at_.footprint(size_bytes);
    if (!has_room_up_to(position_ + footprint)) [[unlikely]]
      return false;
    if (footprint != looked_ahead_) [[unlikely]]
      looked_ahead_ = 0;
    std::forward<Fill>(fill)(std::span(at_.payload_at(position_), size_bytes));
    publish(size_bytes);
    return true;
  }

  // Completes the claimed record but keeps it from the reader until flush() or the next commit().
  // A batch becomes visible with one store, whole. A writer that stages until claim() finds no room
  // must flush(): the reader cannot make room for what it does not see.
  void stage() noexcept { stage(static_cast<std::uint32_t>(claim_)); }

  void stage(std::uint32_t size_bytes) noexcept {
    assert(is_claimed(size_bytes));
    append(size_bytes);
  }

  // Makes all staged records visible. Without any it does nothing.
  void flush() noexcept {
    if (!in_batch()) return;
    make_sure(position_);  // I1
    looked_ahead_ = 0;
    Atomics::store(at_.header_at(batch_), first_header_, std::memory_order_release, kPublish);
    batch_ = kNowhere;
  }

  // The same, with a tag: whether it came to this a successor's last_tag() tells. REQUIRES: tag <
  // kTagLimit; settle_tag() was called, before anything was made visible.
  void flush(std::uint64_t tag) noexcept {
    if (!in_batch()) return;
    intent().announce(batch_, tag);
    flush();
  }
  void settle_tag() noexcept { intent().settle(tail()); }
  // The last tag of any writer of this ring.
  [[nodiscard]] std::optional<LastTag> last_tag() const noexcept { return intent().last(tail()); }

  // Makes the staged records visible that end at or before `position`, a value of
  // staged_position(): for payloads that are completed one after the other, such as reads in
  // flight.
  void flush_to(std::uint64_t position) noexcept {
    assert(position - tail() <= position_ - tail());
    if (position == position_) return flush();
    if (position == tail()) return;
    // stage() stored this header. Only the peer could have changed it, to its own harm: the value
    // is handed back to it, never used.
    RecordHeader& next = at_.header_at(position);
    const RecordHeader staged = Atomics::load(next, std::memory_order_relaxed, kRelaxed);
    Atomics::store(next, RecordHeader{0}, std::memory_order_relaxed, kRelaxed);  // I1
    Atomics::store(at_.header_at(batch_), first_header_, std::memory_order_release, kPublish);
    batch_ = position;
    first_header_ = staged;
  }

  // Forgets the claim and everything staged; the reader never sees them.
  void abort() noexcept {
    position_ = tail();
    batch_ = kNowhere;
    claim_ = 0;
    looked_ahead_ = 0;
  }

  // Free-running: the end of what is visible, and of what is staged.
  [[nodiscard]] std::uint64_t tail() const noexcept { return in_batch() ? batch_ : position_; }
  [[nodiscard]] std::uint64_t staged_position() const noexcept { return position_; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return at_.max_record_bytes(); }

  // Bytes that are visible and, as far as the reader has published, not given back. At most the
  // capacity, whatever the reader says.
  [[nodiscard]] std::uint64_t in_use() const noexcept {
    const std::uint64_t head =
        Atomics::load(at_.control().head, std::memory_order_relaxed, kRelaxed);
    return std::min(tail() - head, at_.capacity());
  }

  // Whether a claim of this size would find room now. What a sleeper asks before it sleeps.
  [[nodiscard]] bool has_room(std::uint32_t size_bytes) noexcept {
    return has_room_up_to(position_ + at_.footprint(size_bytes));
  }

 private:
  // The lines that are asked for while a message is sent, so that they are here when they are
  // written: far enough ahead for memory that needs 150 ns, and streams that fill a line in 5.
  static constexpr std::uint64_t kAheadBytes = 2048;

  [[nodiscard]] SpscIntent<Atomics> intent() const noexcept {
    return SpscIntent<Atomics>(at_.control().intent);
  }
  [[nodiscard]] bool in_batch() const noexcept { return batch_ != kNowhere; }

  // One word, over by itself when the position moves on: a message costs one private store less.
  [[nodiscard]] std::uint64_t claim_of(std::uint32_t size_bytes) const noexcept {
    return (position_ | kNowhere) << 32U | size_bytes;
  }
  [[nodiscard]] bool is_claimed(std::uint32_t size_bytes) const noexcept {
    return at_.fits(size_bytes) && claim_ >= claim_of(size_bytes) && claim_ <= claim_of(UINT32_MAX);
  }

  [[nodiscard]] bool has_room_up_to(std::uint64_t end) noexcept {
    end += kRecordHeaderBytes;  // I2
    return end - head_seen_ <= at_.capacity() || sees_room_up_to(end);
  }

  // The record at position_ is written: to the reader, or to the batch that is open.
  [[gnu::always_inline]] void publish(std::uint32_t size_bytes) noexcept {
    if (in_batch()) [[unlikely]]
      return publish_with_batch(size_bytes);
    const std::uint64_t footprint = at_.footprint(size_bytes);
    const std::uint64_t next = position_ + footprint;
    if (footprint != looked_ahead_) [[unlikely]]
      make_sure(next);  // I1
    Atomics::store(at_.header_at(position_), SpscPlaces::header_of(position_, size_bytes),
                   std::memory_order_release, kPublish);
    ask_for_lines(next);
    position_ = next;
    look_ahead(footprint);
  }

  // As many as the record up to `next` has filled; long ones are not written line by line.
  [[gnu::always_inline]] void ask_for_lines(std::uint64_t next) noexcept {
    const std::uint64_t last = cpu::line_of(next);
    std::uint64_t line = cpu::line_of(position_);
    if (last - line > kAheadBytes) return;
    for (; line != last; line += cpu::kLineBytes) {  // positions wrap
      cpu::prefetch_for_write(&at_.header_at(line + cpu::kLineBytes + kAheadBytes));
    }
  }

  [[gnu::noinline]] void publish_with_batch(std::uint32_t size_bytes) noexcept {
    append(size_bytes);
    flush();
  }

  // If the next record is as long as this one, this was the look that it needs, now that nothing
  // waits for it: between payload and header it would cost a round trip 20 ns. Until that record's
  // commit nothing is stored there, or claim() forgets the look.
  void look_ahead(std::uint64_t footprint) noexcept {
    const std::uint64_t position = position_ + footprint;
    if (SpscPlaces::passes(
            Atomics::load(at_.header_at(position), std::memory_order_relaxed, kCheck), position))
        [[unlikely]] {
      footprint = 0;  // it may still be the reader's
    }
    if (footprint != looked_ahead_) [[unlikely]]
      looked_ahead_ = footprint;
  }

  void append(std::uint32_t size_bytes) noexcept {
    const RecordHeader header = SpscPlaces::header_of(position_, size_bytes);
    const std::uint64_t next = position_ + at_.footprint(size_bytes);
    if (!in_batch()) {
      batch_ = position_;
      first_header_ = header;  // the commit word of the batch: flush() stores it last
    } else {
      Atomics::store(at_.header_at(position_), header, std::memory_order_relaxed, kRelaxed);
    }
    ask_for_lines(next);
    position_ = next;
  }

  // I1 of this position.
  void make_sure(std::uint64_t position) noexcept {
    RecordHeader& word = at_.header_at(position);
    if (SpscPlaces::passes(Atomics::load(word, std::memory_order_relaxed, kCheck), position))
        [[unlikely]] {
      Atomics::store(word, RecordHeader{0}, std::memory_order_relaxed, kCheck);
    }
  }

  // Reads the reader's position anew. False also if it is impossible.
  [[nodiscard, gnu::noinline]] bool sees_room_up_to(std::uint64_t end) noexcept {
    const std::uint64_t head = Atomics::load(at_.control().head, std::memory_order_acquire, kFree);
    // Back, past what is visible, or not where a record can end.
    if (head - head_seen_ > tail() - head_seen_ || !at_.aligned(head))
      saw("SpscControl::head", head);
    if (corrupt()) return false;
    head_seen_ = head;
    return end - head <= at_.capacity();
  }

  void recover() noexcept {
    head_seen_ = Atomics::load(at_.control().head, std::memory_order_acquire, kFree);
    if (!at_.aligned(head_seen_)) saw("SpscControl::head", head_seen_);
    if (!corrupt()) {
      const SpscEnd end = end_of_records<Atomics>(at_, head_seen_, kRelaxed);
      position_ = end.position;
      if (end.finding.field != nullptr) saw(end.finding);
    }
    if (corrupt()) {  // never room from here on, not even for a caller that does not ask
      position_ = 0;
      head_seen_ = 0 - at_.capacity();
    }
  }

  SpscPlaces at_;
  std::uint64_t position_ = 0;   // the next claim starts here
  std::uint64_t head_seen_ = 0;  // the reader's position as last read
  std::uint64_t claim_ = 0;      // claim_of() the open claim
  std::uint64_t looked_ahead_ =
      0;  // so far behind position_ a word does not pass; 0: none is known
  std::uint64_t batch_ = kNowhere;  // the first record that is staged
  RecordHeader first_header_ = 0;   // and its header
};

}  // namespace ringbell::core
