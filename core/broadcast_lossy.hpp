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

#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/lossy_reader.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class BroadcastLossy {
 public:
  class Writer;
  class Reader;

 private:
  using Words = LossyWords<Atomics>;
  using Word = typename Words::Word;
};

// A reading side: receive(), receive_sized() and read_sized() are those of lossy_reader.hpp.
template <AtomicsPolicy Atomics>
class BroadcastLossy<Atomics>::Reader
    : public LossyReader<Atomics, BroadcastPlaces<const std::byte>,
                         typename BroadcastLossy<Atomics>::Reader> {
  using Base = LossyReader<Atomics, BroadcastPlaces<const std::byte>, Reader>;
  friend Base;

 public:
  using Base::corrupt;

  // Joins at the oldest record that is safe, or so that it sees whatever is published from now on.
  explicit Reader(const BroadcastSlots<const std::byte>& memory,
                  BroadcastStart start = BroadcastStart::oldest) noexcept
      : Base(memory) {
    Finding found;
    const std::optional<std::uint64_t> end = broadcast_end<Atomics>(at_, Words::kRelaxed, found);
    if (!end) saw(found);
    if (end) next_ = start == BroadcastStart::newest ? *end : oldest(*end);
  }
  // Goes on at a position() that a reader of this ring had: missed() counts what is gone since. A
  // position that is not reached yet is of another ring: joins at the oldest record.
  Reader(const BroadcastSlots<const std::byte>& memory, std::uint64_t position) noexcept
      : Reader(memory, BroadcastStart::newest) {
    next_ = position <= next_ ? position : oldest(next_);
  }

  // Whether there is something to receive, or to find out about (missed(), corrupt()). Copies
  // nothing.
  [[nodiscard]] bool anything() const noexcept {
    const BroadcastSequence found =
        Atomics::load(at_.sequence_at(next_), std::memory_order_relaxed, Words::kRelaxed);
    return corrupt() || found >= holding_sequence(next_) || !at_.plausible(found, next_);
  }

  // How many records were published that were neither received nor passed over. Those that will be
  // missed are among them: it can be more than the slot count. Looks at as many slots as their
  // count has bits.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    return broadcast_lag<Atomics>(at_, next_, Words::kRelaxed);
  }

 private:
  using Base::at_;
  using Base::next_;
  using Base::oldest;
  using Base::saw;
  using Base::skip_to;

  [[nodiscard]] BroadcastSequence due() const noexcept { return holding_sequence(next_); }
  [[nodiscard, gnu::noinline]] bool moves_on(BroadcastSequence found) noexcept {
    if (!at_.plausible(found, next_)) saw(kSequenceField, found);  // I4
    if (corrupt() || found <= due()) return false;                 // or nothing yet
    Finding bad;
    const std::optional<std::uint64_t> end =
        broadcast_end<Atomics>(at_, position_in(found), Words::kRelaxed, bad);
    if (!end) saw(bad);
    if (corrupt()) return false;
    skip_to(oldest(*end));  // ahead: end is more than a lap ahead of next_
    return true;
  }
};

}  // namespace ringbell::core

#include <ringbell/core/broadcast_lossy_writer.hpp>
