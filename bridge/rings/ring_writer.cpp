#include "bridge/rings/ring_writer.hpp"

#include <atomic>
#include <optional>
#include <utility>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/ends/sized.hpp>

namespace ringbell::bridge {
namespace {

using core::RingKind;

ChannelOptions channel_of(const core::RingShape& shape) {
  return {.capacity_bytes = shape.capacity_bytes,
          .record_alignment = shape.record_alignment,
          .payload_alignment = shape.payload_alignment};
}

QueueOptions queue_of(const core::RingShape& shape) {
  return {.messages = shape.slot_count,
          .message_bytes = sized::message_bytes(shape.message_bytes),
          .participants = shape.participants};
}

CollectorOptions collector_of(const core::RingShape& shape) {
  return {.contributors = shape.participants - 1,
          .capacity_bytes = shape.capacity_bytes,
          .record_alignment = shape.record_alignment,
          .payload_alignment = shape.payload_alignment};
}

TopicOptions topic_of(const core::RingShape& shape) {
  const bool lossy = core::is_lossy(shape.kind);
  TopicOptions options{
      .policy = lossy ? TopicOptions::Policy::lossy : TopicOptions::Policy::lossless,
      .messages = shape.slot_count,
      .message_bytes = sized::message_bytes(shape.message_bytes),
      .publishers = core::first_participants(shape.kind, shape.participants)};
  if (!lossy) options.subscribers = shape.participants - options.publishers;
  return options;
}

}  // namespace

template <class MadeEnd, class Options>
Result<RingWriter> RingWriter::make(std::string_view name, Options options,
                                    const std::function<bool()>& give_up) {
  options.memory.give_up = give_up;
  Result<MadeEnd> end = MadeEnd::create(name, options);
  if (!end) return tl::unexpected(std::move(end.error()));
  return RingWriter(std::move(*end));
}

Result<RingWriter> RingWriter::create(std::string_view name, const core::RingShape& shape,
                                      const std::function<bool()>& give_up) {
  if (core::wrong_field(shape) != core::ShapeField::none ||
      (core::has_slots(shape.kind) && shape.message_bytes < sizeof(sized::Size))) {
    return fail(ErrorCode::invalid_argument, "there is no ring of that kind and size");
  }
  switch (shape.kind) {
    case RingKind::spsc:
      return make<Sender>(name, channel_of(shape), give_up);
    case RingKind::mpmc:
      return make<QueueSender>(name, queue_of(shape), give_up);
    case RingKind::fan_in:
      return make<Contributor>(name, collector_of(shape), give_up);
    case RingKind::broadcast_lossless:
    case RingKind::broadcast_lossy:
    case RingKind::many_lossless:
    case RingKind::many_lossy:
      return make<Publisher>(name, topic_of(shape), give_up);
    case RingKind::call_group:
    case RingKind::state:
    case RingKind::bells:
      break;
  }
  return fail(ErrorCode::unsupported,
              "the calls of a service and the values of a state cannot be sent again");
}

Result<bool> RingWriter::send(std::span<const std::byte> message, Timeout timeout) {
  if (auto* const topic = std::get_if<Publisher>(&end_)) return topic->publish(message, timeout);
  return std::visit(
      [&](auto& end) -> Result<bool> {
        if constexpr (requires { end.send(message, timeout); }) return end.send(message, timeout);
        return false;  // the topic's, above
      },
      end_);
}

Result<bool> RingWriter::drained(Timeout timeout) {
  Sender* const sender = channel();
  if (sender == nullptr) return true;
  // The largest record has room when nothing else is left in the ring.
  const auto room = sender->claim_for(sender->max_record_bytes(), timeout);
  if (!room) return tl::unexpected(room.error());
  if (!*room) return false;
  sender->abort();
  return true;
}

bool RingWriter::reader_came() const noexcept {
  const auto* const sender = std::get_if<Sender>(&end_);
  if (sender == nullptr) return true;
  core::SpscControl& control = sender->channel().region().spsc_control();
  // Only to decide how long to wait: nothing is ordered by it.
  return std::atomic_ref(control.reader_state).load(std::memory_order_relaxed) !=
         std::uint32_t(core::SideState::absent);
}

}  // namespace ringbell::bridge
