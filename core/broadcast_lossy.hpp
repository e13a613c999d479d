// One writer that never waits, any number of readers that only read; each sees every message, or
// learns how many it missed. Messages of one size.
//
//   slots, a power of two of them; no control lines
//   +----------+---------+----------+---------+----------+---------+-----
//   | sequence | payload | sequence | payload | sequence | payload | ...
//   +----------+---------+----------+---------+----------+---------+-----
//
// Position p is slot p modulo the slot count; a slot's sequence says which position it holds, or
// which one is being written (broadcast_memory.hpp). Readers leave no trace: they may map the
// memory read-only, and the writer knows of none. Each looks at nothing but the slot that is due.
// Where the ring ends is published nowhere: the sequences ascend from there on around the ring. A
// reader that joins or was lapped, and a new writer, find it by a binary search.
//
// Invariants
//   I1  A slot's sequence never goes back: writing(p), holds(p), writing(p + slot count) ...
//   I2  The payload is stored only while the sequence says writing(p).
//   I3  A record is returned only if the sequence said holds(p) before it was copied and after; one
//       that was looked at in place is called whole only then.
//   I4  A word from shared memory selects nothing but which slot is looked at next; a call looks at
//       a bounded number of them. A sequence that does not belong to its slot makes the handle
//       corrupt() for good.
// Edges
//   P   publish() stores holds(p) -> receive() loads it: the payload is stored before it is copied.
//   T   torn: a fence after the store of writing(p) -> a fence before the second look. A reader
//       that copied a word of p meets the first fence in the second, and so sees at least
//       writing(p) instead of what was there before (Boehm, "Can seqlocks get along with
//       programming language memory models?", 2012). Neither is an instruction on x86.
//   R   relaxed: the payload's words, ordered by P and T; writing(p), ordered by T; the search,
//       whose results are bounds and are checked by I3; its results are exact for a writer, because
//       the role is handed over by something that orders.
// In place, claim() and read_sized(), the payload's words are plain ones: what a reader makes of
// them before it knows that they were whole is worth nothing. ThreadSanitizer calls that a race.
// Progress: wait-free.
// Death: a writer that dies while it writes p leaves the readers waiting at p; the next one writes
// p again. Positions are neither lost nor repeated. The death of a reader changes nothing.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/object_at.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class BroadcastLossy {
 public:
  class Writer;
  class Reader;

 private:
  static constexpr Edge kPublish{"bcast.P"};
  static constexpr Edge kTorn{"bcast.T"};
  static constexpr Edge kRelaxed{"bcast.R"};

  using Word = std::uint64_t;
};

// What a look at a record in place came to.
enum class BroadcastSeen : std::uint8_t {
  nothing,  // there was none
  whole,    // it was as its writer published it, all the time
  torn,     // it was being overwritten: forget what was seen of it
};

// A reading side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), nothing
// is received any more.
template <AtomicsPolicy Atomics>
class BroadcastLossy<Atomics>::Reader : public Witness {
 public:
  // Joins at the oldest record that is safe, or so that it sees whatever is published from now on.
  explicit Reader(const BroadcastSlots<const std::byte>& memory,
                  BroadcastStart start = BroadcastStart::oldest) noexcept
      : at_(memory) {
    Finding found;
    const std::optional<std::uint64_t> end = broadcast_end<Atomics>(at_, kRelaxed, found);
    if (!end) saw(found);
    if (end) next_ = start == BroadcastStart::newest ? *end : oldest(*end);
  }
  // Goes on at a position() that a reader of this ring had: missed() counts what is gone since. A
  // position that is not reached yet is of another ring: joins at the oldest record.
  Reader(const BroadcastSlots<const std::byte>& memory, std::uint64_t position) noexcept
      : Reader(memory, BroadcastStart::newest) {
    next_ = position <= next_ ? position : oldest(next_);
  }

  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  // Copies the next record out, whole. False: not now, nothing is there (or corrupt()); then `into`
  // is undefined. A reader that was lapped goes on at the oldest record that is safe; missed() has
  // counted the others before this returns. REQUIRES: into.size() == message_bytes().
  [[nodiscard]] bool receive(std::span<std::byte> into) noexcept {
    assert(into.size() == at_.message_bytes());
    return receive_by([&](const Word* from) { copy_out(from, into); });
  }

  // The same for messages published by publish_sized(). Returns the size; nothing: not now.
  // REQUIRES: into.size() + 8 >= message_bytes().
  [[nodiscard]] std::optional<std::size_t> receive_sized(std::span<std::byte> into) noexcept {
    assert(into.size() + sizeof(Word) >= at_.message_bytes());
    const std::size_t largest = at_.message_bytes() - sizeof(Word);
    Word size = 0;
    const bool received = receive_by([&](const Word* from) {
      size = Atomics::load(*from, std::memory_order_relaxed, kRelaxed);
      if (size <= largest) copy_out(from + 1, into.first(size));  // else torn, or a lie
    });
    if (!received) return std::nullopt;
    if (size > largest) {
      saw("message size", size);
      return std::nullopt;
    }
    return size;
  }

