// What Sender and Receiver have in common, for people and for loops: all of it is the Endpoint's.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/endpoint.hpp>

namespace ringbell {

class ChannelEnd {
 public:
  // For epoll and other loops (ends/README.md, Event loops): the descriptor that is readable once
  // the peer has rung. Sleep on it only when armed; the peer's death does not make it readable, see
  // peer(). Errors: unsupported, unless the channel rings by eventfd.
  [[nodiscard]] Result<int> waitable_fd() const { return endpoint_.waitable_fd(); }
  // Ends the wait under way, or the next one that does not find at once what it waits for: the
  // Error is `cancelled`, and the end is as good as before. From any thread, and from a signal
  // handler: it takes no lock. The end must stay where it is meanwhile.
  void interrupt() noexcept { endpoint_.interrupt(); }
  // Takes arm() back, for a loop that will not look here for a while: the descriptor is silent.
  void disarm() noexcept { endpoint_.disarm(); }
  // Whether the peer is there. A system call: for a timer, not for each turn of a loop.
  [[nodiscard]] PeerState peer() const noexcept { return endpoint_.peer(); }
  // Waits until the peer has opened its end. False: time is up. Errors: closed; peer_dead, also if
  // it is gone without having come, as far as the sign of life tells that open() was given. What a
  // peer that is gone has sent is there to be read all the same.
  [[nodiscard]] Result<bool> wait_for_peer(Timeout timeout = kForever) {
    return endpoint_.wait_for_peer(timeout);
  }
  // For the two sides of a connection: closes the descriptors of the memory, which channel().fds()
  // then lacks, and of the role, of which the memory's other users learn no more. The sign of life
  // that open() was given tells whether the peer lives.
  void rely_on_sign_of_life() noexcept { endpoint_.rely_on_sign_of_life(); }
  // Whether the name by which this end was opened leads to this ring no more: its file was removed,
  // renamed or replaced by hand. The ring works on, for those that have it; a process that comes by
  // the name finds none, or another. False without a name, and of a ring that was set aside for a
  // newer one (Replace). Some system calls: for a timer.
  [[nodiscard]] bool name_lost() const noexcept { return endpoint_.name_lost(); }
  // What arm() sleeps on, for loops that can sleep on a futex too.
  [[nodiscard]] SleepingPlace sleeping_place() const noexcept { return endpoint_.sleeping_place(); }

  [[nodiscard]] const Channel& channel() const noexcept { return endpoint_.channel(); }
  // Why WaitOptions::quick_wake was asked for but not granted.
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return endpoint_.parker().quick_wake_refusal();
  }
  [[nodiscard]] Stats stats() const noexcept { return endpoint_.parker().stats(); }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return endpoint_.parker().missed_rings();
  }

 protected:
  explicit ChannelEnd(Endpoint endpoint) noexcept : endpoint_(std::move(endpoint)) {}
  // While it lives, the calling thread is in this end (one_thread.hpp).
  [[nodiscard]] OneThreadInside inside() const noexcept {
    return OneThreadInside(endpoint_.parker().waiter().one_thread());
  }

  Endpoint endpoint_;
};

// How a side of a channel is opened. `Self` has kRole, and makes itself of an endpoint: on() checks
// what it finds there.
template <class Self>
class OpenedSide : public ChannelEnd {
 public:
  // Takes the role of the channel, and its region and doorbells. `sign_of_life`: as in
  // Endpoint::open. Errors: busy, if a living process holds the role; corrupt, if what the last one
  // left cannot be; system.
  [[nodiscard]] static Result<Self> open(Channel channel, const WaitOptions& wait = {},
                                         SignOfLife sign_of_life = {}) {
    return from(Endpoint::open(std::move(channel), Self::kRole, wait, std::move(sign_of_life)));
  }
  [[nodiscard]] static Result<Self> attach(const ChannelFds& fds, const WaitOptions& wait = {}) {
    Result<Channel> channel = Channel::attach(fds);
    if (!channel) return tl::unexpected(std::move(channel.error()));
    return open(std::move(*channel), wait);
  }
  // The side of a driver's ring that the kernel does not have: busy, if it is the other one.
  [[nodiscard]] static Result<Self> open_device(const std::string& path,
                                                const WaitOptions& wait = {}) {
    Result<Channel> channel = Channel::attach_device(path);
    if (!channel) return tl::unexpected(std::move(channel.error()));
    return open(std::move(*channel), wait);
  }
  // By name (names/README.md). create() makes the channel or takes the place of one that is gone:
  // its ring goes on where it was, if it has these options and is whole. open() waits until the
  // other side is there, or, to receive, something that it left to read. Errors: busy, if a living
  // process has the place ("in use by pid N"); not_found, if the time is up; other_ring, if the
  // messages are not of a `type` that was asked for; invalid_argument; as NameFolder::open and
  // Channel::create.
  [[nodiscard]] static Result<Self> create(std::string_view name,
                                           const ChannelOptions& options = {},
                                           const WaitOptions& wait = {}) {
    return from(Endpoint::create(name, Self::kRole, options, wait));
  }
  [[nodiscard]] static Result<Self> open(std::string_view name, Timeout timeout = kOpenTimeout,
                                         const WaitOptions& wait = {},
                                         const core::TypeRecord& type = {}) {
    return from(Endpoint::open(name, Self::kRole, timeout, wait, type));
  }

 protected:
  using ChannelEnd::ChannelEnd;

 private:
  [[nodiscard]] static Result<Self> from(Result<Endpoint> endpoint) {
    if (!endpoint) return tl::unexpected(std::move(endpoint.error()));
    return Self::on(std::move(*endpoint));
  }
};

}  // namespace ringbell
