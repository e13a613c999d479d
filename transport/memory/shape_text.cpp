#include <ringbell/transport/memory/shape_text.hpp>

namespace ringbell::memory {

using core::RingKind;

const char* name_of(RingKind kind) noexcept {
  switch (kind) {
    case RingKind::spsc:
      return "channel";
    case RingKind::mpmc:
      return "queue";
    case RingKind::broadcast_lossless:
      return "lossless topic";
    case RingKind::broadcast_lossy:
      return "lossy topic";
    case RingKind::many_lossless:
      return "topic of several publishers";
    case RingKind::many_lossy:
      return "lossy topic of several publishers";
    case RingKind::fan_in:
      return "collector";
    case RingKind::call_group:
      return "service";
    case RingKind::state:
      return "state";
    case RingKind::bells:
      break;
  }
  return "ring of another kind";
}

OptionText option_of(core::ShapeField field, const core::RingShape& shape) noexcept {
  using enum core::ShapeField;
  const std::uint32_t others = shape.participants - 1;
  switch (field) {
    case capacity_bytes:
      return {"capacity_bytes", shape.capacity_bytes};
    case record_alignment:
      return {"record_alignment", shape.record_alignment};
    case payload_alignment:
      return {"payload_alignment", shape.payload_alignment};
    case slot_count:
      if (shape.kind == RingKind::state) return {"keys", shape.slot_count};
      if (shape.kind == RingKind::call_group) return {"tickets", shape.slot_count};
      return {"messages", shape.slot_count};
    case message_bytes:
      if (shape.kind == RingKind::state) return {"value_bytes", shape.message_bytes};
      return {"message_bytes", shape.message_bytes};
    case participants:
      if (shape.kind == RingKind::broadcast_lossless) return {"subscribers", others};
      if (core::is_lossy(shape.kind) || shape.kind == RingKind::many_lossless) {
        return {"publishers", core::first_participants(shape.kind, shape.participants)};
      }
      if (shape.kind == RingKind::fan_in) return {"contributors", others};
      if (shape.kind == RingKind::call_group) return {"clients", others};
      if (shape.kind == RingKind::state) return {"readers_in_place", others};
      return {"participants", shape.participants};
    case user_header_bytes:
      return {"user_header_bytes", shape.user_header_bytes};
    case ring_kind:
    case none:
      break;
  }
  return {"ring_kind", std::uint64_t(shape.kind)};
}

}  // namespace ringbell::memory
