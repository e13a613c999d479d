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
  const bool lossy = shape.kind == RingKind::broadcast_lossy;
  TopicOptions options{
      .policy = lossy ? TopicOptions::Policy::lossy : TopicOptions::Policy::lossless,
      .messages = shape.slot_count,
      .message_bytes = sized::message_bytes(shape.message_bytes)};
  if (!lossy) options.subscribers = shape.participants - 1;
  return options;
}

template <class Options>
Options given_up_by(std::function<bool()>& give_up, Options options) {
  options.memory.give_up = std::move(give_up);
  return options;
}

template <class End>
Result<RingWriter> made(Result<End> end, auto&& make) {
  if (!end) return tl::unexpected(std::move(end.error()));
  return make(std::move(*end));
}

}  // namespace

Result<RingWriter> RingWriter::create(std::string_view name, const core::RingShape& shape,
                                      std::function<bool()> give_up) {
  const auto make = [](auto end) -> Result<RingWriter> { return RingWriter(std::move(end)); };
  if (core::wrong_field(shape) != core::ShapeField::none ||
      (core::has_slots(shape.kind) && shape.message_bytes < sizeof(sized::Size))) {
    return fail(ErrorCode::invalid_argument, "there is no ring of that kind and size");
  }
  switch (shape.kind) {
    case RingKind::spsc:
      return made(Sender::create(name, given_up_by(give_up, channel_of(shape))), make);
    case RingKind::mpmc:
      return made(QueueSender::create(name, given_up_by(give_up, queue_of(shape))), make);
    case RingKind::fan_in:
      return made(Contributor::create(name, given_up_by(give_up, collector_of(shape))), make);
    case RingKind::broadcast_lossless:
    case RingKind::broadcast_lossy:
      return made(Publisher::create(name, given_up_by(give_up, topic_of(shape))), make);
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