  // The next record in place, of those published by publish_sized(): `look(message)` sees it where
  // it stands, once at most. It is passed over then; one that was torn is among missed(). What
  // `look` throws comes out, and the record comes again.
  template <class Look>
  [[nodiscard]] BroadcastSeen read_sized(Look&& look) {
    for (int tries = 0; tries < kTries && !corrupt(); ++tries) {
      const Word& sequence = at_.sequence_at(next_);
      const BroadcastSequence due = holding_sequence(next_);
      BroadcastSequence found = Atomics::load(sequence, std::memory_order_acquire, kPublish);  // P
      if (found == due) [[likely]] {
        const std::byte* const slot = at_.payload_at(next_);
        const Word size =
            Atomics::load(*object_at<Word>(slot), std::memory_order_relaxed, kRelaxed);
        const bool fits = size <= at_.message_bytes() - sizeof(Word);  // else torn, or a lie
        if (fits) look(std::span<const std::byte>(slot + sizeof(Word), size));
        Atomics::fence(std::memory_order_acquire, kTorn);  // T
        found = Atomics::load(sequence, std::memory_order_relaxed, kRelaxed);
        if (found == due) [[likely]] {  // I3
          if (!fits) saw("message size", size);
          if (fits) ++next_;
          return fits ? BroadcastSeen::whole : BroadcastSeen::nothing;
        }
        if (fits) {
          (void)was_lapped(found);
          return BroadcastSeen::torn;
        }
      }
      if (!was_lapped(found)) return BroadcastSeen::nothing;
    }
    return BroadcastSeen::nothing;
  }

  // Whether there is something to receive, or to find out about (missed(), corrupt()). Copies
  // nothing.
  [[nodiscard]] bool anything() const noexcept {
    const BroadcastSequence found =
        Atomics::load(at_.sequence_at(next_), std::memory_order_relaxed, kRelaxed);
    return corrupt() || found >= holding_sequence(next_) || !at_.plausible(found, next_);
  }

  // How many records were published that were neither received nor passed over. Those that will be
  // missed are among them: it can be more than the slot count. Looks at as many slots as their
  // count has bits.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    return broadcast_lag<Atomics>(at_, next_, kRelaxed);
  }
  // Of the record that is due. It moves on with what was received and what was missed, and with
  // nothing else.
  [[nodiscard]] std::uint64_t position() const noexcept { return next_; }
  // How many records this reader has passed over since it joined, because they were overwritten or
  // about to be: position() has come as far as what was received and what was missed together.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }

 private:
  static constexpr int kTries = 4;

  // `copy` may be called in vain, on what is being overwritten.
  template <class Copy>
  [[nodiscard]] bool receive_by(Copy&& copy) noexcept {
    if (corrupt()) [[unlikely]]
      return false;
    for (int tries = 0; tries < kTries; ++tries) {
      const Word& sequence = at_.sequence_at(next_);
      const BroadcastSequence due = holding_sequence(next_);
      BroadcastSequence found = Atomics::load(sequence, std::memory_order_acquire, kPublish);  // P
      if (found == due) [[likely]] {
        copy(object_at<Word>(at_.payload_at(next_)));
        Atomics::fence(std::memory_order_acquire, kTorn);  // T
        found = Atomics::load(sequence, std::memory_order_relaxed, kRelaxed);
        if (found == due) [[likely]] {  // I3
          ++next_;
          return true;
        }
      }
      if (!was_lapped(found)) return false;
    }
    return false;  // lapped again and again: the caller may have something better to do
  }

  // Ahead of the writer by enough not to be lapped again at once; also, the position at the end may
  // be being written.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t end) const noexcept {
    const std::uint64_t kept = at_.slot_count() - at_.step();
    return end > kept ? end - kept : 0;
  }

  // The sequence is not the one that is due. True: the reader has moved on, and may look again.
  [[nodiscard, gnu::noinline]] bool was_lapped(BroadcastSequence found) noexcept {
    if (!at_.plausible(found, next_)) saw(kSequenceField, found);     // I4
    if (corrupt() || found <= holding_sequence(next_)) return false;  // or nothing yet
    Finding bad;
    const std::optional<std::uint64_t> end =
        broadcast_end<Atomics>(at_, position_in(found), kRelaxed, bad);
    if (!end) saw(bad);
    if (corrupt()) return false;
    const std::uint64_t position = oldest(*end);  // ahead: end is more than a lap ahead of next_
    missed_ += position - next_;
    next_ = position;
    return true;
  }

  static void copy_out(const Word* from, std::span<std::byte> into) noexcept {
    const std::size_t words = into.size() / sizeof(Word);
    Atomics::load_words(into.data(), from, words, kRelaxed);
    const std::span<std::byte> rest = into.subspan(words * sizeof(Word));
    if (rest.empty()) return;
    const Word word = Atomics::load(from[words], std::memory_order_relaxed, kRelaxed);
    std::memcpy(rest.data(), &word, rest.size());
  }

  BroadcastPlaces<const std::byte> at_;
  std::uint64_t next_ = 0;
  std::uint64_t missed_ = 0;
};

}  // namespace ringbell::core

#include <ringbell/core/broadcast_lossy_writer.hpp>
