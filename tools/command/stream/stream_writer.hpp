// The sending side of a stream (framing.hpp) over a Sender.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/transport/ends/sender.hpp>

#include "tools/command/stream/framing.hpp"
#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/patience.hpp"

namespace ringbell::tools {

// What a record should hold at most: several fit into the ring, so that both sides are busy, and
// whole pages of a file, so that the kernel copies from aligned memory.
[[nodiscard]] std::uint32_t chunk_bytes_for(std::uint64_t capacity_bytes) noexcept;

class StreamWriter {
 public:
  // `framed`: header, tags and end; without, the records are the messages and nothing else.
  // All must outlive it.
  StreamWriter(Sender& sender, const Patience& patience, Meter& meter, bool framed) noexcept;

  // Sends the header. REQUIRES: nothing was sent yet.
  [[nodiscard]] Tried<void> begin(Shape shape, std::uint64_t total_bytes);

  // Room in the ring for up to chunk_bytes() of payload, to be filled in place.
  [[nodiscard]] Tried<std::span<std::byte>> claim(std::size_t size_bytes);
  // The claimed payload is complete and has this many bytes. It is shown to the receiver at once,
  // or, if staged, with what comes next. REQUIRES: an open claim.
  void commit(std::size_t size_bytes, Tag tag);
  void stage(std::size_t size_bytes, Tag tag);
  void flush() { sender_.flush(); }

  // Copies a message in, in parts if it is large; staged.
  [[nodiscard]] Tried<void> add(std::span<const std::byte> message, Tag tag);

  // Says that this was all, and waits until the receiver has taken it.
  [[nodiscard]] Tried<void> end();

  [[nodiscard]] std::uint32_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::uint64_t messages() const noexcept { return sent_.messages; }

 private:
  [[nodiscard]] bool receiver_came() const noexcept;
  [[nodiscard]] Tried<std::span<std::byte>> await_room(std::uint32_t record_bytes);
  void put_trailer(std::byte* at, Tag tag) const noexcept;
  // Puts the trailer behind the payload; returns the record's size.
  [[nodiscard]] std::uint32_t finish_record(std::size_t size_bytes, Tag tag) noexcept;
  template <class T>
  [[nodiscard]] Tried<void> send_struct(const T& value, Tag tag);

  Sender& sender_;
  const Patience& patience_;
  Meter& meter_;
  std::byte* claimed_ = nullptr;
  StreamEnd sent_{};
  std::uint32_t chunk_bytes_;
  std::uint32_t own_pid_;
  bool framed_;
};

}  // namespace ringbell::tools
