// An end that reads a ring of any kind, found by its name: what a recording and a bridge need of
// it.
//
//   channel, queue, collector   takes the reader's part: what it reads does not go elsewhere
//   topic                       one more subscriber
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include <ringbell/core/ring_shape.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/topic.hpp>

namespace ringbell::bridge {

// Not thread-safe; move-only.
class RingReader {
 public:
  struct Message {
    std::span<const std::byte> bytes;
    std::uint64_t position = 0;  // of a channel: bytes; else messages before it, of a queue and a
                                 // collector counted by this end
    std::uint32_t lane = 0;      // of a collector
    bool redelivered = false;    // of a queue: a receiver died with it in hand
  };

  // Waits until there is a ring of this name with another end in it, or with something to read.
  // Errors: not_found, when the time is up; unsupported, if it is a service; as the end of its
  // kind.
  [[nodiscard]] static Result<RingReader> open(
      std::string_view name, Timeout timeout,
      Subscriber::Start of_topic = Subscriber::Start::oldest);

  // The next message; nothing: the time is up. Its bytes stay until release(), those of a topic
  // until the next call. Errors: as the end of its kind; closed and peer_dead when nothing is left.
  [[nodiscard]] Result<std::optional<Message>> next(Timeout timeout);
  // Whether next() goes on before release(); else what it returns is the same message again.
  [[nodiscard]] bool can_hold() const noexcept { return std::holds_alternative<Receiver>(end_); }
  // Gives back all that next() returned: what a topic's subscriber read needs no giving back.
  void release() noexcept;
  // Of a channel: those that end at or before a position, that of a later message or next().
  void release_to(std::uint64_t position) noexcept;
  // Of a channel: what was given back does not come again if this process dies. Other kinds say
  // it by themselves, a collector when its visit to a lane ends.
  void publish_released() noexcept;
  // Of a channel: where the next message begins.
  [[nodiscard]] std::uint64_t position() const noexcept;
  // Of a channel: next() goes on with the oldest message that was not given back.
  void rewind() noexcept;
  // To the writer of a channel this end has not come yet, instead of: it closed.
  void leave() noexcept;

  // Whether half of the room is taken by what was not read; never of a lossy topic, whose publisher
  // waits for no subscriber.
  [[nodiscard]] bool is_half_full() const noexcept;
  // How many messages of a lossy topic this end missed since it joined.
  [[nodiscard]] std::uint64_t missed() const noexcept;
  [[nodiscard]] core::RingShape shape() const noexcept { return region().shape(); }
  [[nodiscard]] const Region& region() const noexcept;

 private:
  using End = std::variant<Receiver, QueueReceiver, Collector, Subscriber>;

  explicit RingReader(End end);

  End end_;
  std::vector<std::byte> copy_;  // of a topic's message
  std::uint64_t count_ = 0;      // messages of a queue or a collector
};

// The kind of the ring of this name; nothing: there is none.
[[nodiscard]] Result<std::optional<core::RingKind>> kind_of(std::string_view name);

// "channel", "queue", "topic", "lossy topic", "collector", "service".
[[nodiscard]] const char* name_of(core::RingKind kind) noexcept;

}  // namespace ringbell::bridge
