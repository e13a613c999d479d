// Where a broadcast ring (broadcast_lossy.hpp, broadcast_lossless.hpp) lives: the slots as a
// participant sees them, what their sequences and the readers' cells say, and the search for where
// the ring ends.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The slots, zeroed when the ring is new. `Byte` is const where they are mapped read-only.
// REQUIRES: slot_count is a power of two, at least 2; message_bytes is not 0; slot_bytes is a
// multiple of 8 and holds the sequence and a message in whole words; `slots` is aligned to 8.
template <class Byte>
struct BroadcastSlots {
  Byte* slots;
  std::uint64_t slot_count;
  std::uint32_t slot_bytes;
  std::uint32_t message_bytes;

  // The distance between slots that suits messages of this size.
  [[nodiscard]] static constexpr std::uint32_t slot_bytes_for(
      std::uint32_t message_bytes) noexcept {
    constexpr std::uint32_t kWordBytes = sizeof(BroadcastSequence);
    return MpmcMemory::slot_bytes_for((message_bytes + kWordBytes - 1) / kWordBytes * kWordBytes);
  }
};

// The memory of a lossless ring, zeroed when it is new. At most max_readers at a time.
struct BroadcastMemory {
  BroadcastControl* control = nullptr;
  BroadcastSlots<std::byte> slots{};
  std::uint32_t max_readers = kMaxBroadcastReaders;
};

// Where a reader joins.
enum class BroadcastStart : std::uint8_t {
  oldest,  // as far back as is safe
  newest,  // at what is published next
};

// --- sequences: 0, nothing yet; 2p + 1, p is being written; 2p + 2, it holds p -------------------

// As a Finding names them.
inline constexpr const char* kSequenceField = "BroadcastSequence";

// Positions from shared memory are below it, so that nothing made from them overflows.
inline constexpr std::uint64_t kMaxBroadcastPosition = std::uint64_t{1} << 62U;

[[nodiscard]] constexpr BroadcastSequence writing_sequence(std::uint64_t position) noexcept {
  return 2 * position + 1;
}
[[nodiscard]] constexpr BroadcastSequence holding_sequence(std::uint64_t position) noexcept {
  return 2 * position + 2;
}
// REQUIRES: sequence is not 0.
[[nodiscard]] constexpr std::uint64_t position_in(BroadcastSequence sequence) noexcept {
  return (sequence - 1) / 2;
}

// What a reader's cell says. All bits 0: it is free. The position lacks its upper bits: it is only
// compared with one that is near.
//
//   63     48 47                 0
//   | owner  | position           |
class BroadcastCellState {
 public:
  explicit constexpr BroadcastCellState(std::uint64_t word) noexcept : word_(word) {}
  constexpr BroadcastCellState(ParticipantId owner, std::uint64_t position) noexcept
      : word_(std::uint64_t{owner} << kOwnerShift | (position & kPositionMask)) {}

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr ParticipantId owner() const noexcept {
    return static_cast<ParticipantId>(word_ >> kOwnerShift);
  }
  // By how much the position is behind this one; negative: ahead of it.
  [[nodiscard]] constexpr std::int64_t behind(std::uint64_t position) const noexcept {
    return static_cast<std::int64_t>((position - word_) << kOwnerBits) >> kOwnerBits;
  }

 private:
  static constexpr unsigned kOwnerShift = 48;
  static constexpr unsigned kOwnerBits = 64 - kOwnerShift;
  static constexpr std::uint64_t kPositionMask = (std::uint64_t{1} << kOwnerShift) - 1;

  std::uint64_t word_;
};

// --- places --------------------------------------------------------------------------------------

// The private copy of the geometry, and where things are.
template <class Byte>
class BroadcastPlaces {
 public:
  using Word = std::conditional_t<std::is_const_v<Byte>, const std::uint64_t, std::uint64_t>;

