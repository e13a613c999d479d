// What writers and readers of an MpmcRing (mpmc_ring.hpp, which has the protocol) have in common:
// their place in the order and the search for it, the messages that they hold, and recovery after a
// death.
#pragma once

#include <cassert>
#include <cstdint>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// What recover() found in the slots of dead participants.
struct MpmcRecovered {
  std::uint64_t skipped = 0;   // messages that were claimed and never committed: gone
  std::uint64_t returned = 0;  // messages that were taken and not released: to be read again
};

// What stands in the slots of a ring.
struct MpmcContents {
  std::uint64_t claimed = 0;  // room in a writer's hand
  std::uint64_t ready = 0;    // messages that no reader has taken, or that come again
  std::uint64_t taken = 0;    // messages in a reader's hand
  std::uint64_t freed = 0;    // since the ring was made: given back, aborted or skipped

  [[nodiscard]] constexpr std::uint64_t all() const noexcept { return claimed + ready + taken; }
  // Since the ring was made. Never less than an earlier look found, as freed never is.
  [[nodiscard]] constexpr std::uint64_t ever_claimed() const noexcept { return freed + all(); }
};

// Looks at each slot, once, and stores nothing: exact while all rest, else a picture in which each
// slot was so at some time. `edge` labels the loads, which are relaxed.
template <AtomicsPolicy Atomics>
[[nodiscard]] MpmcContents contents_of(const MpmcPlaces& at, Edge edge) noexcept {
  MpmcContents found;
  for (std::uint64_t slot = 0; slot < at.slot_count(); ++slot) {
    const MpmcSlotState state(Atomics::load(at.state_at(slot), std::memory_order_relaxed, edge));
    found.freed += state.lap();
    switch (state.phase()) {
      case MpmcSlotState::kClaimed:
        ++found.claimed;
        break;
      case MpmcSlotState::kReady:
        ++found.ready;
        break;
      case MpmcSlotState::kTaken:
        ++found.taken;
        break;
      default:
        break;  // free, or no ring's
    }
  }
  return found;
}

// What a slot is to a participant that searches for its next position.
struct MpmcLook {
  enum Kind : std::uint8_t { kImpossible, kNotNow, kDue, kPassed };

  Kind kind;
  ParticipantId waits_for = 0;  // kNotNow: the owner in the way; 0: there is none
  std::int64_t laps = 0;        // kPassed: the search goes on so many laps and a position further
};

// What writers and readers have in common. Not thread-safe; the memory must outlive it.
template <AtomicsPolicy Atomics>
class MpmcParticipant : public Witness {
 public:
  MpmcParticipant(const MpmcParticipant&) = delete;
  MpmcParticipant& operator=(const MpmcParticipant&) = delete;

