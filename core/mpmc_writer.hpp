// The writing side of a ring whose writers claim slots of one total order: of an MpmcRing
// (mpmc_ring.hpp, which has the protocol and the edges), and of the broadcast rings of many writers
// (many_lossless.hpp, many_lossy.hpp). They differ in when a slot may be claimed:
//
//   Self::plausible(state)          a ring of this kind stores such a state
//   Self::is_free(word, lap)        a slot in this state may be claimed in this lap
//   self.may_claim(position)        and it is this position's turn; may look at more than slots
//   self.reaches(position)          the same, as may_claim() found it last. False for one position:
//                                   also for all behind it
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>
#include <ringbell/core/mpmc_participant.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics, class Self>
class MpmcWriter : public MpmcParticipant<Atomics> {
  using Participant = MpmcParticipant<Atomics>;

 public:
  // Room for one message, uninitialised; or an empty span: not now, the ring is full (waits_for()
  // names the participant in the way). The message has its place in the order from now on, and the
  // readers wait at it: commit() or abort() soon. REQUIRES: nothing is claimed.
  [[nodiscard]] std::span<std::byte> claim() noexcept {
    if (claim(1) == 0) return {};
    return payload(0);
  }

  // Whether claim() would find room now. Claims nothing.
  [[nodiscard]] bool has_room() noexcept {
    return (is_free_at(next_) || search([](auto&&...) { return true; })) && self().may_claim(next_);
  }

  // The same for up to `wanted` messages, next to each other in the order. Returns how many, at
  // most the slot count.
  // REQUIRES: nothing is claimed; wanted > 0.
  [[nodiscard]] std::uint32_t claim(std::uint32_t wanted) noexcept {
    assert(count_ == 0 && wanted > 0);
    // The search ends also where no position may be claimed.
    if (!claim_at(next_) && self().reaches(next_) && !search([this](std::uint64_t at, auto&&...) {
          return claim_at(at) || !self().reaches(at);
        })) {
      return 0;
    }
    if (!self().reaches(next_)) return 0;
    wanted = at_.clamp_to_slot_count(wanted);
    first_ = next_;
    count_ = 1;
    while (count_ < wanted && claim_at(first_ + count_)) ++count_;
    next_ = first_ + count_;
    publish_hint(at_.control().tail_hint);
    return count_;
  }

  // The room of the i-th of the claimed messages. REQUIRES: i is less than their number.
  [[nodiscard]] std::span<std::byte> payload(std::uint32_t i) const noexcept {
    assert(i < count_);
    return {at_.payload_at(first_ + i), at_.message_bytes()};
  }

  // Makes what is claimed visible to the readers. False: this one was declared dead meanwhile, at
  // least one message was skipped (evicted() counts them).
  bool commit() noexcept {
    return finish_slots([id = id_](std::uint64_t lap) { return MpmcSlotState::claimed(lap, id); },
                        [](std::uint64_t lap) { return MpmcSlotState::ready(lap, false); },
                        kPublish);
  }

  // Gives the claimed places up; the readers pass over them. False as for commit().
  bool abort() noexcept {
    return finish_slots([id = id_](std::uint64_t lap) { return MpmcSlotState::claimed(lap, id); },
                        [](std::uint64_t lap) { return MpmcSlotState::freed(lap + 1); }, kFree);
  }

 protected:
  MpmcWriter(const MpmcMemory& memory, ParticipantId id) noexcept
      : Participant(memory, id,
                    Atomics::load(memory.control->tail_hint, std::memory_order_relaxed, kRelaxed)) {
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
  using Participant::next_;
  using Participant::publish_hint;
  using Participant::search_from;

  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }

  [[nodiscard]] bool is_free_at(std::uint64_t position) const noexcept {
    const MpmcState word =
        Atomics::load(at_.state_at(position), std::memory_order_relaxed, kRelaxed);
    return Self::is_free(word, at_.lap_of(position));
  }
  [[nodiscard]] bool claim_at(std::uint64_t position) noexcept {
    if (!self().may_claim(position)) return false;
    const std::uint64_t lap = at_.lap_of(position);
    MpmcState& state = at_.state_at(position);
    MpmcState word = Atomics::load(state, std::memory_order_relaxed, kRelaxed);
    return Self::is_free(word, lap) &&
           Atomics::compare_exchange(state, word, MpmcSlotState::claimed(lap, id_),
                                     std::memory_order_acquire, std::memory_order_relaxed, kFree);
  }

  // The first position that is free, if `take(position, ...)`.
  template <class Take>
  [[nodiscard, gnu::noinline]] bool search(Take&& take) noexcept {
    return search_from(at_.control().tail_hint, judge, take);
  }
  [[nodiscard]] static MpmcLook judge(MpmcState word, std::uint64_t lap) noexcept {
    const MpmcSlotState state(word);
    if (!Self::plausible(state)) return {MpmcLook::kImpossible};
    if (Self::is_free(word, lap)) return {MpmcLook::kDue};
    const std::int64_t ahead = state.laps_ahead_of(lap);
    // Not freed in the lap before: full.
    if (ahead < 0) return {.kind = MpmcLook::kNotNow, .waits_for = state.owner()};
    // Claimed, in this lap or in as many later ones as the state tells.
    return {.kind = MpmcLook::kPassed,
            .laps = ahead - (state.phase() == MpmcSlotState::kFree ? 1 : 0)};
  }
};

}  // namespace ringbell::core
