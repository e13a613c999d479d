// Many writers that wait for no reader, in one total order; any number of readers that only read.
// Each sees every message, or learns how many it missed. Messages of one size. Of whichever process
// dies at whatever instruction, the others go on.
//
//   control line                slots, a power of two of them
//   +-----------+----------+    +-------+---------+-------+---------+-----
//   | tail hint | recovery |    | state | payload | state | payload | ...
//   +-----------+----------+    +-------+---------+-------+---------+-----
//    writers' alone
//
// Position p is slot p modulo the slot count, in lap p / slot count. A slot's state word
// (many_memory.hpp) names its writer from the instant that it is claimed, and is all that a reader
// looks at. Writers claim as those of a ManyLossless do, but with no limit: a slot that is not in
// another writer's hand is free for the next lap. Readers leave no trace: they may map the memory
// read-only, and the writers know of none. One that joins or was lapped finds where the ring ends
// by a binary search.
//
// Invariants
//   I1  A position is claimed only when all before it have been: that is the order. What was
//       committed comes to each reader in it; what was aborted, or was claimed by a writer that
//       died, is passed over by all.
//   I2  Only the owner of a claimed slot stores its payload. It leaves the slot by compare-exchange
//       only: failing tells it that it was declared dead.
//   I3  A record is returned only if the state said ready in its lap before it was copied and
//       after; one that was looked at in place is called whole only then.
//   I4  A word from shared memory selects nothing but which slot is looked at next; a call looks at
//       a bounded number of them. What is impossible makes the handle corrupt(), a reader's for
//       good.
// Edges
//   P   publish: commit() stores ready -> a reader loads it: the payload is stored before it is
//       copied. (mpmc.P, bcast.P)
//   F   free: commit(), abort() and recover() end a claim -> the next claim() there: the slot's
//       last owner is done with the payload. (mpmc.F)
//   T   torn: a fence after the exchange to claimed -> a fence before the second look, as in a
//       BroadcastLossy: a reader that copied a word of the next lap sees at least its claim.
//   R   relaxed: the payload's words, ordered by P and T; the hint; the search, whose results are
//       bounds and are checked by I3.
// Progress: readers are wait-free, claim() is lock-free. A writer that stops, or dies, between
// claim and commit holds up the readers at its slot, and the writers a ring further on. A writer
// that was told that it is dead takes its slot by recover(); a reader that was told passes over the
// place by pass_over_dead(), and stores nothing for it.
// Death: nothing committed is lost or repeated, but what readers are too slow for.
// A hostile writer of the control line, also below what is impossible, can keep the writers from
// finding where they may claim.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/lossy_reader.hpp>
#include <ringbell/core/many_memory.hpp>
#include <ringbell/core/mpmc_participant.hpp>
#include <ringbell/core/mpmc_writer.hpp>
#include <ringbell/core/object_at.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class ManyLossy {
 public:
  class Writer;
  class Reader;

 private:
  using Words = LossyWords<Atomics>;
  using Word = typename Words::Word;
};

// A writing side: payload(), commit(), abort() and recover() are those of mpmc_writer.hpp. Not
// thread-safe; move-only; the memory, zeroed when the ring is new, must outlive it. Its slots are
// also a BroadcastSlots.
template <AtomicsPolicy Atomics>
class ManyLossy<Atomics>::Writer : public MpmcWriter<Atomics, typename ManyLossy<Atomics>::Writer> {
  using Base = MpmcWriter<Atomics, Writer>;
  friend Base;

 public:
  using Base::commit;
  using Base::message_bytes;
  using Base::payload;

  // `id` is this writer's alone, and not 0.
  Writer(const MpmcMemory& memory, ParticipantId id) noexcept : Base(memory, id) {}

  // As MpmcWriter's, which say what is room: "not now" means that another writer has been holding
  // the slot for a whole lap (waits_for()). The oldest record there is gone from now on. Plain
  // stores to it are a race with readers that ThreadSanitizer sees; write() has none.
  [[nodiscard]] std::span<std::byte> claim() noexcept {
    if (claim(1) == 0) return {};
    return payload(0);
  }
  [[nodiscard]] std::uint32_t claim(std::uint32_t wanted) noexcept {
    const std::uint32_t claimed = Base::claim(wanted);
    if (claimed != 0) Atomics::fence(std::memory_order_release, Words::kTorn);
    return claimed;
  }

  // Claims, copies one message in and commits. False: not now, or as commit(). REQUIRES: nothing is
  // claimed; message.size() == message_bytes().
  bool publish(std::span<const std::byte> message) noexcept {
    if (claim(1) == 0) return false;
    write(0, message);
    return commit();
  }

  // Copies the i-th of the claimed messages in. REQUIRES: i is less than their number;
  // message.size() == message_bytes().
  void write(std::uint32_t i, std::span<const std::byte> message) noexcept {
    assert(message.size() == message_bytes());
    Words::copy_in(words(i), message);
  }
  // The same for messages of any size: a word in front of each says it. REQUIRES:
  // message.size() + 8 <= message_bytes(); all of this ring's messages are written so.
  void write_sized(std::uint32_t i, std::span<const std::byte> message) noexcept {
    assert(message.size() + sizeof(Word) <= message_bytes());
    Words::copy_in_sized(words(i), message);
  }
  // That word alone, of what was written in place behind it.
  void write_size(std::uint32_t i, Word size_bytes) noexcept {
    assert(size_bytes + sizeof(Word) <= message_bytes());
    Atomics::store(*words(i), size_bytes, std::memory_order_relaxed, Words::kRelaxed);
  }

 private:
  using Base::saw;

