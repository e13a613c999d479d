// ringbell: two channels, one each way. Messages are copied in and out, as a program without a
// place of its own for them would, or loaned: written and read where they stand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/ringbell.hpp>
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

class RingbellEnd : public Failing {
 public:
  RingbellEnd(Sender sender, Receiver receiver) noexcept
      : sender_(std::move(sender)), receiver_(std::move(receiver)) {}

  // A span of static extent makes the copy one of constant size, as for a message that is a struct.
  template <std::size_t extent>
  [[nodiscard]] bool send(std::span<std::byte, extent> message) {
    const Result<bool> sent = sender_.send(message);
    return sent ? *sent : failed(sent.error());
  }

  template <std::size_t extent>
  [[nodiscard]] std::size_t receive(std::span<std::byte, extent> into) {
    const Result<std::optional<std::size_t>> received = receiver_.receive(into);
    if (!received) [[unlikely]]
      return failed(received.error());
    return *received == into.size() ? into.size() : wrong_size(**received);
  }

  // In batches: send several with stage() and show them with flush().
  template <std::size_t extent>
  [[nodiscard]] bool stage(std::span<std::byte, extent> message) {
    const std::span<std::byte> room = claim(static_cast<std::uint32_t>(message.size()));
    if (room.empty()) [[unlikely]]
      return false;
    sender_.copy_in(room, message);
    sender_.stage();
    return true;
  }
  void flush() noexcept { sender_.flush(); }

  // Calls use(span) for at least 1 and at most `limit` records, waiting for the first, and gives
  // them back together. Returns how many; 0: failed.
  template <class Use>
  [[nodiscard]] std::size_t drain(Use&& use, std::size_t limit) {
    if (peek().empty()) [[unlikely]]
      return 0;
    return receiver_.drain(use, limit);
  }

  // Loaned: the record itself, waited for. Empty: failed.
  [[nodiscard, gnu::always_inline]] std::span<std::byte> claim(std::uint32_t size_bytes) {
    const std::optional<std::span<std::byte>> room = sender_.claim(size_bytes);
    return room ? *room : wait_for_room(size_bytes);
  }
  // As every End's that loans: false, if it failed. This one cannot.
  [[nodiscard]] bool commit() noexcept {
    sender_.commit();
    return true;
  }
  [[nodiscard, gnu::always_inline]] std::span<const std::byte> peek() {
    const std::optional<std::span<const std::byte>> record = receiver_.peek();
    return record ? *record : wait_for_record();
  }
  void release() noexcept { receiver_.release(); }

 private:
  [[nodiscard, gnu::noinline]] std::span<std::byte> wait_for_room(std::uint32_t size_bytes);
  [[nodiscard, gnu::noinline]] std::span<const std::byte> wait_for_record();
  // Says so unless the wait for a record had failed already. Returns what receive() should.
  [[nodiscard, gnu::noinline]] std::size_t wrong_size(std::size_t size_bytes);

  Sender sender_;
  Receiver receiver_;
};

class Ringbell {
 public:
  using End = RingbellEnd;

  // The ring of each direction, for messages of this size: as small as fits the L2 cache, and
  // several messages deep.
  [[nodiscard]] static std::uint64_t ring_bytes(std::size_t message_bytes) noexcept;
  // Of each direction where the memory is what is compared: LinkOptions::memory.
  static constexpr std::uint64_t kBackingRingBytes = 4UL * 1024 * 1024;

  [[nodiscard]] static Result<Ringbell> open(const LinkOptions& options);
  [[nodiscard]] Result<RingbellEnd> end(Party party) const;
  void describe(Row& row) const;

 private:
  Ringbell(Channel to_second, Channel to_first, const LinkOptions& options) noexcept
      : channels_{std::move(to_second), std::move(to_first)}, options_(options) {}

  // To the second party, to the first. Each party has a copy of this object, by fork; with memory
  // that is shared by fork only, end() takes the channels out of it.
  mutable std::array<Channel, 2> channels_;
  LinkOptions options_;
};

}  // namespace ringbell::bench
