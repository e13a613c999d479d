// Which ring a region is made for, and how large: its geometry follows from that and from the size
// of a page, and from nothing else. So an attach works it out again, and believes no offset.
//
//   kind                control lines                                     data
//   spsc                SpscControl                                       records, mapped twice
//   fan_in              bells, participants, ready bits, a lane each      records, each lane twice
//   mpmc                bells, participants, MpmcControl                  slots
//   broadcast_lossless  bells, participants, BroadcastControl             slots
//   many_lossless       bells, participants, ManyControl                  slots
//   broadcast_lossy     (bells), participant: its writer                  slots
//   many_lossy          bells, participants: its writers, MpmcControl     slots
//   call_group          bells, participants, ready bits, a line each      two buffers for each line
//   state               (bells), participants: its writer, readers' pins  buffers of each key
//   bells               bells, participants as the state's                none
//
// Participant 0 of a fan_in, a call_group or a broadcast is the one that is alone: reader, server,
// writer. The others are 1, 2 and so on: lane 0's writer is participant 1. A caller may have
// several lines: lanes_of_each() in a row. A many_lossless has its writers first, and places for
// kMaxBroadcastReaders behind them.
#pragma once

#include <bit>
#include <cstdint>

#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_memory.hpp>
#include <ringbell/core/state_memory.hpp>

namespace ringbell::core {

// Fields that a kind does not have are 0.
struct RingShape {
  RingKind kind = RingKind::spsc;
  std::uint64_t capacity_bytes = 0;  // of an SpscRing, of each lane
  // Of an MpmcRing, of a broadcast ring; of a State, its keys; of a CallGroup, the lines of each
  // caller beside its first.
  std::uint64_t slot_count = 0;
  std::uint32_t record_alignment = 0;  // of an SpscRing, of lanes
  std::uint32_t message_bytes = 0;  // of a slot, or the largest of a call, or of a State's values
  std::uint32_t participants = 2;   // at most, at a time, writers and readers together
  std::uint32_t payload_alignment = 8;
  std::uint32_t user_header_bytes = 0;

