// Where a broadcast ring of many writers (many_lossless.hpp, many_lossy.hpp) lives, and what its
// slots say. A state word is an MpmcRing's (mpmc_memory.hpp), but for two things: no reader takes a
// slot, and a slot that is ready is free for the next lap as it is.
//
//   ready(lap - 1) or free(lap) -> claimed(lap, writer) -> ready(lap)
//                                        | aborted, or its writer died
//                                        +-------------> free(lap + 1): passed over
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>

namespace ringbell::core {

// The memory of a lossless ring, zeroed when it is new. At most max_readers at a time.
// REQUIRES: slots as an MpmcMemory has them.
struct ManyMemory {
  ManyControl* control;
  std::byte* slots;
  std::uint64_t slot_count;
  std::uint32_t slot_bytes;
  std::uint32_t message_bytes;
  std::uint32_t max_readers = kMaxBroadcastReaders;

  [[nodiscard]] MpmcMemory claims() const noexcept {
    return {.control = &control->claims,
            .slots = slots,
            .slot_count = slot_count,
            .slot_bytes = slot_bytes,
            .message_bytes = message_bytes};
  }
  [[nodiscard]] BroadcastMemory readers() const noexcept {
    return {.control = &control->readers,
            .slots = {.slots = slots,
                      .slot_count = slot_count,
                      .slot_bytes = slot_bytes,
                      .message_bytes = message_bytes},
            .max_readers = max_readers};
  }
};

// What the state word of a slot says of a position in this lap.
class ManySlot {
 public:
  ManySlot(MpmcState word, std::uint64_t lap) noexcept
      : word_(word), lap_(lap), state_(word), ahead_(state_.laps_ahead_of(lap)) {}

  [[nodiscard]] static constexpr bool is_free(MpmcState word, std::uint64_t lap) noexcept {
    return word == MpmcSlotState::ready(lap - 1, false) || word == MpmcSlotState::freed(lap);
  }
  [[nodiscard]] bool is_ready() const noexcept {
    return word_ == MpmcSlotState::ready(lap_, false);
  }
  // Aborted, or its writer died.
  [[nodiscard]] bool is_passed_over() const noexcept {
    return word_ == MpmcSlotState::freed(lap_ + 1);
  }
  // In this lap or a later one.
  [[nodiscard]] bool was_claimed() const noexcept {
    return ahead_ > 0 || (ahead_ == 0 && state_.phase() != MpmcSlotState::kFree);
  }
  // What came after this position: it is overwritten, or being overwritten.
  [[nodiscard]] bool is_overwritten() const noexcept { return ahead_ > 0 && !is_passed_over(); }
  [[nodiscard]] bool is_claimed() const noexcept {
    return state_.phase() == MpmcSlotState::kClaimed;
  }
  // By how many laps the last claim of the slot is ahead. REQUIRES: was_claimed().
  [[nodiscard]] std::int64_t laps_ahead() const noexcept {
    return ahead_ - (state_.phase() == MpmcSlotState::kFree ? 1 : 0);
  }
  // In a writer's hand, in this lap.
  [[nodiscard]] bool is_held() const noexcept { return ahead_ == 0 && is_claimed(); }
  // The writer that holds it; 0: none does.
  [[nodiscard]] ParticipantId owner() const noexcept {
    return is_claimed() ? state_.owner() : ParticipantId{0};
  }
  // Whether a ring of many writers stores such a state.
  [[nodiscard]] static constexpr bool plausible(MpmcSlotState state) noexcept {
    return state.plausible() && state.phase() != MpmcSlotState::kTaken && !state.again();
  }
  [[nodiscard]] bool plausible() const noexcept { return plausible(state_); }

