// What Sender and Receiver have in common: a role on a channel, ringing the peer, and waiting.
//
// While it waits (waiter.hpp), an endpoint parks on its own bell word (core/parking.hpp) and asks
// now and then whether the peer has closed or died.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <ringbell/core/parking.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/names/held_name.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/parker.hpp>
#include <ringbell/transport/sleep/wait.hpp>
#include <ringbell/transport/sleep/waiter.hpp>

namespace ringbell {

// The process in a role holds the participant's lock of that number.
enum class Role : std::uint8_t { writer = 0, reader = 1 };

class RINGBELL_API Endpoint {
 public:
  // Takes `role` on the channel. `sign_of_life`, if there is one, is a socket that the peer has the
  // other end of: once that is closed, the peer is dead, and a sleeper on an eventfd learns it at
  // once. Errors: busy, system.
  [[nodiscard]] static Result<Endpoint> open(Channel channel, Role role, const WaitOptions& wait,
                                             FileDescriptor sign_of_life = {});

  // The same on the channel of this name (README, Names). create() makes it or takes a dead one's
  // place; open() waits until the other side is there, or something to read. Errors: busy;
  // not_found, when time is up; as create_named and open_named, Channel::create and attach.
  [[nodiscard]] static Result<Endpoint> create(std::string_view name, Role role,
                                               const ChannelOptions& options,
                                               const WaitOptions& wait);
  [[nodiscard]] static Result<Endpoint> open(std::string_view name, Role role, Timeout timeout,
                                             const WaitOptions& wait);

  Endpoint(Endpoint&&) noexcept = default;
  Endpoint& operator=(Endpoint&&) noexcept = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() = default;

  // Whether this object still plays its role: not moved from, and not the copy that a child of
  // fork() has of its parent's.
  [[nodiscard]] bool is_open() const noexcept;

  // Says that this side will do no more, and wakes the peer to learn of it. The last one takes the
  // channel's name away, if it has one: but not if it is the writer, `unread` records are left, and
  // the reader did not close in order. Nothing unless is_open().
  void close(bool unread) noexcept;
  // As close(), but for a successor: to the peer, this side has not come yet.
  void leave(bool unread) noexcept;

  // Call after a release store that may make the peer's condition true: rings if the peer is
  // parked.
  void published() noexcept {
    if (!parker_.rings()) return;
    if (core::Parking<>::peer_waits(*peer_bell_, parker_.must_fence())) [[unlikely]]
      ring_peer();
  }

  // Call now and then as the ring moves on: `position` counts the bytes that went through. A
  // side that has not slept for a while spares its peer the fences again.
  void moved_to(std::uint64_t position) noexcept {
    position_ = position;
    if (parker_.can_barrier() && !by_barrier_ && !sleeps_often()) [[unlikely]]
      go_back_to_barriers();
  }

  // Waits until `ready()` or until the time is up. Whatever ended it, ready() was looked at after
  // it.
  template <class Ready>
  [[nodiscard]] Waited wait_until(Ready&& ready, Timeout timeout) {
    const Waited waited =
        parker_.waiter().wait_until(std::forward<Ready>(ready), Peer{*this}, timeout);
    if (armed_ == Armed::disturbed) [[unlikely]]
      wake_own_loop();
    return waited;
  }

  // For a loop that sleeps by itself (README, Event loops). The descriptor that is readable once
  // the peer has rung. Errors: unsupported, if the channel does not ring by eventfd.
  [[nodiscard]] Result<int> waitable_fd() const;
  [[nodiscard]] SleepingPlace sleeping_place() const noexcept;

  // Announces a sleep, then looks. True: there was nothing; sleep until rung. False: do not sleep,
  // ready() is true or the peer has closed.
  template <class Ready>
  [[nodiscard]] bool arm(Ready&& ready) {
    if (!parker_.waiter().sleeps() || ready() || peer_closed()) return false;
    silence();  // before the announcement: the next ring must stay
    parked_ = announce_sleep();
    armed_ = Armed::yes;
    if (!ready() && !peer_closed()) return true;
    disarm();
    return false;
  }
  // Takes the announcement back: the peer rings no more, and waitable_fd() is not readable.
  void disarm() noexcept;

  // A system call, unless the peer has closed or has not come yet.
  [[nodiscard]] PeerState peer() const noexcept;

  [[nodiscard]] const Parker& parker() const noexcept { return parker_; }
  [[nodiscard]] const Channel& channel() const noexcept { return channel_; }
  [[nodiscard]] const Region& region() const noexcept { return channel_.region(); }

 private:
  using Clock = Parker::Clock;

  // By arm(). Disturbed: a wait of one's own took the announcement back.
  enum class Armed : std::uint8_t { no, yes, disturbed };

  // The peer, as a Waiter and a Parker want it.
  struct Peer {
    Endpoint& own;

    [[nodiscard]] bool closed() const noexcept { return own.peer_closed(); }
    [[nodiscard]] Waited ask() const noexcept { return waited_for(own.peer()); }
    template <class Ready>
    [[nodiscard]] bool sleep(Ready&& ready, Clock::time_point until) const {
      const bool is_ready = own.parker_.park(ready, until, *this);
      own.woke_up();
      return is_ready;
    }

    [[nodiscard]] std::uint32_t announce() const noexcept { return own.announce_sleep(); }
    [[nodiscard]] bool stay_awake() const noexcept { return closed(); }
    void on(std::uint32_t parked, Timeout longest) const noexcept { own.sleep(parked, longest); }
    [[nodiscard]] bool is_still(std::uint32_t parked) const noexcept { return own.says(parked); }
  };

  Endpoint(Channel channel, ParticipantLock lock, Role role, const WaitOptions& wait) noexcept;
  [[nodiscard]] static Result<Endpoint> named(Result<std::pair<Endpoint, HeldName>> found);

  [[nodiscard]] bool sleeps_often() const noexcept {
    return position_ - slept_at_ < fence_below_bytes_;
  }

  [[nodiscard]] std::uint32_t announce_sleep() noexcept;
  void go_back_to_barriers() noexcept;
  void sleep(std::uint32_t parked, Timeout longest) const noexcept;
  [[nodiscard]] bool says(std::uint32_t parked) const noexcept;
  void woke_up() noexcept;
  void silence() noexcept;
  void wake_own_loop() noexcept;
  [[nodiscard]] const Doorbell& own_doorbell() const noexcept;
  void ring_peer() noexcept;
  [[nodiscard]] bool peer_closed() const noexcept;
  [[nodiscard]] std::uint32_t& state_of(Role role) const noexcept;

  Channel channel_;
  ParticipantLock lock_;
  std::optional<HeldName> name_;
  FileDescriptor sign_of_life_;
  Parker parker_;
  std::uint32_t* peer_bell_;         // the word on which the peer sleeps
  std::uint32_t* own_bell_;          // the word on which this side sleeps
  std::uint64_t position_ = 0;       // how far the ring has come, as last told
  std::uint64_t slept_at_ = 0;       // position_ at the last sleep
  std::uint64_t fence_below_bytes_;  // WaitOptions
  std::uint32_t parked_ = 0;         // what *own_bell_ said at the last arm()
  Armed armed_ = Armed::no;
  int owner_pid_;  // the process that opened it
  Role role_;
  bool by_barrier_;  // parks with the heavy barrier; else the peer fences
};

}  // namespace ringbell