  explicit BroadcastPlaces(const BroadcastSlots<Byte>& memory) noexcept
      : slots_(memory.slots),
        mask_(memory.slot_count - 1),
        slot_bytes_(memory.slot_bytes),
        message_bytes_(memory.message_bytes) {
    assert(std::has_single_bit(memory.slot_count) && memory.slot_count >= 2);
    assert(memory.message_bytes > 0 && memory.slot_bytes % sizeof(Word) == 0);
    assert(memory.slot_bytes / sizeof(Word) >
           (std::uint64_t{memory.message_bytes} + sizeof(Word) - 1) / sizeof(Word));
    assert(reinterpret_cast<std::uintptr_t>(memory.slots) % alignof(Word) == 0);
  }

  [[nodiscard]] std::uint64_t slot_count() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return message_bytes_; }
  // How far a side goes on before it publishes its position again: a small part of the ring.
  [[nodiscard]] std::uint64_t step() const noexcept {
    constexpr std::uint64_t kSteps = 8;
    return std::max<std::uint64_t>(slot_count() / kSteps, 1);
  }

  [[nodiscard]] Word& sequence_at(std::uint64_t position) const noexcept {
    return *object_at<Word>(slots_ + (position & mask_) * slot_bytes_);
  }
  [[nodiscard]] Byte* payload_at(std::uint64_t position) const noexcept {
    return slots_ + (position & mask_) * slot_bytes_ + sizeof(Word);
  }
  // Whether a ring stores such a sequence in the slot of this position.
  [[nodiscard]] bool plausible(BroadcastSequence sequence, std::uint64_t position) const noexcept {
    return sequence == 0 || (position_in(sequence) < kMaxBroadcastPosition &&
                             ((position_in(sequence) ^ position) & mask_) == 0);
  }

 private:
  Byte* slots_;
  std::uint64_t mask_;
  std::uint32_t slot_bytes_;
  std::uint32_t message_bytes_;
};

// The first position that holds no record yet. It is exact for a writer, and for a reader while the
// writer rests; else the writer may have passed it meanwhile. Nothing if a sequence is impossible:
// `found` says which. REQUIRES: the record at `begun` has at least been begun. Looks at as many
// slots as the slot count has bits.
template <AtomicsPolicy Atomics, class Byte>
[[nodiscard]] std::optional<std::uint64_t> broadcast_end(const BroadcastPlaces<Byte>& at,
                                                         std::uint64_t begun, Edge edge,
                                                         Finding& found) noexcept {
  std::uint64_t low = begun;  // all before it are held
  std::uint64_t high = begun + at.slot_count();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const BroadcastSequence sequence =
        Atomics::load(at.sequence_at(middle), std::memory_order_relaxed, edge);
    if (!at.plausible(sequence, middle)) {
      found = {kSequenceField, sequence};
      return std::nullopt;
    }
    if (sequence < holding_sequence(middle)) {
      high = middle;
    } else {  // perhaps in a later lap, if the writer is quicker than the search
      low = position_in(sequence) + (sequence == holding_sequence(position_in(sequence)) ? 1 : 0);
    }
  }
  return low;
}

// The same without a position to begin at.
template <AtomicsPolicy Atomics, class Byte>
[[nodiscard]] std::optional<std::uint64_t> broadcast_end(const BroadcastPlaces<Byte>& at, Edge edge,
                                                         Finding& found) noexcept {
  const BroadcastSequence first = Atomics::load(at.sequence_at(0), std::memory_order_relaxed, edge);
  if (!at.plausible(first, 0)) {
    found = {kSequenceField, first};
    return std::nullopt;
  }
  return first == 0 ? 0 : broadcast_end<Atomics>(at, position_in(first), edge, found);
}

// How many records there are from `position` on, overwritten ones included; 0 if a sequence is
// impossible. A snapshot: the writer may go on meanwhile. REQUIRES: those before it were published.
template <AtomicsPolicy Atomics, class Byte>
[[nodiscard]] std::uint64_t broadcast_lag(const BroadcastPlaces<Byte>& at, std::uint64_t position,
                                          Edge edge) noexcept {
  const BroadcastSequence due =
      Atomics::load(at.sequence_at(position), std::memory_order_relaxed, edge);
  if (!at.plausible(due, position) || due < holding_sequence(position)) return 0;
  Finding found;
  const std::optional<std::uint64_t> end =
      broadcast_end<Atomics>(at, position_in(due), edge, found);
  return end ? *end - position : 0;
}

}  // namespace ringbell::core
