// The receiving side of a stream (framing.hpp) over a Receiver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/transport/ends/receiver.hpp>

#include "tools/command/stream/framing.hpp"
#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/patience.hpp"

namespace ringbell::tools {

class StreamReader {
 public:
  // `framed`: as the sender's. Both must outlive it.
  StreamReader(Receiver& receiver, const Patience& patience, Meter& meter, bool framed) noexcept;

  // Waits for the header. Without one (not framed): bytes of unknown size.
  [[nodiscard]] Tried<StreamHeader> begin();

  struct Piece {
    Tag tag;  // part or whole
    std::span<const std::byte> payload;
  };
  // The next record, waited for if `wait`; held, its bytes stay until release(). Nothing: the
  // stream has ended whole, or, without `wait`, not now; ended() tells.
  [[nodiscard]] Tried<std::optional<Piece>> next(bool wait);

  // Gives back all that next() returned; at the end the sender learns from it that all was taken.
  void release();

  // The stream has ended, whole.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  [[nodiscard]] bool sender_came() const noexcept;
  // Empty: the sender closed, or, without `wait`, not now.
  [[nodiscard]] Tried<std::span<const std::byte>> next_record(bool wait);
  [[nodiscard]] Tried<std::optional<Piece>> accept(std::span<const std::byte> record);
  [[nodiscard]] Tried<void> check_end(std::span<const std::byte> payload) const;

  Receiver& receiver_;
  const Patience& patience_;
  Meter& meter_;
  StreamEnd received_{};
  bool framed_;
  bool ended_ = false;
};

}  // namespace ringbell::tools
