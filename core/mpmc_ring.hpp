// Many writers, many readers, messages of one size, one total order, and no death that stops the
// others.
//
//   control lines                             slots, a power of two of them
//   +-----------+-----------+----------+     +-------+---------+-------+---------+-----
//   | tail hint | head hint | recovery |     | state | payload | state | payload | ...
//   +-----------+-----------+----------+     +-------+---------+-------+---------+-----
//
// Positions are free-running; position p is slot p modulo the slot count, in lap p / slot count. A
// slot's state word (mpmc_memory.hpp) goes round once each lap:
//
//   free(lap) -> claimed(lap, writer) -> ready(lap) -> taken(lap, reader) -> free(lap + 1)
//                     | aborted, or its writer died                             ^
//                     +---------------------------------------------------------+
//   A dead reader's taken(lap, reader) becomes ready(lap) again, marked as redelivered.
//
// The state is the truth and names its owner from the first instant; where the ring begins and ends
// is found by looking at states. The two counters are hints that save looking: published now and
// then, by a plain store, possibly an old value over a newer one, never ahead of the truth.
//
// Invariants
//   I1  A position is claimed only when all before it have been. So hints and private positions of
//       writers, being one past a position that was claimed, are never ahead of the first unclaimed
//       one. The same for readers: taken, or skipped.
//   I2  Only the owner of a claimed or taken slot touches its payload.
//   I3  Owners leave a slot by compare-exchange only: failing tells them that they were declared
//       dead (evicted) and the slot is another's.
//   I4  A word from shared memory selects nothing but which slot of the ring is looked at next; a
//       call looks at no more than two laps of them.
// Edges
//   P   publish: commit() stores ready -> a reader's take: the payload is written before it is
//       read. It holds over redelivery too, because read-modify-writes continue a release sequence.
//   F   free: release(), abort() and recover() store free or ready again -> the next claim or take:
//       the slot's last owner is done with the payload.
//   D   recover() counts up `returned` -> a reader that finds nothing: the slot says ready again
//       before the reader looks for it.
//   R   relaxed: looks at states before the compare-exchange that counts, and the hints.
// Progress: lock-free, for all together; a participant that stops, or dies, between claim and
// commit holds up the readers at its slot, until recover() has been told that it is dead.
// Death: see recover(). Nothing committed is lost; a message may come again only if its reader died
// with it, and says so (redelivered()).
//
// Slots with a sequence each are Vyukov's bounded MPMC queue; there a counter is moved first, and a
// thread that dies between that and its slot stops the queue for ever.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>
#include <ringbell/core/mpmc_participant.hpp>
#include <ringbell/core/mpmc_writer.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class MpmcRing {
 public:
  class Writer;
  class Reader;
};

// The writing side. Not thread-safe; move-only. A slot is free once a reader or an abort freed it.
template <AtomicsPolicy Atomics>
class MpmcRing<Atomics>::Writer : public MpmcWriter<Atomics, typename MpmcRing<Atomics>::Writer> {
  using Base = MpmcWriter<Atomics, Writer>;
  friend Base;

 public:
  // `id` is this participant's alone, and not 0.
  Writer(const MpmcMemory& memory, ParticipantId id) noexcept : Base(memory, id) {}

 private:
  [[nodiscard]] static constexpr bool plausible(MpmcSlotState state) noexcept {
    return state.plausible();
  }
  [[nodiscard]] static constexpr bool is_free(MpmcState word, std::uint64_t lap) noexcept {
    return word == MpmcSlotState::freed(lap);
  }
  [[nodiscard]] static constexpr bool reaches(std::uint64_t) noexcept { return true; }
  [[nodiscard]] static constexpr bool may_claim(std::uint64_t) noexcept { return true; }
};

// The reading side. Not thread-safe; move-only.
template <AtomicsPolicy Atomics>
class MpmcRing<Atomics>::Reader : public MpmcParticipant<Atomics> {
  using Participant = MpmcParticipant<Atomics>;

 public:
  // `id` is this participant's alone, and not 0.
  Reader(const MpmcMemory& memory, ParticipantId id) noexcept
      : Participant(memory, id,
                    Atomics::load(memory.control->head_hint, std::memory_order_relaxed, kRelaxed)) {
  }

