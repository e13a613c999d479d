// Where an MpmcRing (mpmc_ring.hpp) lives: the memory as a participant sees it, the places in it,
// and what a slot's state word says.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <ringbell/core/cpu.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/object_at.hpp>

namespace ringbell::core {

// Names a participant, which claims or takes slots. 0 names none; two live ones never share an id.
using ParticipantId = std::uint16_t;

// The memory of a ring, zeroed when it is new. REQUIRES: slot_count is a power of two, at least 2;
// slot_bytes is a multiple of 8 and holds the state word and a message; `slots` is aligned to 8.
struct MpmcMemory {
  MpmcControl* control;
  std::byte* slots;
  std::uint64_t slot_count;
  std::uint32_t slot_bytes;
  std::uint32_t message_bytes;

  // The distance between slots that suits messages of this size: state word and message, and no
  // slot in more lines than it must be.
  [[nodiscard]] static constexpr std::uint32_t slot_bytes_for(
      std::uint32_t message_bytes) noexcept {
    constexpr std::uint32_t kLineBytes = cpu::kLineBytes;
    const std::uint32_t needed = sizeof(MpmcState) + message_bytes;
    if (needed > kLineBytes / 2) return (needed + kLineBytes - 1) / kLineBytes * kLineBytes;
    return std::bit_ceil(needed);
  }
};

// What a state word says: phase, owner (while claimed or taken), whether a reader died with the
// message, and the lap. All bits 0: free in lap 0.
//
//   63                    20 19       4   3    2   0
//   | lap                   | owner    |again| phase |
class MpmcSlotState {
 public:
  enum Phase : std::uint64_t { kFree = 0, kClaimed = 1, kReady = 2, kTaken = 3 };

  explicit constexpr MpmcSlotState(MpmcState word) noexcept : word_(word) {}

  [[nodiscard]] static constexpr MpmcState freed(std::uint64_t lap) noexcept {
    return lap << kLapShift;
  }
  [[nodiscard]] static constexpr MpmcState claimed(std::uint64_t lap, ParticipantId by) noexcept {
    return lap << kLapShift | std::uint64_t{by} << kOwnerShift | kClaimed;
  }
  [[nodiscard]] static constexpr MpmcState ready(std::uint64_t lap, bool again) noexcept {
    return lap << kLapShift | (again ? kAgain : 0) | kReady;
  }
  [[nodiscard]] static constexpr MpmcState taken(std::uint64_t lap, ParticipantId by,
                                                 bool again) noexcept {
    return lap << kLapShift | std::uint64_t{by} << kOwnerShift | (again ? kAgain : 0) | kTaken;
  }

  [[nodiscard]] constexpr Phase phase() const noexcept { return Phase{word_ & kPhaseMask}; }
  [[nodiscard]] constexpr bool again() const noexcept { return (word_ & kAgain) != 0; }
  [[nodiscard]] constexpr ParticipantId owner() const noexcept {
    return static_cast<ParticipantId>(word_ >> kOwnerShift);
  }
  // Whether a ring writes such words.
  [[nodiscard]] constexpr bool plausible() const noexcept {
    return (word_ & kPhaseMask) <= kTaken && has_owner() == (owner() != 0) &&
           (!again() || phase() == kReady || phase() == kTaken);
  }
  [[nodiscard]] constexpr bool has_owner() const noexcept {
    return phase() == kClaimed || phase() == kTaken;
  }
  // By how many laps the word is ahead of this one. Laps wrap around, their distances do not.
  [[nodiscard]] constexpr std::int64_t laps_ahead_of(std::uint64_t lap) const noexcept {
    return static_cast<std::int64_t>((word_ & kLapMask) - (lap << kLapShift)) >> kLapShift;
  }
  [[nodiscard]] constexpr std::uint64_t lap() const noexcept { return word_ >> kLapShift; }

 private:
  static constexpr unsigned kOwnerShift = 4;
  static constexpr unsigned kLapShift = kOwnerShift + std::numeric_limits<ParticipantId>::digits;
  static constexpr std::uint64_t kPhaseMask = 7;
  static constexpr std::uint64_t kAgain = 8;
  static constexpr std::uint64_t kLapMask = ~std::uint64_t{0} << kLapShift;

  MpmcState word_;
};

// The private copy of the geometry, and where things are.
class MpmcPlaces {
 public:
  explicit MpmcPlaces(const MpmcMemory& memory) noexcept
      : control_(memory.control),
        slots_(memory.slots),
        mask_(memory.slot_count - 1),
        lap_shift_(static_cast<unsigned>(std::countr_zero(memory.slot_count))),
        slot_bytes_(memory.slot_bytes),
        message_bytes_(memory.message_bytes) {
    assert(std::has_single_bit(memory.slot_count) && memory.slot_count >= 2);
    assert(memory.slot_bytes % sizeof(MpmcState) == 0);
    assert(memory.slot_bytes >= sizeof(MpmcState) + memory.message_bytes);
  }

  [[nodiscard]] MpmcControl& control() const noexcept { return *control_; }
  [[nodiscard]] std::uint64_t slot_count() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return message_bytes_; }
  // A batch has each slot once at most. The states ensure it, but a hostile peer may free them.
  [[nodiscard]] std::uint32_t clamp_to_slot_count(std::uint32_t slots) const noexcept {
    return slots <= mask_ ? slots : static_cast<std::uint32_t>(mask_ + 1);
  }
  [[nodiscard]] std::uint64_t lap_of(std::uint64_t position) const noexcept {
    return position >> lap_shift_;
  }
  [[nodiscard]] std::uint64_t position_of(std::uint64_t lap, std::uint64_t slot) const noexcept {
    return lap << lap_shift_ | slot;
  }
  [[nodiscard]] MpmcState& state_at(std::uint64_t position) const noexcept {
    return *object_at<MpmcState>(slots_ + (position & mask_) * slot_bytes_);
  }
  [[nodiscard]] std::byte* payload_at(std::uint64_t position) const noexcept {
    return slots_ + (position & mask_) * slot_bytes_ + sizeof(MpmcState);
  }

 private:
  MpmcControl* control_;
  std::byte* slots_;
  std::uint64_t mask_;
  unsigned lap_shift_;
  std::uint32_t slot_bytes_;
  std::uint32_t message_bytes_;
};

}  // namespace ringbell::core
