// Waits for peers to connect() and makes a channel each way with each of them (connection.hpp).
//
// Several handshakes can be under way at a time, each with its own deadline: a peer that stalls,
// talks nonsense or vanishes costs the others nothing.
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
  // With eventfds a sleeping side learns at once that its peer died; with futexes it learns within
  // WaitOptions::longest_sleep. A connector that asks for one of these two gets it.
  core::DoorbellKind doorbell = core::DoorbellKind::eventfd;
  // Users that may connect, besides the one that this process runs as.
  std::vector<uid_t> also_allowed = {};
  // For one peer's handshake. A peer that takes longer is dropped.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(1);
  WaitOptions wait = {};
};

// Not thread-safe; move-only.
class RINGBELL_API Listener {
 public:
  // Errors: invalid_argument; busy, if a living process listens there ("in use by pid N"); as
  // NameFolder::open; system.
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
  };
  using Guests = std::list<Guest>;

  Listener(ListenerOptions options, ListeningSocket socket, FileDescriptor events) noexcept;

  [[nodiscard]] Result<void> watch(int fd) const;
  void unwatch(int fd) const noexcept;
  [[nodiscard]] std::vector<int> wait_for_events(Clock::time_point deadline) const;
  [[nodiscard]] Result<void> let_in();
  // What came from this guest. A connection, if that was all; the guest is then gone.
  [[nodiscard]] Result<std::optional<Connection>> hear(Guests::iterator guest);
  [[nodiscard]] Result<void> welcome(Guest& guest, core::DoorbellKind wish);
  [[nodiscard]] bool is_allowed(uid_t uid) const noexcept;
  void drop(Guests::iterator guest, Error why);
  void drop_late(Clock::time_point now);

  ListenerOptions options_;
  ListeningSocket socket_;
  FileDescriptor events_;  // epoll: the socket and every guest
  Guests guests_;          // the oldest first
  std::uint64_t refused_ = 0;
  std::optional<Error> last_refusal_;
};

}  // namespace ringbell