  [[nodiscard]] ParticipantId id() const noexcept { return id_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }
  // Of the first message in hand: its place in the total order.
  [[nodiscard]] std::uint64_t position() const noexcept { return first_; }
  // The participant whose slot was in the way when the last call found "not now"; 0: none, the ring
  // was full or empty. Ask whether it lives if it stays so.
  [[nodiscard]] ParticipantId waits_for() const noexcept { return waits_for_; }
  [[nodiscard]] MpmcContents contents() const noexcept {
    return contents_of<Atomics>(at_, kRelaxed);
  }
  // Messages that this participant held when another one declared it dead.
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }

  // Frees the slots that dead participants held: `is_dead(id)` is asked about owners of slots, once
  // or more often, and may be asked about this one itself. Any participant may call it at any time.
  // An id may be given to a new participant when its owner is dead and a recover() begun after that
  // has returned. REQUIRES: what the dead owner stored happened before is_dead() said so.
  template <class IsDead>
  MpmcRecovered recover(IsDead&& is_dead) noexcept {
    return recover(at_, is_dead);
  }
  // The same by a process that takes no part.
  template <class IsDead>
  static MpmcRecovered recover(const MpmcPlaces& at, IsDead&& is_dead) noexcept {
    MpmcRecovered found;
    bool tell = false;
    for (std::uint64_t slot = 0; slot < at.slot_count(); ++slot) {
      MpmcState word = Atomics::load(at.state_at(slot), std::memory_order_relaxed, kRelaxed);
      MpmcSlotState state(word);
      // Another recover() may win the exchange, so look again; only a hostile peer can win for
      // ever.
      for (int tries = 0; tries < kTries && has_dead_owner(state, is_dead); ++tries) {
        const bool skip = state.phase() == MpmcSlotState::kClaimed;
        const MpmcState next =
            skip ? MpmcSlotState::freed(state.lap() + 1) : MpmcSlotState::ready(state.lap(), true);
        if (Atomics::compare_exchange(at.state_at(slot), word, next, std::memory_order_release,
                                      std::memory_order_relaxed, kFree)) {
          ++(skip ? found.skipped : found.returned);
          word = next;
        }
        state = MpmcSlotState(word);
      }
      // Also for what another recover() returned, if its process died before it counted that.
      tell = tell || (state.phase() == MpmcSlotState::kReady && state.again());
    }
    if (found.skipped > 0) {
      Atomics::fetch_add(at.control().skipped, found.skipped, std::memory_order_relaxed, kRelaxed);
    }
    if (tell) {
      Atomics::fetch_add(at.control().returned, std::uint64_t{1}, std::memory_order_release,
                         kReturned);
    }
    return found;
  }

 protected:
  // A counter is published at least after so many positions, and whenever the old one was found to
  // be behind.
  static constexpr std::uint32_t kHintEvery = 16;

  static constexpr Edge kPublish{"mpmc.P"};
  static constexpr Edge kFree{"mpmc.F"};
  static constexpr Edge kReturned{"mpmc.D"};
  static constexpr Edge kRelaxed{"mpmc.R"};

  MpmcParticipant(const MpmcMemory& memory, ParticipantId id, std::uint64_t next) noexcept
      : at_(memory), next_(next), id_(id) {
    assert(id != 0);
  }
  MpmcParticipant(MpmcParticipant&&) noexcept = default;
  MpmcParticipant& operator=(MpmcParticipant&&) noexcept = default;
  ~MpmcParticipant() = default;

  static constexpr int kTries = 4;

  template <class IsDead>
  static bool has_dead_owner(MpmcSlotState state, IsDead&& is_dead) noexcept {
    return state.plausible() && state.has_owner() && is_dead(state.owner());
  }

  // Where to look: the hint, or this participant's own position if that is further.
  [[nodiscard]] std::uint64_t max_position(std::uint64_t hint) const noexcept {
    return static_cast<std::int64_t>(hint - next_) > 0 ? hint : next_;
  }

  // Others were here: the first position, from the hint on, that is due to this role, if
  // `take(position, state, word)`. `judge(word, lap)` says what a slot is to it.
  template <class Judge, class Take>
  [[nodiscard, gnu::always_inline]] bool search_from(const std::uint64_t& hint, Judge&& judge,
                                                     Take&& take) noexcept {
    searched_ = true;
    std::uint64_t position = max_position(Atomics::load(hint, std::memory_order_relaxed, kRelaxed));
    for (std::uint64_t looks = 2 * at_.slot_count(); looks > 0; --looks) {  // I4
      MpmcState& state = at_.state_at(position);
      const MpmcState word = Atomics::load(state, std::memory_order_relaxed, kRelaxed);
      const MpmcLook look = judge(word, at_.lap_of(position));
      switch (look.kind) {
        case MpmcLook::kPassed:
          position += static_cast<std::uint64_t>(look.laps) * at_.slot_count() + 1;
          break;
        case MpmcLook::kDue:
          next_ = position;
          if (take(position, state, word)) return true;
          break;  // another participant was faster: the state is a new one
        case MpmcLook::kNotNow:
          next_ = position;
          waits_for_ = look.waits_for;
          return false;
        case MpmcLook::kImpossible:
          saw("MpmcState", word);
          return false;
      }
    }
    return false;
  }

  // Moves each slot in hand from one state to another. False: at least one was no longer this
  // participant's.
  template <class From, class To>
  bool finish_slots(From&& from, To&& to, Edge edge) noexcept {
    bool all = true;
    for (std::uint32_t i = 0; i < count_; ++i) {
      const std::uint64_t position = first_ + i;
      MpmcState word = from(at_.lap_of(position));
      if (!Atomics::compare_exchange(at_.state_at(position), word, to(at_.lap_of(position)),
                                     std::memory_order_release, std::memory_order_relaxed,
                                     edge)) {  // I3
        ++evicted_;
        all = false;
      }
    }
    count_ = 0;
    return all;
  }

  // After something was claimed or taken.
  void publish_hint(std::uint64_t& hint) noexcept {
    unpublished_ += count_;
    if (!searched_ && unpublished_ < kHintEvery) return;
    Atomics::store(hint, next_, std::memory_order_relaxed, kRelaxed);
    unpublished_ = 0;
    searched_ = false;
  }

  MpmcPlaces at_;
  std::uint64_t next_;       // I1: not ahead of the first position that this role may have
  std::uint64_t first_ = 0;  // the positions in hand: count_ of them from here
  std::uint32_t count_ = 0;
  std::uint32_t unpublished_ = 0;  // positions since the hint was published
  bool searched_ = false;          // others have moved on since the last call
  ParticipantId id_;
  ParticipantId waits_for_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace ringbell::core