 private:
  MpmcState word_;
  std::uint64_t lap_;
  MpmcSlotState state_;
  std::int64_t ahead_;
};

// The slots of a ring without readers' cells, as those see them that store nothing.
[[nodiscard]] inline BroadcastSlots<const std::byte> view_of(const MpmcMemory& memory) noexcept {
  return {.slots = memory.slots,
          .slot_count = memory.slot_count,
          .slot_bytes = memory.slot_bytes,
          .message_bytes = memory.message_bytes};
}

// The same, and in which lap a position is.
class ManyPlaces : public BroadcastPlaces<const std::byte> {
 public:
  explicit ManyPlaces(const BroadcastSlots<const std::byte>& memory) noexcept
      : BroadcastPlaces(memory),
        lap_shift_(static_cast<unsigned>(std::countr_zero(memory.slot_count))) {}

  [[nodiscard]] const MpmcState& state_at(std::uint64_t position) const noexcept {
    return sequence_at(position);
  }
  [[nodiscard]] std::uint64_t lap_of(std::uint64_t position) const noexcept {
    return position >> lap_shift_;
  }

 private:
  unsigned lap_shift_;
};

// The first position of [low, high) that was not claimed, or high. REQUIRES: all before `low` were
// claimed. A snapshot; looks at as many slots as the distance has bits.
template <AtomicsPolicy Atomics, class Places>
[[nodiscard]] std::uint64_t first_unclaimed(const Places& at, std::uint64_t low, std::uint64_t high,
                                            Edge edge) noexcept {
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const ManySlot slot(Atomics::load(at.state_at(middle), std::memory_order_relaxed, edge),
                        at.lap_of(middle));
    if (slot.was_claimed()) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The same of the whole ring, from a position on that may have been passed long ago; its slot's
// state was `word`. Nothing if that is impossible. REQUIRES: all before `begun` were claimed.
template <AtomicsPolicy Atomics>
[[nodiscard]] std::optional<std::uint64_t> many_end(const ManyPlaces& at, std::uint64_t begun,
                                                    MpmcState word, Edge edge) noexcept {
  const ManySlot slot(word, at.lap_of(begun));
  if (!slot.plausible()) return std::nullopt;
  if (!slot.was_claimed()) return begun;
  const auto laps = static_cast<std::uint64_t>(slot.laps_ahead());
  const std::uint64_t most = kMaxBroadcastPosition / at.slot_count();
  if (at.lap_of(begun) >= most || laps >= most) return std::nullopt;
  const std::uint64_t last = begun + laps * at.slot_count();
  return first_unclaimed<Atomics>(at, last + 1, last + at.slot_count(), edge);
}
// A position to begin at, of slot 0: `word` is its state. Laps are counted as far as a state has
// room for.
[[nodiscard]] inline std::uint64_t begun_by(const ManyPlaces& at, MpmcState word) noexcept {
  const MpmcSlotState state(word);
  const bool was_freed = state.phase() == MpmcSlotState::kFree && state.lap() > 0;
  const std::uint64_t most = kMaxBroadcastPosition / at.slot_count();
  return std::min(state.lap() - (was_freed ? 1 : 0), most) * at.slot_count();
}
template <AtomicsPolicy Atomics>
[[nodiscard]] std::optional<std::uint64_t> many_end(const ManyPlaces& at, Edge edge) noexcept {
  const MpmcState word = Atomics::load(at.state_at(0), std::memory_order_relaxed, edge);
  return many_end<Atomics>(at, begun_by(at, word), word, edge);
}
// The same of a lossless one (many_lossless.hpp, I3). Nothing if the limit is impossible.
template <AtomicsPolicy Atomics>
[[nodiscard]] std::optional<std::uint64_t> many_end(const ManyMemory& memory, Edge edge) noexcept {
  const std::uint64_t limit =
      Atomics::load(memory.control->readers.limit, std::memory_order_relaxed, edge);
  if (limit >= kMaxBroadcastPosition) return std::nullopt;
  const std::uint64_t step = BroadcastPlaces(memory.readers().slots).step();
  return first_unclaimed<Atomics>(MpmcPlaces(memory.claims()), limit > step ? limit - step : 0,
                                  limit, edge);
}

}  // namespace ringbell::core
