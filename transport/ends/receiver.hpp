// The reading endpoint of a channel. One for each channel; not thread-safe; move-only.
//
//   auto record = receiver.peek();          // in place, no copy: use it, then
//   receiver.release();                     // give its bytes back
//   receiver.receive(buffer);               // or copied out, waiting for one if need be
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/ends/endpoint.hpp>

namespace ringbell {

class RINGBELL_API Receiver {
 public:
  // Takes the reader's role of the channel, and its region and doorbells. Starts at the oldest
  // record that was not given back. Errors: busy, corrupt, system, as Sender::open.
  [[nodiscard]] static Result<Receiver> open(Channel channel, const WaitOptions& wait = {},
                                             FileDescriptor sign_of_life = {});
  [[nodiscard]] static Result<Receiver> attach(const ChannelFds& fds, const WaitOptions& wait = {});

  // By name (README, Names). create() makes the channel or takes the place of one that is gone: its
  // ring goes on where it was, if it has these options and is whole. open() waits until the other
  // side is there, or something that it left to read. Errors: busy, if a living process has the
  // place ("in use by pid N"); not_found, if the time is up; invalid_argument; as NameFolder::open
  // and Channel::create.
  [[nodiscard]] static Result<Receiver> create(std::string_view name,
                                               const ChannelOptions& options = {},
                                               const WaitOptions& wait = {});
  [[nodiscard]] static Result<Receiver> open(std::string_view name,
                                             Timeout timeout = std::chrono::seconds(5),
                                             const WaitOptions& wait = {});

  Receiver(Receiver&&) noexcept = default;
  Receiver& operator=(Receiver&& other) noexcept;
  // Closes in order: the sender learns `closed` when it next waits.
  ~Receiver();
  // Gives the role up without closing: the sender waits for the next receiver as for the first.
  // That one goes on with the oldest record that was not given back. Nothing else may be called
  // after it.
  void leave() noexcept;

  // The next record, in place, or empty: not now. Never waits. The same one until release() or
  // hold(). A hostile sender can change the bytes while they are read.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const std::span<const std::byte> record = ring_.peek();
    if (record.empty()) head_published();
    return record;
  }
  // The same, waiting up to `timeout`. An empty span: time is up. Errors: closed (and nothing left
  // to read), peer_dead (likewise), corrupt.
  [[nodiscard]] Result<std::span<const std::byte>> peek_for(Timeout timeout = kForever);

  // Gives the peeked record and all held ones back to the sender.
  void release() noexcept {
    ring_.release();
    head_published();
  }
  // Keeps the peeked record and moves on to the next: peek(), hold(), peek(), hold(), release_to().
  void hold() noexcept { ring_.hold(); }
  // Takes all holds back: peek() goes on with the oldest record that was not given back.
  void unhold() noexcept { ring_.unhold(); }
  // Gives back the held records that end at or before a position().
  void release_to(std::uint64_t position) noexcept {
    ring_.release_to(position);
    head_published();
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return ring_.position(); }

  // Calls `use(span)` for up to `limit` records that are there now, then gives them back together.
  // Returns how many. Never waits.
  template <class Use>
  std::size_t drain(Use&& use, std::size_t limit = SIZE_MAX) {
    std::size_t count = 0;
    // No honest sender fills more than the ring; a hostile one's would go round for ever.
    const std::uint64_t start = ring_.position();
    const std::uint64_t capacity = channel().region().geometry().capacity_bytes;
    for (; count < limit && ring_.position() - start < capacity; ++count) {
      const std::span<const std::byte> record = ring_.peek();
      if (record.empty()) break;
      use(record);
      ring_.hold();
    }
    release_to(ring_.position());
    return count;
  }

  // Copies the next message out and returns its size; 0: time is up. Errors: as peek_for; too_large
  // if `into` is too small, the message then stays where it is.
  [[nodiscard]] Result<std::size_t> receive(std::span<std::byte> into, Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once the
  // sender has rung. Sleep on it only when armed; the sender's death does not
  // make it readable, see peer(). Errors: unsupported, unless the channel rings by eventfd.
  [[nodiscard]] Result<int> waitable_fd() const { return endpoint_.waitable_fd(); }
  // Announces a sleep, then looks. False: do not sleep: there is a record, or peek_for() has an
  // Error to tell. True: armed until the descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm() {
    return endpoint_.arm([&] { return !peek().empty() || ring_.corrupt(); });
  }
  // Takes it back: for a loop that will not look here for a while. waitable_fd() is not readable.
  void disarm() noexcept { endpoint_.disarm(); }
  // Whether the sender is there. A system call: for a timer, not for each turn of a loop.
  [[nodiscard]] PeerState peer() const noexcept { return endpoint_.peer(); }
  // What arm() sleeps on, for loops that can sleep on a futex too.
  [[nodiscard]] SleepingPlace sleeping_place() const noexcept { return endpoint_.sleeping_place(); }

  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return ring_.max_record_bytes(); }
  [[nodiscard]] const Channel& channel() const noexcept { return endpoint_.channel(); }
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return endpoint_.quick_wake_refusal();
  }
  [[nodiscard]] Stats stats() const noexcept { return endpoint_.stats(); }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return endpoint_.missed_rings(); }

 private:
  [[nodiscard]] static Result<Receiver> from(Result<Endpoint> endpoint);
  Receiver(Endpoint endpoint, core::SpscRing<>::Reader ring) noexcept;
  // Rings if the sender sleeps and a new head was published since the last call.
  void head_published() noexcept {
    if (ring_.published_head() == head_rung_) [[likely]]
      return;
    head_rung_ = ring_.published_head();
    endpoint_.moved_to(head_rung_);
    endpoint_.published();
  }

  Endpoint endpoint_;
  core::SpscRing<>::Reader ring_;
  std::uint64_t head_rung_;
};

}  // namespace ringbell