  [[nodiscard]] static constexpr bool plausible(MpmcSlotState state) noexcept {
    return ManySlot::plausible(state);
  }
  [[nodiscard]] static constexpr bool is_free(MpmcState word, std::uint64_t lap) noexcept {
    return ManySlot::is_free(word, lap);
  }
  [[nodiscard]] static constexpr bool reaches(std::uint64_t position) noexcept {
    return position < kMaxBroadcastPosition;
  }
  [[nodiscard]] bool may_claim(std::uint64_t position) noexcept {
    if (reaches(position)) [[likely]]
      return true;
    saw("MpmcControl::tail_hint", position);  // I4: which only the hint can have led to
    return false;
  }

  [[nodiscard]] Word* words(std::uint32_t i) const noexcept {
    return object_at<Word>(payload(i).data());
  }
};

// A reading side: receive(), receive_sized() and read_sized() are those of lossy_reader.hpp.
// missed() counts all that it was too slow for, also what had been given up.
template <AtomicsPolicy Atomics>
class ManyLossy<Atomics>::Reader
    : public LossyReader<Atomics, ManyPlaces, typename ManyLossy<Atomics>::Reader> {
  using Base = LossyReader<Atomics, ManyPlaces, Reader>;
  friend Base;

 public:
  using Base::corrupt;

  // Joins at the oldest record that is safe, or at what is claimed next.
  explicit Reader(const BroadcastSlots<const std::byte>& memory,
                  BroadcastStart start = BroadcastStart::oldest) noexcept
      : Base(memory) {
    const MpmcState first =
        Atomics::load(at_.state_at(0), std::memory_order_relaxed, Words::kRelaxed);
    const std::optional<std::uint64_t> end = end_from(begun_by(at_, first), first);
    if (end) next_ = start == BroadcastStart::newest ? *end : oldest(*end);
  }
  // Goes on at a position() that a reader of this ring had: missed() counts what is gone since. A
  // position that is not reached yet is of another ring: joins at the oldest record.
  Reader(const BroadcastSlots<const std::byte>& memory, std::uint64_t position) noexcept
      : Reader(memory, BroadcastStart::newest) {
    next_ = position <= next_ ? position : oldest(next_);
  }

  // Whether there is something to receive, or to find out about (missed(), corrupt()). Goes on over
  // what was given up, and copies nothing.
  [[nodiscard]] bool anything() noexcept {
    const MpmcState word = pass_over_given_up(look_at_next());
    const ManySlot slot(word, at_.lap_of(next_));
    return corrupt() || slot.is_ready() || slot.is_overwritten() || !slot.plausible();
  }

  // How many records were claimed that were neither received nor passed over. Those that will be
  // missed are among them: it can be more than the slot count. Looks at as many slots as their
  // count has bits.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    return many_end<Atomics>(at_, next_, look_at_next(), Words::kRelaxed).value_or(next_) - next_;
  }

  // The writer whose claim was in the way when the last call found nothing; 0: none was. Ask
  // whether it lives if it stays so.
  [[nodiscard]] ParticipantId waits_for() const noexcept { return waits_for_; }
  // Passes over the records that are due while their writers are dead and did not commit them.
  // False: there was none. REQUIRES: what a dead writer did happened before is_dead(id) said so.
  template <class IsDead>
  bool pass_over_dead(IsDead&& is_dead) noexcept {
    bool passed = false;
    for (std::uint64_t looks = at_.slot_count(); looks > 0; --looks) {
      const MpmcState word = look_at_next();
      const ManySlot slot(word, at_.lap_of(next_));
      if (!slot.is_passed_over()) {
        if (!slot.is_held() || !is_dead(slot.owner())) break;
        if (look_at_next() != word) break;  // it has done its last store in between
        passed = true;
      }
      ++next_;
    }
    return passed;
  }

 private:
  using Base::at_;
  using Base::next_;
  using Base::oldest;
  using Base::saw;
  using Base::skip_to;

  [[nodiscard]] MpmcState due() const noexcept {
    return MpmcSlotState::ready(at_.lap_of(next_), false);
  }
  [[nodiscard, gnu::noinline]] bool moves_on(MpmcState word) noexcept {
    word = pass_over_given_up(word);
    const ManySlot slot(word, at_.lap_of(next_));
    if (!slot.plausible()) saw("MpmcState", word);  // I4
    if (corrupt()) return false;
    return slot.is_ready() || (slot.is_overwritten() && was_lapped(word));
  }
  // `word` is that of the slot that is due. Returns that of the one that is due then.
  [[nodiscard]] MpmcState pass_over_given_up(MpmcState word) noexcept {
    std::uint64_t looks = at_.slot_count();
    for (; looks > 0 && ManySlot(word, at_.lap_of(next_)).is_passed_over(); --looks) {
      ++next_;
      word = look_at_next();
    }
    const ManySlot slot(word, at_.lap_of(next_));
    waits_for_ = slot.is_held() ? slot.owner() : ParticipantId{0};
    return word;
  }
  // The slot of the position that is due is in a later lap.
  [[nodiscard]] bool was_lapped(MpmcState word) noexcept {
    const std::optional<std::uint64_t> end = end_from(next_, word);
    if (end) skip_to(oldest(*end));  // ahead: end is more than a lap ahead of next_
    return end.has_value();
  }
  [[nodiscard]] std::optional<std::uint64_t> end_from(std::uint64_t begun,
                                                      MpmcState word) noexcept {
    const std::optional<std::uint64_t> end = many_end<Atomics>(at_, begun, word, Words::kRelaxed);
    if (!end) saw("MpmcState", word);
    return end;
  }
  [[nodiscard]] MpmcState look_at_next() const noexcept {
    return Atomics::load(at_.state_at(next_), std::memory_order_acquire, Words::kPublish);
  }

  ParticipantId waits_for_ = 0;
};

}  // namespace ringbell::core
