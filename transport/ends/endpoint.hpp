// What Sender and Receiver have in common: a role on a channel, ringing the peer, and waiting.
//
// While it waits (waiter.hpp), an endpoint parks on its own bell word (core/parking.hpp) and asks
// now and then whether the peer has closed or died.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/sign_of_life.hpp>
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

[[nodiscard]] constexpr Role other(Role role) noexcept {
  return role == Role::writer ? Role::reader : Role::writer;
}

class RINGBELL_API Endpoint {
 public:
  // Takes `role` on the channel. `sign_of_life`, if there is one, is of the peer: a socket that it
  // has the other end of, or its pidfd (open_process()). Once that is over, the peer is dead,
  // whether it has come or not, and a sleeper on an eventfd learns it at once. Errors: busy,
  // system.
  [[nodiscard]] static Result<Endpoint> open(Channel channel, Role role, const WaitOptions& wait,
                                             SignOfLife sign_of_life = {});

  // The same on the channel of this name (names/README.md). create() makes it or takes a dead one's
  // place; open() waits until the other side is there, or something to read. A reader begins with
  // the oldest ring that was set aside. Errors: busy; other_ring, if its messages are of another
  // type; not_found, when time is up; as create_named
  // and open_named, Channel::create and attach.
  [[nodiscard]] static Result<Endpoint> create(std::string_view name, Role role,
                                               const ChannelOptions& options,
                                               const WaitOptions& wait);
  [[nodiscard]] static Result<Endpoint> open(std::string_view name, Role role, Timeout timeout,
                                             const WaitOptions& wait,
                                             const core::TypeRecord& type = {});

  Endpoint(Endpoint&&) noexcept = default;
  Endpoint& operator=(Endpoint&&) noexcept = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() = default;

  // Whether this object still plays its role: not moved from, and not the copy that a child of
  // fork() has of its parent's.
  [[nodiscard]] bool is_open() const noexcept;

  // Lets the descriptors of the memory and of the role go: from now on the sign of life alone tells
  // whether the peer lives. For a side whose memory reaches no other process. REQUIRES: it has one.
  void rely_on_sign_of_life() noexcept;

  // Whether this one's ring was set aside for a newer one of its name.
  [[nodiscard]] bool is_past() const noexcept { return name_ && name_->is_past(); }
  // Whether the name by which it was opened leads to this ring no more. Two system calls or more.
  [[nodiscard]] bool name_lost() const noexcept { return name_ && name_->is_lost(); }
  // This role in the next ring of the name, once this one is read to its end. REQUIRES: is_past().
  // Errors: not_found: not yet; as open().
  [[nodiscard]] Result<Endpoint> open_next() const;

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

  // Whether the two sides may be taking turns on one CPU: while the last `within_bytes` went
  // through one of them slept, or this one gave the CPU away; or it does while it spins.
  [[nodiscard]] bool takes_turns(std::uint64_t within_bytes) const noexcept {
    return parker_.waiter().yields() || position_ - turned_at_ < within_bytes;
  }

  // Waits until `ready()`, until the time is up, or interrupt(). Whatever ended it, ready() was
  // looked at after it.
  template <class Ready>
  [[nodiscard]] Waited wait_until(Ready&& ready, Timeout timeout) {
    const Waited waited =
        parker_.waiter().wait_until(std::forward<Ready>(ready), Peer{*this}, timeout, next_copy());
    if (armed_ == Armed::disturbed) [[unlikely]]
      wake_own_loop();
    return waited;
  }

  // Sleeps, whatever the peer does: until the time is up (timed_out), or interrupt().
  [[nodiscard]] Waited rest(Timeout timeout) {
    return parker_.waiter().wait_until([] { return false; }, Rest{*this}, timeout);
  }

  // Waiter::interrupt(), for this side. Nothing unless is_open(). From any thread;
  // async-signal-safe.
  void interrupt() noexcept;

  // For a loop of one's own (ends/README.md, Event loops). The descriptor that is readable once
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
  // Waits until the peer has come. False: time is up. Errors: closed; peer_dead, also if it is gone
  // without having come, as far as its sign of life tells.
  [[nodiscard]] Result<bool> wait_for_peer(Timeout timeout);

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
    [[nodiscard]] bool is_kept_off() const noexcept { return own.keeps_peer_off(); }
    void took_its_turn() const noexcept { own.turned_at_ = own.position_; }
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

  // None, for rest().
  struct Rest : Peer {
    [[nodiscard]] static bool closed() noexcept { return false; }
    [[nodiscard]] static Waited ask() noexcept { return Waited::ready; }
    template <class Ready>
    [[nodiscard]] bool sleep(Ready&& ready, Clock::time_point until) const {
      const bool is_ready = Peer::own.parker_.park(ready, until, *this);
      Peer::own.woke_up();
      return is_ready;
    }
    [[nodiscard]] static bool stay_awake() noexcept { return false; }
  };

  Endpoint(Channel channel, ParticipantLock lock, Role role, const WaitOptions& wait) noexcept;
  [[nodiscard]] static Result<Endpoint> open_after(std::string_view name, ino_t passed_over,
                                                   Role role, Timeout timeout,
                                                   const WaitOptions& wait,
                                                   const core::TypeRecord& type);
  [[nodiscard]] static Result<Endpoint> named(Result<std::pair<Endpoint, HeldName>> found);

  // How long the next one takes to be copied, if it is as long as what came since the last wait. A
  // reader that slept meanwhile would make a writer of long messages ring for each, and so keep it
  // slower than the reader is: asleep for each, 7 GB/s, where 17 go through. Nothing where half a
  // ring came at once, as where the sides take turns on one CPU.
  [[nodiscard]] Timeout next_copy() noexcept {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20U;
    constexpr std::uint64_t kBytesPerNs = 8;
    const std::uint64_t bytes = position_ - std::exchange(waited_at_, position_);
    const bool is_burst = bytes > region().geometry().capacity_bytes / 2;
    return is_burst ? Timeout::zero() : Timeout(std::min(bytes, kMostBytes) / kBytesPerNs);
  }
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
  [[nodiscard]] bool keeps_peer_off() const noexcept;
  [[nodiscard]] std::uint32_t& state_of(Role role) const noexcept;
  [[nodiscard]] std::uint32_t& pid_of(Role role) const noexcept;

  Channel channel_;
  ParticipantLock lock_;
  std::optional<HeldName> name_;
  SignOfLife sign_of_life_;
  WaitOptions wait_;
  Parker parker_;
  std::uint32_t* peer_bell_;     // the word on which the peer sleeps
  std::uint32_t* own_bell_;      // the word on which this side sleeps
  std::uint64_t position_ = 0;   // how far the ring has come, as last told
  std::uint64_t slept_at_ = 0;   // position_ at the last sleep
  std::uint64_t waited_at_ = 0;  // and at the last wait
  // And at the last sleep of either side, as far as it is known; first where no ring comes to.
  std::uint64_t turned_at_ = std::uint64_t{1} << 63U;
  std::uint64_t fence_below_bytes_;  // WaitOptions
  std::uint32_t parked_ = 0;         // what *own_bell_ said at the last arm()
  Armed armed_ = Armed::no;
  mutable FileDescriptor waitable_;  // beside a socket: waitable_fd(), from the first on
  int owner_pid_;                    // the process that opened it
  Role role_;
  bool by_barrier_;  // parks with the heavy barrier; else the peer fences
};

}  // namespace ringbell
