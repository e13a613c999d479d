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

  // Waits for the header of a stream, also of one that follows another. Without one (not framed):
  // bytes of unknown size. What stands before it and belongs to a stream that no living process
  // sends is given back unread: its beginning went to another receiver. Nothing: the sender is
  // gone, and no stream had begun.
  [[nodiscard]] Tried<std::optional<StreamHeader>> begin();

  struct Piece {
    Tag tag;  // part or whole
    std::span<const std::byte> payload;
  };
  // The next record, waited for if `wait`; held, its bytes stay until release(). Nothing: the
  // stream has ended whole, or, without `wait`, not now; ended() tells. Fails with kCutBefore if
  // the header of another stream comes first, which stays for begin().
  [[nodiscard]] Tried<std::optional<Piece>> next(bool wait);

  // Gives back all that next() returned; at the end the sender learns from it that all was taken.
  void release();

  // The stream has ended, whole.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // Its sender waits for nothing more: the stream ended, whole or because the sender is gone. A
  // sender that is there now is another one, which the next receiver is for.
  [[nodiscard]] bool sender_is_done() const noexcept { return ended_ || sender_gone_; }

 private:
  [[nodiscard]] bool sender_came() const noexcept;
  // Whether its sender is gone: none waits to hear that it was taken.
  [[nodiscard]] bool is_left_behind(const Tagged& record) const noexcept;
  // Nothing: the sender closed, or, without `wait`, not now.
  [[nodiscard]] Tried<std::optional<std::span<const std::byte>>> next_record(bool wait);
  [[nodiscard]] Tried<std::optional<std::span<const std::byte>>> fail_with(const Error& error);
  [[nodiscard]] Tried<std::optional<Piece>> accept(std::span<const std::byte> record);
  [[nodiscard]] Tried<void> check_end(std::span<const std::byte> payload) const;

  Receiver& receiver_;
  const Patience& patience_;
  Meter& meter_;
  StreamEnd received_{};
  bool framed_;
  bool ended_ = false;
  bool sender_gone_ = false;
};

}  // namespace ringbell::tools
