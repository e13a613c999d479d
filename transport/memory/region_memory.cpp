// Where each kind of ring has its parts in a region: core/ring_shape.hpp, as addresses.
#include <cassert>

#include <ringbell/transport/memory/region.hpp>

namespace ringbell {
namespace {

using core::RingKind;

}  // namespace

std::byte* Region::ring_control() const noexcept {
  return control() + core::ring_control_offset(shape());
}

core::SpscControl& Region::spsc_control() const noexcept {
  assert(kind_ == RingKind::spsc);
  return *part_at<core::SpscControl>(control());
}

core::SpscMemory Region::spsc_memory() const noexcept {
  return {.control = &spsc_control(),
          .data = data(),
          .capacity_bytes = geometry_.capacity_bytes,
          .record_alignment = geometry_.record_alignment,
          .payload_alignment = geometry_.payload_alignment,
          .user_header_bytes = geometry_.user_header_bytes};
}

core::MpmcMemory Region::mpmc_memory() const noexcept {
  assert(kind_ == RingKind::mpmc || kind_ == RingKind::many_lossy);
  return {.control = part_at<core::MpmcControl>(ring_control()),
          .slots = data() + core::slots_offset(shape()),
          .slot_count = geometry_.slot_count,
          .slot_bytes = core::slot_bytes(shape()),
          .message_bytes = geometry_.message_bytes};
}

core::BroadcastMemory Region::lossless_memory() const noexcept {
  if (kind_ == RingKind::many_lossless) return many_memory().readers();
  assert(kind_ == RingKind::broadcast_lossless);
  return {.control = part_at<core::BroadcastControl>(ring_control()),
          .slots = {data() + core::slots_offset(shape()), geometry_.slot_count,
                    core::slot_bytes(shape()), geometry_.message_bytes},
          .max_readers = geometry_.participants - 1};
}

core::ManyMemory Region::many_memory() const noexcept {
  assert(kind_ == RingKind::many_lossless);
  return {.control = part_at<core::ManyControl>(ring_control()),
          .slots = data() + core::slots_offset(shape()),
          .slot_count = geometry_.slot_count,
          .slot_bytes = core::slot_bytes(shape()),
          .message_bytes = geometry_.message_bytes};
}

core::BroadcastSlots<std::byte> Region::lossy_memory() const noexcept {
  assert(kind_ == RingKind::broadcast_lossy);
  return {data() + core::slots_offset(shape()), geometry_.slot_count, core::slot_bytes(shape()),
          geometry_.message_bytes};
}

core::BroadcastSlots<const std::byte> Region::lossy_view() const noexcept {
  assert(core::is_lossy(kind_));
  return {data() + core::slots_offset(shape()), geometry_.slot_count, core::slot_bytes(shape()),
          geometry_.message_bytes};
}

core::FanInMemory Region::fan_in_memory() const noexcept {
  assert(kind_ == RingKind::fan_in);
  return {.control = part_at<core::ReadyControl>(ring_control()),
          .lanes = part_at<core::FanInLaneControl>(control() + core::lanes_offset(shape())),
          .data = data(),
          .lane_stride_bytes = 2 * geometry_.capacity_bytes,
          .capacity_bytes = geometry_.capacity_bytes,
          .record_alignment = geometry_.record_alignment,
          .lane_count = core::lane_count(shape()),
          .payload_alignment = geometry_.payload_alignment,
          .user_header_bytes = geometry_.user_header_bytes};
}

core::CallGroupMemory Region::call_group_memory() const noexcept {
  assert(kind_ == RingKind::call_group);
  return {.control = part_at<core::ReadyControl>(ring_control()),
          .lines = part_at<core::CallGroupLine>(control() + core::lanes_offset(shape())),
          .buffers = data(),
          .buffer_bytes = core::call_buffer_bytes(shape()),
          .lane_count = core::lane_count(shape())};
}

core::StateMemory<std::byte> Region::state_memory() const noexcept {
  assert(kind_ == RingKind::state);
  return {.values = data(),
          .pins = nullptr,
          .participants = geometry_.participants,
          .keys = static_cast<std::uint32_t>(geometry_.slot_count),
          .value_bytes = geometry_.message_bytes,
          .buffers = core::StateMemory<std::byte>::buffers_for(geometry_.participants)};
}

core::StateMemory<const std::byte> Region::state_view() const noexcept {
  const core::StateMemory<std::byte> memory = state_memory();
  return {.values = memory.values,
          .pins = memory.pins,
          .participants = memory.participants,
          .keys = memory.keys,
          .value_bytes = memory.value_bytes,
          .buffers = memory.buffers};
}

}  // namespace ringbell
