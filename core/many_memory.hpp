// Where a broadcast ring of many writers (many_lossless.hpp) lives, and what its slots say. A state
// word is an MpmcRing's (mpmc_memory.hpp), but for two things: no reader takes a slot, and a slot
// that is ready is free for the next lap as it is.
//
//   ready(lap - 1) or free(lap) -> claimed(lap, writer) -> ready(lap)
//                                        | aborted, or its writer died
//                                        +-------------> free(lap + 1): passed over
#pragma once

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

// The first position of [low, high) that was not claimed, or high. REQUIRES: all before `low` were
// claimed. A snapshot; looks at as many slots as the distance has bits.
template <AtomicsPolicy Atomics>
[[nodiscard]] std::uint64_t first_unclaimed(const MpmcPlaces& at, std::uint64_t low,
                                            std::uint64_t high, Edge edge) noexcept {
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

// The same of the whole ring (many_lossless.hpp, I3). Nothing if the limit is impossible.
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
