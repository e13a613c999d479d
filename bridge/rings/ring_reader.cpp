#include "bridge/rings/ring_reader.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/names/names.hpp>

namespace ringbell::bridge {
namespace {

using core::RingKind;
using MessageOrNothing = Result<std::optional<RingReader::Message>>;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

constexpr std::chrono::milliseconds kNap{10};

// A ring may go, and one of another kind come, between the look and the opening.
constexpr Timeout kLook = std::chrono::milliseconds(50);

template <class End>
Result<RingReader> opened(Result<End> end, auto&& make) {
  if (!end) return tl::unexpected(std::move(end.error()));
  return make(std::move(*end));
}

}  // namespace

Result<std::optional<RingKind>> kind_of(std::string_view name) {
  const Result<std::vector<names::Entry>> entries = names::list();
  if (!entries) return tl::unexpected(entries.error());
  for (const names::Entry& entry : *entries) {
    if (entry.name == name && entry.kind == names::Kind::ring) return entry.ring;
  }
  return std::nullopt;
}

const char* name_of(RingKind kind) noexcept {
  switch (kind) {
    case RingKind::spsc:
      return "channel";
    case RingKind::mpmc:
      return "queue";
    case RingKind::broadcast_lossless:
      return "topic";
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
    case RingKind::bells:
      return "bells";
    case RingKind::state:
      return "state";
  }
  return "unknown";
}

RingReader::RingReader(End end) : end_(std::move(end)) {
  if (const auto* const topic = std::get_if<Subscriber>(&end_)) {
    copy_.resize(topic->max_message_bytes());
  }
}

Result<RingReader> RingReader::open(std::string_view name, Timeout timeout,
                                    Subscriber::Start of_topic) {
  if (auto good = check_name(name); !good) return tl::unexpected(good.error());
  const SteadyTime end = end_of(timeout);
  const auto make = [](auto found) -> Result<RingReader> { return RingReader(std::move(found)); };
  for (;;) {
    const Result<std::optional<RingKind>> kind = kind_of(name);
    if (!kind) return tl::unexpected(kind.error());
    const Timeout left = std::min(left_until(end), kLook);
    Result<RingReader> reader =
        fail(ErrorCode::not_found, "there is no ring '" + std::string(name) + "'");
    switch (kind->value_or(RingKind::bells)) {
      case RingKind::spsc:
        reader = opened(Receiver::open(name, left), make);
        break;
      case RingKind::mpmc:
        reader = opened(QueueReceiver::open(name, left), make);
        break;
      case RingKind::fan_in:
        reader = opened(Collector::open(name, left), make);
        break;
      case RingKind::broadcast_lossless:
      case RingKind::broadcast_lossy:
      case RingKind::many_lossless:
      case RingKind::many_lossy:
        reader = opened(Subscriber::open(name, of_topic, left), make);
        break;
      case RingKind::bells:  // none yet
        break;
      case RingKind::state:
        return fail(ErrorCode::unsupported,
                    "'" + std::string(name) + "' is a state: it has values, and no messages");
      case RingKind::call_group:
        return fail(ErrorCode::unsupported, "'" + std::string(name) + "' is a service: its calls " +
                                                "are between caller and server");
    }
    // Another ring by now: it is looked at again.
    const bool again = !reader && (reader.error().code == ErrorCode::not_found ||
                                   reader.error().code == ErrorCode::not_a_region);
    if (!again) return reader;
    if (left_until(end) == Timeout::zero()) return reader;
    std::this_thread::sleep_for(std::min<Timeout>(left_until(end), kNap));
  }
}

MessageOrNothing RingReader::next(Timeout timeout) {
  const auto in_place = [](const auto& found, Message message) -> MessageOrNothing {
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::nullopt;
    message.bytes = **found;
    return message;
  };
  return std::visit(
      Overloaded{
          [&](Receiver& end) -> MessageOrNothing {
            const auto found = end.peek_for(timeout);
            const std::uint64_t position = end.position();
            if (found && *found) end.hold();
            return in_place(found, {.bytes = {}, .position = position});
          },
          [&](QueueReceiver& end) -> MessageOrNothing {
            const auto found = end.peek_for(timeout);
            return in_place(found, {.bytes = {},
                                    .position = count_,
                                    .redelivered = found && *found && end.redelivered()});
          },
          [&](Collector& end) -> MessageOrNothing {
            const auto found = end.peek_for(timeout);
            return in_place(
                found, {.bytes = {}, .position = count_, .lane = found && *found ? end.lane() : 0});
          },
          [&](Subscriber& end) -> MessageOrNothing {
            const Result<std::optional<std::size_t>> size = end.receive(copy_, timeout);
            if (!size) return tl::unexpected(size.error());
            if (!*size) return std::nullopt;
            return Message{.bytes = std::span(copy_).first(**size), .position = end.position() - 1};
          }},
      end_);
}

void RingReader::release() noexcept {
  std::visit(Overloaded{[](Receiver& end) { end.release_to(end.position()); },
                        [&](QueueReceiver& end) { count_ += end.release() ? 1 : 0; },
                        [&](Collector& end) {
                          end.release();
                          ++count_;
                        },
                        [](Subscriber&) {}},
             end_);
}

void RingReader::release_to(std::uint64_t position) noexcept {
  if (auto* const channel = std::get_if<Receiver>(&end_)) channel->release_to(position);
}

void RingReader::publish_released() noexcept {
  if (auto* const channel = std::get_if<Receiver>(&end_)) channel->publish_released();
}

std::uint64_t RingReader::position() const noexcept {
  const auto* const channel = std::get_if<Receiver>(&end_);
  return channel != nullptr ? channel->position() : count_;
}

void RingReader::rewind() noexcept {
  if (auto* const channel = std::get_if<Receiver>(&end_)) channel->unhold();
}

void RingReader::leave() noexcept {
  if (auto* const channel = std::get_if<Receiver>(&end_)) channel->leave();
}

bool RingReader::is_half_full() const noexcept {
  const core::RingShape its = shape();
  if (core::is_lossy(its.kind)) return false;
  // A collector's lane is full at the latest when all lanes together have so much.
  const std::uint64_t room = core::has_slots(its.kind) ? its.slot_count : its.capacity_bytes;
  return std::visit([](const auto& end) { return end.lag(); }, end_) >= room / 2;
}

std::uint64_t RingReader::missed() const noexcept {
  const auto* const topic = std::get_if<Subscriber>(&end_);
  return topic != nullptr ? topic->missed() : 0;
}

const Region& RingReader::region() const noexcept {
  return std::visit(
      Overloaded{[](const Receiver& end) -> const Region& { return end.channel().region(); },
                 [](const auto& end) -> const Region& { return end.region(); }},
      end_);
}

}  // namespace ringbell::bridge