  friend constexpr bool operator==(const RingShape&, const RingShape&) = default;
};

inline constexpr std::uint64_t kSmallestCapacity = 4096;
inline constexpr std::uint64_t kLargestCapacity = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kMostSlots = std::uint64_t{1} << 32;
inline constexpr std::uint32_t kLargestSlotMessage = 1U << 30U;
inline constexpr std::uint32_t kMostPayloadAlignment = 64;

[[nodiscard]] constexpr bool has_records(RingKind kind) noexcept {
  return kind == RingKind::spsc || kind == RingKind::fan_in;
}
// Each reader sees every message.
[[nodiscard]] constexpr bool is_broadcast(RingKind kind) noexcept {
  return kind == RingKind::broadcast_lossless || kind == RingKind::broadcast_lossy ||
         kind == RingKind::many_lossless || kind == RingKind::many_lossy;
}
// And no writer waits for one.
[[nodiscard]] constexpr bool is_lossy(RingKind kind) noexcept {
  return kind == RingKind::broadcast_lossy || kind == RingKind::many_lossy;
}
// Whose slots name the writer that claims them.
[[nodiscard]] constexpr bool has_many_writers(RingKind kind) noexcept {
  return kind == RingKind::many_lossless || kind == RingKind::many_lossy;
}
[[nodiscard]] constexpr bool has_slots(RingKind kind) noexcept {
  return kind == RingKind::mpmc || is_broadcast(kind);
}
// How many participants such a ring can have.
[[nodiscard]] constexpr std::uint32_t most_participants(RingKind kind) noexcept {
  switch (kind) {
    case RingKind::spsc:
      return 2;
    case RingKind::mpmc:
      return 4096;
    case RingKind::broadcast_lossless:
      return 1 + kMaxBroadcastReaders;
    case RingKind::many_lossless:
      return kMaxBroadcastWriters + kMaxBroadcastReaders;
    case RingKind::many_lossy:
      return kMaxBroadcastWriters;
    case RingKind::broadcast_lossy:
      return 1;
    case RingKind::state:
    case RingKind::bells:
      return 1 + kMaxStateReaders;
    case RingKind::fan_in:
    case RingKind::call_group:
      return 1 + kMaxLanes;
  }
  return 0;
}
[[nodiscard]] constexpr std::uint32_t least_participants(RingKind kind) noexcept {
  if (kind == RingKind::many_lossless) return 2 + kMaxBroadcastReaders;
  const bool alone =
      kind == RingKind::broadcast_lossy || kind == RingKind::state || kind == RingKind::bells;
  return alone ? 1 : 2;
}

// How many participants, from number 0 on, are on the side that the others wait for. REQUIRES:
// `participants` is not wrong.
[[nodiscard]] constexpr std::uint32_t first_participants(RingKind kind,
                                                         std::uint32_t participants) noexcept {
  if (kind == RingKind::many_lossless) return participants - kMaxBroadcastReaders;
  return kind == RingKind::many_lossy ? participants : 1;
}

enum class ShapeField : std::uint8_t {
  none,
  ring_kind,
  capacity_bytes,
  record_alignment,
  slot_count,
  message_bytes,
  participants,
  payload_alignment,
  user_header_bytes,
};

// The lines of each caller, or the lane of each writer.
[[nodiscard]] constexpr std::uint64_t lanes_of_each(const RingShape& shape) noexcept {
  return shape.kind == RingKind::call_group ? 1 + shape.slot_count : 1;
}
// More would be more than kMaxLanes, or another kind of ring.
[[nodiscard]] constexpr bool can_have_more_lanes(const RingShape& shape) noexcept {
  return shape.kind == RingKind::call_group && shape.slot_count < kMaxLanes &&
         shape.participants <= 1 + kMaxLanes &&
         (shape.participants - std::uint64_t{1}) * lanes_of_each(shape) <= kMaxLanes;
}

[[nodiscard]] constexpr bool is_alignment(std::uint32_t bytes) noexcept {
  return std::has_single_bit(bytes) && bytes >= kRecordHeaderBytes &&
         bytes <= kMostPayloadAlignment;
}

// Of records it is theirs that bounds it; the line of a call has its payload at 8 of 64 bytes.
[[nodiscard]] constexpr std::uint32_t most_payload_alignment(const RingShape& shape) noexcept {
  if (has_records(shape.kind)) return shape.record_alignment;
  return has_slots(shape.kind) ? kMostPayloadAlignment : kRecordHeaderBytes;
}

// The field of a shape that cannot be. Every field may come from another process.
[[nodiscard]] constexpr ShapeField wrong_field(const RingShape& shape) noexcept {
  if (shape.kind < RingKind::spsc || shape.kind > RingKind::many_lossy) {
    return ShapeField::ring_kind;
  }
  if (has_records(shape.kind)) {
    if (!std::has_single_bit(shape.capacity_bytes) || shape.capacity_bytes < kSmallestCapacity ||
        shape.capacity_bytes > kLargestCapacity) {
      return ShapeField::capacity_bytes;
    }
    if (!is_alignment(shape.record_alignment)) return ShapeField::record_alignment;
  } else if (shape.capacity_bytes != 0 || shape.record_alignment != 0) {
    return ShapeField::capacity_bytes;
  }
  if (!is_alignment(shape.payload_alignment) ||
      shape.payload_alignment > most_payload_alignment(shape)) {
    return ShapeField::payload_alignment;
  }
  if (shape.user_header_bytes != 0 &&
      (!has_records(shape.kind) || shape.user_header_bytes != sizeof(UserHeader))) {
    return ShapeField::user_header_bytes;
  }
  if (has_slots(shape.kind)) {
    if (!std::has_single_bit(shape.slot_count) || shape.slot_count < 2 ||
        shape.slot_count > kMostSlots) {
      return ShapeField::slot_count;
    }
    if (shape.message_bytes == 0 || shape.message_bytes > kLargestSlotMessage) {
      return ShapeField::message_bytes;
    }
  } else if (shape.kind == RingKind::state) {
    if (shape.slot_count == 0 || shape.slot_count > kMaxStateKeys) return ShapeField::slot_count;
    if (shape.message_bytes == 0 || shape.message_bytes > kLargestSlotMessage) {
      return ShapeField::message_bytes;
    }
  } else if (shape.slot_count != 0 && !can_have_more_lanes(shape)) {
    return ShapeField::slot_count;
  } else if (shape.message_bytes != 0 && (shape.kind != RingKind::call_group ||
                                          shape.message_bytes > CallState::kMaxSizeBytes)) {
    return ShapeField::message_bytes;
  }
  if (shape.participants < least_participants(shape.kind) ||
      shape.participants > most_participants(shape.kind)) {
    return ShapeField::participants;
  }
  return ShapeField::none;
}

// Whether a region can have such pages: 4, 16 or 64 KiB, or 2 MiB. Each is a multiple of those
// before it.
[[nodiscard]] constexpr bool is_page_size(std::uint32_t bytes) noexcept {
  return bytes == 4U << 10U || bytes == 16U << 10U || bytes == 64U << 10U || bytes == 2U << 20U;
}

// --- places in a region. REQUIRES: no field of the shape is wrong --------------------------------

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) noexcept {
  return (bytes + to - 1) / to * to;
}