  // The next message, in place, this reader's alone; or an empty span: not now, nothing is there,
  // or not yet committed (waits_for() names its writer). The same message again until release().
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    if (count_ == 0 && take(1) == 0) return {};
    return payload(0);
  }

  // Whether peek() would find another message behind those in hand, if no other reader takes it
  // first. Takes nothing. Of messages that come again it knows nothing.
  [[nodiscard]] bool has_more() noexcept {
    return is_ready_at(next_) || search([](auto&&...) { return true; });
  }

  // Takes up to `wanted` messages, next to each other in the order. Returns how many, at most the
  // slot count. REQUIRES: nothing is in hand; wanted > 0.
  [[nodiscard]] std::uint32_t take(std::uint32_t wanted) noexcept {
    assert(count_ == 0 && wanted > 0);
    redelivered_ = false;
    if (!take_at(next_) && !search([this](std::uint64_t, MpmcState& state, MpmcState word) {
          if (!take_as(state, word)) return false;
          redelivered_ = MpmcSlotState(word).again();
          return true;
        })) {
      return take_returned() ? 1 : 0;
    }
    wanted = at_.clamp_to_slot_count(wanted);
    first_ = next_;
    count_ = 1;
    while (count_ < wanted && !redelivered_ && take_at(first_ + count_)) ++count_;
    next_ = first_ + count_;
    publish_hint(at_.control().head_hint);
    return count_;
  }

  // The i-th of the messages in hand. REQUIRES: i is less than their number.
  [[nodiscard]] std::span<const std::byte> payload(std::uint32_t i) const noexcept {
    assert(i < count_);
    return {at_.payload_at(first_ + i), at_.message_bytes()};
  }

  // Another reader died with the message in hand and may have acted on it. It comes out of order.
  [[nodiscard]] bool redelivered() const noexcept { return redelivered_; }

  // Frees what is in hand: the bytes may be overwritten from now on. False: this one was declared
  // dead meanwhile, at least one message goes to another reader (evicted() counts them).
  bool release() noexcept {
    return finish_slots(
        [this](std::uint64_t lap) { return MpmcSlotState::taken(lap, id_, redelivered_); },
        [](std::uint64_t lap) { return MpmcSlotState::freed(lap + 1); }, kFree);
  }

 private:
  using Participant::at_;
  using Participant::count_;
  using Participant::finish_slots;
  using Participant::first_;
  using Participant::id_;
  using Participant::kFree;
  using Participant::kPublish;
  using Participant::kRelaxed;
  using Participant::kReturned;
  using Participant::next_;
  using Participant::publish_hint;
  using Participant::search_from;

  [[nodiscard]] bool is_ready_at(std::uint64_t position) const noexcept {
    return Atomics::load(at_.state_at(position), std::memory_order_relaxed, kRelaxed) ==
           MpmcSlotState::ready(at_.lap_of(position), false);
  }
  [[nodiscard]] bool take_at(std::uint64_t position) noexcept {
    const std::uint64_t lap = at_.lap_of(position);
    MpmcState& state = at_.state_at(position);
    const MpmcState word = Atomics::load(state, std::memory_order_relaxed, kRelaxed);
    return word == MpmcSlotState::ready(lap, false) && take_as(state, word);
  }
  [[nodiscard]] bool take_as(MpmcState& state, MpmcState word) noexcept {
    const MpmcSlotState before(word);
    return Atomics::compare_exchange(
        state, word, MpmcSlotState::taken(before.lap(), id_, before.again()),
        std::memory_order_acquire, std::memory_order_relaxed, kPublish);
  }

  // The first position that is ready, if `take(position, state, word)`.
  template <class Take>
  [[nodiscard, gnu::noinline]] bool search(Take&& take) noexcept {
    return search_from(at_.control().head_hint, judge, take);
  }
  [[nodiscard]] static MpmcLook judge(MpmcState word, std::uint64_t lap) noexcept {
    const MpmcSlotState state(word);
    const std::int64_t ahead = state.laps_ahead_of(lap);
    if (!state.plausible()) return {MpmcLook::kImpossible};
    if (ahead < 0) return {MpmcLook::kNotNow};  // not even freed: nothing
    if (ahead == 0 && state.phase() == MpmcSlotState::kReady) return {MpmcLook::kDue};
    // Free, or claimed and not yet committed.
    if (ahead == 0 && state.phase() != MpmcSlotState::kTaken) {
      return {.kind = MpmcLook::kNotNow, .waits_for = state.owner()};
    }
    // Taken or skipped. A slot that was claimed again tells of the whole lap before it.
    const std::int64_t laps = ahead - (state.phase() == MpmcSlotState::kFree ? 2 : 1);
    return {.kind = MpmcLook::kPassed, .laps = laps > 0 ? laps : 0};
  }

  // What a dead reader had in hand, if there is nothing else.
  [[nodiscard]] bool take_returned() noexcept {
    const std::uint64_t returned =
        Atomics::load(at_.control().returned, std::memory_order_acquire, kReturned);
    if (returned == returned_seen_) [[likely]]
      return false;
    for (std::uint64_t slot = 0; slot < at_.slot_count(); ++slot) {
      MpmcState& where = at_.state_at(slot);
      const MpmcState word = Atomics::load(where, std::memory_order_relaxed, kRelaxed);
      const MpmcSlotState state(word);
      if (state.phase() != MpmcSlotState::kReady || !state.again()) continue;
      if (!take_as(where, word)) continue;
      redelivered_ = true;
      first_ = at_.position_of(state.lap(), slot);
      count_ = 1;
      return true;
    }
    returned_seen_ = returned;
    return false;
  }

  std::uint64_t returned_seen_ = 0;  // the count when last there was nothing to find
  bool redelivered_ = false;
};

}  // namespace ringbell::core
