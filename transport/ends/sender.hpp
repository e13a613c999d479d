// The writing endpoint of a channel. One for each channel; not thread-safe; move-only.
//
//   auto room = sender.claim(size);         // in place, no copy: fill it, then
//   sender.commit();                        // the receiver sees it
//   sender.send(bytes);                     // or copied in, waiting for room if need be
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/endpoint.hpp>

namespace ringbell {

class RINGBELL_API Sender {
 public:
  // Takes the writer's role of the channel, and its region and doorbells. `sign_of_life`: as in
  // Endpoint::open. Errors: busy, if a living process holds the role; corrupt, if what the last
  // writer left cannot be; system.
  [[nodiscard]] static Result<Sender> open(Channel channel, const WaitOptions& wait = {},
                                           FileDescriptor sign_of_life = {});
  [[nodiscard]] static Result<Sender> attach(const ChannelFds& fds, const WaitOptions& wait = {});

  // By name (README, Names). create() makes the channel or takes the place of one that is gone: its
  // ring goes on where it was, if it has these options and is whole. open() waits until the other
  // side is there. Errors: busy, if a living process has the place ("in use by pid N"); not_found,
  // if the time is up; invalid_argument; as NameFolder::open and Channel::create.
  [[nodiscard]] static Result<Sender> create(std::string_view name,
                                             const ChannelOptions& options = {},
                                             const WaitOptions& wait = {});
  [[nodiscard]] static Result<Sender> open(std::string_view name,
                                           Timeout timeout = std::chrono::seconds(5),
                                           const WaitOptions& wait = {});

  Sender(Sender&&) noexcept = default;
  Sender& operator=(Sender&& other) noexcept;
  // Closes in order: the receiver drains what was committed, then learns `closed`.
  ~Sender();

  // Room for a record of this size in the ring, or empty: not now. Never waits. Visible to the
  // receiver from commit() on. REQUIRES: 0 < size_bytes <= max_record_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    return ring_.claim(size_bytes);
  }
  // The same, waiting up to `timeout` for room. An empty span: time is up. What was staged is
  // flushed before it waits. Errors: too_large, closed, peer_dead, corrupt.
  [[nodiscard]] Result<std::span<std::byte>> claim_for(std::uint32_t size_bytes,
                                                       Timeout timeout = kForever);

  // Makes the claimed record (and all staged ones) visible and rings if the receiver sleeps.
  // commit(n): the record turned out to be n bytes long. REQUIRES: an open claim; 0 < n <= claimed.
  void commit() noexcept {
    ring_.commit();
    published();
  }
  void commit(std::uint32_t size_bytes) noexcept {
    ring_.commit(size_bytes);
    published();
  }
  // Completes the claimed record but shows it only at the next flush() or commit(): a batch becomes
  // visible with one store.
  void stage() noexcept { ring_.stage(); }
  void stage(std::uint32_t size_bytes) noexcept { ring_.stage(size_bytes); }
  void flush() noexcept {
    ring_.flush();
    published();
  }
  // The staged records up to a staged_position().
  void flush_to(std::uint64_t position) noexcept {
    ring_.flush_to(position);
    published();
  }
  [[nodiscard]] std::uint64_t staged_position() const noexcept { return ring_.staged_position(); }
  // Forgets the claim and all that is staged.
  void abort() noexcept { ring_.abort(); }

  // Copies a message in. False: not now. Never waits. REQUIRES: 0 < size <= max_record_bytes().
  [[nodiscard]] bool try_send(std::span<const std::byte> message) noexcept {
    const std::span<std::byte> room = claim(static_cast<std::uint32_t>(message.size()));
    if (room.empty()) return false;
    copy_in(room, message);
    commit();
    return true;
  }
  // What send() does with claimed room, for a message that comes in parts or is staged: long ones
  // go past the caches where that is faster (copy_choice.hpp). REQUIRES: room for the message.
  template <class Byte, std::size_t extent>
  void copy_in(std::span<std::byte> room, std::span<Byte, extent> message) noexcept {
    copy_in_(room, message);
  }
  // The same, waiting for room. False: time is up. Errors: as claim_for; invalid_argument if empty.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once the
  // receiver has rung. Sleep on it only when armed; the receiver's death does
  // not make it readable, see peer(). Errors: unsupported, unless the channel rings by eventfd.
  [[nodiscard]] Result<int> waitable_fd() const { return endpoint_.waitable_fd(); }
  // Announces a sleep until there is room for a record of this size, then looks. False: do not
  // sleep: there is room, or claim_for() has an Error to tell. True: armed until the descriptor
  // becomes readable; look then, and arm() again. What is staged is flushed. REQUIRES: as claim().
  [[nodiscard]] bool arm(std::uint32_t size_bytes) {
    flush();
    endpoint_.moved_to(ring_.tail());
    return endpoint_.arm([&] { return ring_.corrupt() || ring_.has_room(size_bytes); });
  }
  // Takes it back: for a loop that will not look here for a while. waitable_fd() is not readable.
  void disarm() noexcept { endpoint_.disarm(); }
  // Whether the receiver is there. A system call: for a timer, not for each turn of a loop.
  [[nodiscard]] PeerState peer() const noexcept { return endpoint_.peer(); }
  // What arm() sleeps on, for loops that can sleep on a futex too.
  [[nodiscard]] SleepingPlace sleeping_place() const noexcept { return endpoint_.sleeping_place(); }

  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }
  [[nodiscard]] const Channel& channel() const noexcept { return endpoint_.channel(); }
  // Why quick_wake was asked for but not granted.
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return endpoint_.quick_wake_refusal();
  }
  // Bytes that were written since the ring was made, with headers and padding.
  [[nodiscard]] std::uint64_t position() const noexcept { return ring_.tail(); }
  [[nodiscard]] Stats stats() const noexcept { return endpoint_.stats(); }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return endpoint_.missed_rings(); }

 private:
  [[nodiscard]] static Result<Sender> from(Result<Endpoint> endpoint);
  Sender(Endpoint endpoint, core::SpscRing<>::Writer ring) noexcept;
  void published() noexcept { endpoint_.published(); }

  Endpoint endpoint_;
  core::SpscRing<>::Writer ring_;
  CopyIn copy_in_;
};

}  // namespace ringbell
