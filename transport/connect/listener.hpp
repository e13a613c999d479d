// Waits for peers to connect() and makes a channel each way with each of them (connection.hpp).
//
// Several handshakes can be under way at a time, each with its own deadline: a peer that stalls,
// talks nonsense or vanishes costs the others nothing.
//
// What a peer that does not finish can take
//   L1  At most kMostGuests of a user, and kMostGuestsInAll, have a socket each. One more, and the
//       oldest of the user that has most is dropped.
//   L2  At most kMostWelcomed of a user have memory. The others wait until one of these is done.
//   L3  The memory of one that is dropped is given back, whatever the peer still has mapped or has
//       not read. While it has not read its welcome, whose descriptors the kernel counts, it is
//       among those of L2 until it hangs up.
//   L4  Without a descriptor for a new peer, that one is told so and dropped: it does not stay at
//       the door and wake this side for ever.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/connect/connection.hpp>
#include <ringbell/transport/connect/listening_socket.hpp>

namespace ringbell {

struct ListenerOptions {
  Place place = Place::folder;
  // Of each channel, one each way. Its doorbell is not looked at: that is the next field.
  ChannelOptions channel = {};
  // With eventfd a side can be polled, and if it sleeps learns at once that its peer died; with
  // futex it learns within WaitOptions::longest_sleep. Nothing: eventfd with processes of this
  // user, futex with those of others. In place of eventfds, which any holder can fill, others get
  // sockets (Channel::attach_by_socket). With none both sides spin: a connector must say so.
  std::optional<core::DoorbellKind> doorbell = {};
  // A connector that asks for another of futex and eventfd is refused. Else it gets what it asks
  // for.
  bool insists_on_doorbell = false;
  // Users that may connect, besides the one that this process runs as. They cannot come to
  // Place::folder: with it they are an Error.
  std::vector<uid_t> also_allowed = {};
  // For one peer's handshake. A peer that takes longer is dropped.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(1);
  WaitOptions wait = {};
};

// Not thread-safe; move-only.
class RINGBELL_API Listener {
 public:
  // Errors: invalid_argument (also users that cannot come, or a folder that no group shares); busy,
  // if a living process listens there ("in use by pid N"); as NameFolder::open; system.
  [[nodiscard]] static Result<Listener> open(std::string_view name, ListenerOptions options = {});

  // Takes the name away. Connections live on; handshakes under way are dropped.
  ~Listener() = default;

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The next peer that has shaken hands. Nothing: time is up. A peer that is refused is no error;
  // see refused(). Errors: no_space, system: there is no memory or no descriptor for a new peer.
  [[nodiscard]] Result<std::optional<Connection>> accept(Timeout timeout = kForever);

  // Readable when accept(Timeout::zero()) may have something to do: for event loops.
  [[nodiscard]] int fd() const noexcept { return events_.get(); }

  // Whether no connector finds this one by its name any more: the socket's file was removed,
  // renamed or replaced by hand. False of an abstract name. Some system calls: for a timer.
  [[nodiscard]] bool name_lost() const noexcept { return socket_.name_lost(); }

  // Peers that were dropped, and why the last one was. For logs.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  [[nodiscard]] const std::optional<Error>& last_refusal() const noexcept { return last_refusal_; }

 private:
  using Clock = std::chrono::steady_clock;

  // A peer that has not finished its handshake. With endpoints: it was welcomed.
  struct Guest {
    FileDescriptor socket;
    Peer peer;
    Clock::time_point deadline;
    std::optional<Sender> sender;
    std::optional<Receiver> receiver;
    bool waits = false;  // L2: what it says is not read yet
  };
  using Guests = std::list<Guest>;
  // L3: one that was dropped and has not read its welcome.
  struct Debtor {
    FileDescriptor socket;
    uid_t uid;
  };

  Listener(ListenerOptions options, ListeningSocket socket, FileDescriptor events,
           FileDescriptor spare) noexcept;

  [[nodiscard]] Result<void> watch(int fd, bool only_its_end = false) const;
  void unwatch(int fd) const noexcept;
  [[nodiscard]] std::vector<int> wait_for_events(Clock::time_point deadline) const;
  [[nodiscard]] Result<void> let_in();
  // L4. Returns `why`.
  [[nodiscard]] Error turn_away(Error why);
  void take_spare();
  void drop_one_too_many();
  [[nodiscard]] bool may_welcome(uid_t uid) const noexcept;
  // Those of L2 that may go on.
  void hear_those_that_wait();
  // What came from this guest. A connection, if that was all; the guest is then gone.
  [[nodiscard]] Result<std::optional<Connection>> hear(Guests::iterator guest);
  // Errors: unsupported, if this side insists on another than the guest asks for.
  [[nodiscard]] Result<core::DoorbellKind> doorbell_for(const Guest& guest,
                                                        core::DoorbellKind wish) const;
  [[nodiscard]] Result<void> welcome(Guest& guest, core::DoorbellKind doorbell);
  [[nodiscard]] bool is_allowed(uid_t uid) const noexcept;
  void drop(Guests::iterator guest, Error why);
  void drop_late(Clock::time_point now);

  ListenerOptions options_;
  std::optional<uid_t> own_uid_;  // which may connect; nothing: it stands for strangers too
  ListeningSocket socket_;
  FileDescriptor events_;  // epoll: the socket and every guest
  FileDescriptor spare_;   // given up to turn a peer away
  Guests guests_;          // the oldest first
  std::list<Debtor> debtors_;
  std::uint64_t refused_ = 0;
  std::optional<Error> last_refusal_;
};

}  // namespace ringbell
