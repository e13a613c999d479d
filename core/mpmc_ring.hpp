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
                    Atomics::load(memory.control->head_hint, std::memory_order_relaxed,
                                  Participant::kRelaxed)) {}

  // The next message, in place, this reader's alone; or an empty span: not now, nothing is there,
  // or not yet committed (waits_for() names its writer). The same message again until release().
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    if (this->count_ == 0 && take(1) == 0) return {};
    return payload(0);
  }

  // Whether peek() would find another message behind those in hand, if no other reader takes it
  // first. Takes nothing. Of messages that come again it knows nothing.
  [[nodiscard]] bool has_more() noexcept {
    return is_ready_at(this->next_) || search([](MpmcState&, MpmcState) { return true; });
  }

  // Takes up to `wanted` messages, next to each other in the order. Returns how many, at most the
  // slot count. REQUIRES: nothing is in hand; wanted > 0.
  [[nodiscard]] std::uint32_t take(std::uint32_t wanted) noexcept {
    assert(this->count_ == 0 && wanted > 0);
    redelivered_ = false;
    if (!take_at(this->next_) && !search([this](MpmcState& state, MpmcState word) {
          if (!take_as(state, word)) return false;
          redelivered_ = MpmcSlotState(word).again();
          return true;
        })) {
      return take_returned() ? 1 : 0;
    }
    wanted = this->at_.clamp_to_slot_count(wanted);
    this->first_ = this->next_;
    this->count_ = 1;
    while (this->count_ < wanted && !redelivered_ && take_at(this->first_ + this->count_)) {
      ++this->count_;
    }
    this->next_ = this->first_ + this->count_;
    this->publish_hint(this->at_.control().head_hint);
    return this->count_;
  }

  // The i-th of the messages in hand. REQUIRES: i is less than their number.
  [[nodiscard]] std::span<const std::byte> payload(std::uint32_t i) const noexcept {
    assert(i < this->count_);
    return {this->at_.payload_at(this->first_ + i), this->at_.message_bytes()};
  }

  // Another reader died with the message in hand and may have acted on it. It comes out of order.
  [[nodiscard]] bool redelivered() const noexcept { return redelivered_; }

  // Frees what is in hand: the bytes may be overwritten from now on. False: this one was declared
  // dead meanwhile, at least one message goes to another reader (evicted() counts them).
  bool release() noexcept {
    return this->finish_slots(
        [this](std::uint64_t lap) { return MpmcSlotState::taken(lap, this->id_, redelivered_); },
        [](std::uint64_t lap) { return MpmcSlotState::freed(lap + 1); }, Participant::kFree);
  }

 private:
  [[nodiscard]] bool is_ready_at(std::uint64_t position) const noexcept {
    return Atomics::load(this->at_.state_at(position), std::memory_order_relaxed,
                         Participant::kRelaxed) ==
           MpmcSlotState::ready(this->at_.lap_of(position), false);
  }
  [[nodiscard]] bool take_at(std::uint64_t position) noexcept {
    const std::uint64_t lap = this->at_.lap_of(position);
    MpmcState& state = this->at_.state_at(position);
    const MpmcState word = Atomics::load(state, std::memory_order_relaxed, Participant::kRelaxed);
    return word == MpmcSlotState::ready(lap, false) && take_as(state, word);
  }
  [[nodiscard]] bool take_as(MpmcState& state, MpmcState word) noexcept {
    const MpmcSlotState before(word);
    return Atomics::compare_exchange(
        state, word, MpmcSlotState::taken(before.lap(), this->id_, before.again()),
        std::memory_order_acquire, std::memory_order_relaxed, Participant::kPublish);  // P
  }

  // Others were here: the first position that is ready, if `take(state, word)`.
  template <class Take>
  [[nodiscard, gnu::noinline]] bool search(Take&& take) noexcept {
    this->searched_ = true;
    std::uint64_t position = this->max_position(Atomics::load(
        this->at_.control().head_hint, std::memory_order_relaxed, Participant::kRelaxed));
    for (std::uint64_t looks = 2 * this->at_.slot_count(); looks > 0; --looks) {
      MpmcState& where = this->at_.state_at(position);
      const MpmcState word = Atomics::load(where, std::memory_order_relaxed, Participant::kRelaxed);
      const MpmcSlotState state(word);
      const std::int64_t ahead = state.laps_ahead_of(this->at_.lap_of(position));
      if (!state.plausible()) return this->give_up(word);
      if (ahead < 0) return this->not_now(position, MpmcSlotState(0));  // not even freed: nothing
      if (ahead == 0 && state.phase() == MpmcSlotState::kReady) {
        if (take(where, word)) {
          this->next_ = position;
          return true;
        }
      } else if (ahead == 0 && state.phase() != MpmcSlotState::kTaken) {
        return this->not_now(position, state);  // free, or claimed and not yet committed
      } else {
        // Taken or skipped. A slot that was claimed again tells of the whole lap before it.
        const std::int64_t laps = ahead - (state.phase() == MpmcSlotState::kFree ? 2 : 1);
        if (laps > 0) position += static_cast<std::uint64_t>(laps) * this->at_.slot_count();
        ++position;
      }
    }
    return false;
  }

  // What a dead reader had in hand, if there is nothing else.
  [[nodiscard]] bool take_returned() noexcept {
    const std::uint64_t returned = Atomics::load(
        this->at_.control().returned, std::memory_order_acquire, Participant::kReturned);  // D
    if (returned == returned_seen_) [[likely]]
      return false;
    for (std::uint64_t slot = 0; slot < this->at_.slot_count(); ++slot) {
      MpmcState& where = this->at_.state_at(slot);
      const MpmcState word = Atomics::load(where, std::memory_order_relaxed, Participant::kRelaxed);
      const MpmcSlotState state(word);
      if (state.phase() != MpmcSlotState::kReady || !state.again()) continue;
      if (!take_as(where, word)) continue;
      redelivered_ = true;
      this->first_ = this->at_.position_of(state.lap(), slot);
      this->count_ = 1;
      return true;
    }
    returned_seen_ = returned;
    return false;
  }

  std::uint64_t returned_seen_ = 0;  // the count when last there was nothing to find
  bool redelivered_ = false;
};

}  // namespace ringbell::core
