// An end that writes a ring of any kind under a name: what a replay, a recording's --tee and a
// bridge need of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <variant>

#include <ringbell/core/ring_shape.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/ends/topic.hpp>

namespace ringbell::bridge {

// Not thread-safe; move-only.
class RingWriter {
 public:
  // Makes the ring, or joins one that has this shape; give_up as in MemoryOptions. Errors:
  // unsupported, if it is a service's; as the end of its kind.
  [[nodiscard]] static Result<RingWriter> create(std::string_view name,
                                                 const core::RingShape& shape,
                                                 const std::function<bool()>& give_up = {});

  // Copies a message in. False: the time is up, the readers are behind. Errors: as the end of its
  // kind.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout);
  // Whether the reader of a channel has taken all, waited for. Of other kinds always: what is left
  // there is kept for a later reader. Errors: closed, peer_dead.
  [[nodiscard]] Result<bool> drained(Timeout timeout);
  // Whether there is, or was, a reader of a channel; of other kinds always.
  [[nodiscard]] bool reader_came() const noexcept;

  // The sender, if the ring is a channel.
  [[nodiscard]] Sender* channel() noexcept { return std::get_if<Sender>(&end_); }

 private:
  using End = std::variant<Sender, QueueSender, Contributor, Publisher>;

  explicit RingWriter(End end) : end_(std::move(end)) {}

  template <class MadeEnd, class Options>
  [[nodiscard]] static Result<RingWriter> make(std::string_view name, Options options,
                                               const std::function<bool()>& give_up);

  End end_;
};

}  // namespace ringbell::bridge