// The lanes of a FanIn, the lines of a CallGroup.
[[nodiscard]] constexpr std::uint32_t lane_count(const RingShape& shape) noexcept {
  return static_cast<std::uint32_t>((shape.participants - 1) * lanes_of_each(shape));
}
// How many stretches of records there are, each of them mapped twice.
[[nodiscard]] constexpr std::uint32_t mirrored_count(const RingShape& shape) noexcept {
  if (shape.kind == RingKind::spsc) return 1;
  return shape.kind == RingKind::fan_in ? lane_count(shape) : 0;
}
[[nodiscard]] constexpr std::uint32_t slot_bytes(const RingShape& shape) noexcept {
  const std::uint32_t bytes = shape.kind == RingKind::mpmc
                                  ? MpmcMemory::slot_bytes_for(shape.message_bytes)
                                  : BroadcastSlots<std::byte>::slot_bytes_for(shape.message_bytes);
  return static_cast<std::uint32_t>(round_up(bytes, shape.payload_alignment));
}
// Where the first slot stands in the data: so that what follows a slot's own word and the size of
// its message is aligned.
[[nodiscard]] constexpr std::uint32_t slots_offset(const RingShape& shape) noexcept {
  constexpr std::uint32_t kInFront = 2 * sizeof(std::uint64_t);
  return shape.payload_alignment > kInFront ? shape.payload_alignment - kInFront : 0;
}
// Of a CallGroup: for each line one for the request, one for the response. 0: the lines suffice.
[[nodiscard]] constexpr std::uint32_t call_buffer_bytes(const RingShape& shape) noexcept {
  if (shape.message_bytes <= kInlineCallBytes) return 0;
  return static_cast<std::uint32_t>(round_up(shape.message_bytes, kFalseSharingBytes));
}

// From the start of the control lines. Bells come first, where there are any.
[[nodiscard]] constexpr std::uint64_t participants_offset() noexcept { return sizeof(GroupBells); }
[[nodiscard]] constexpr std::uint64_t ring_control_offset(const RingShape& shape) noexcept {
  return participants_offset() + std::uint64_t{shape.participants} * sizeof(ParticipantLine);
}
[[nodiscard]] constexpr std::uint64_t lanes_offset(const RingShape& shape) noexcept {
  return ring_control_offset(shape) + sizeof(ReadyControl);
}

[[nodiscard]] constexpr std::uint64_t control_bytes(const RingShape& shape) noexcept {
  switch (shape.kind) {
    case RingKind::spsc:
      return sizeof(SpscControl);
    case RingKind::mpmc:
    case RingKind::many_lossy:
      return ring_control_offset(shape) + sizeof(MpmcControl);
    case RingKind::broadcast_lossless:
      return ring_control_offset(shape) + sizeof(BroadcastControl);
    case RingKind::many_lossless:
      return ring_control_offset(shape) + sizeof(ManyControl);
    case RingKind::broadcast_lossy:
    case RingKind::state:
    case RingKind::bells:
      return ring_control_offset(shape);
    case RingKind::fan_in:
      return lanes_offset(shape) + lane_count(shape) * sizeof(FanInLaneControl);
    case RingKind::call_group:
      return lanes_offset(shape) + lane_count(shape) * sizeof(CallGroupLine);
  }
  return 0;
}

[[nodiscard]] constexpr std::uint64_t data_bytes(const RingShape& shape) noexcept {
  if (has_records(shape.kind)) return mirrored_count(shape) * shape.capacity_bytes;
  if (has_slots(shape.kind)) return slots_offset(shape) + shape.slot_count * slot_bytes(shape);
  if (shape.kind == RingKind::bells) return 0;
  if (shape.kind == RingKind::state) {
    return shape.slot_count *
           StateMemory<std::byte>::key_bytes_for(
               shape.message_bytes, StateMemory<std::byte>::buffers_for(shape.participants));
  }
  return std::uint64_t{2} * lane_count(shape) * call_buffer_bytes(shape);
}

// REQUIRES: capacity_bytes is a multiple of page_bytes.
[[nodiscard]] constexpr Geometry geometry_of(const RingShape& shape,
                                             std::uint32_t page_bytes) noexcept {
  const std::uint64_t data_offset = page_bytes + round_up(control_bytes(shape), page_bytes);
  return {.region_bytes = data_offset + round_up(data_bytes(shape), page_bytes),
          .control_offset = page_bytes,
          .data_offset = data_offset,
          .capacity_bytes = shape.capacity_bytes,
          .slot_count = shape.slot_count,
          .record_alignment = shape.record_alignment,
          .page_bytes = page_bytes,
          .message_bytes = shape.message_bytes,
          .participants = shape.participants,
          .payload_alignment = shape.payload_alignment,
          .user_header_bytes = shape.user_header_bytes};
}

[[nodiscard]] constexpr RingShape shape_of(RingKind kind, const Geometry& geometry) noexcept {
  return {.kind = kind,
          .capacity_bytes = geometry.capacity_bytes,
          .slot_count = geometry.slot_count,
          .record_alignment = geometry.record_alignment,
          .message_bytes = geometry.message_bytes,
          .participants = geometry.participants,
          .payload_alignment = geometry.payload_alignment,
          .user_header_bytes = geometry.user_header_bytes};
}

}  // namespace ringbell::core
