// An event loop on io_uring: sleeps on many endpoints at a time, and moves bytes between file
// descriptors and rings without a copy in between.
//
//   file, pipe, socket --read_into--> | ring | --> the other process
//   file, pipe, socket <-write_from-- | ring | <-- the other process
//
// The kernel reads straight into claimed records and writes straight out of peeked ones, on memory
// registered with it. A bell is an eventfd under a multishot poll, or, if asked for, the futex word
// itself (IORING_OP_FUTEX_WAIT): what the loop does before it sleeps on it is arm() of the endpoint
// (receiver.hpp), so no wake-up is lost.
//
// Rules
//   One thread. Callbacks run in turn() and run(), and may start and cancel anything; they must not
//   destroy the loop or call turn() or run().
//   An endpoint or descriptor stays alive, and an endpoint where it is, until what was started on
//   it has called back for the last time, or is a watch that was cancelled, or the loop is gone. (A
//   watched endpoint may also go just before the loop.)
//   While a stream runs, nothing else uses its endpoint.
//   A write to a pipe or socket without a reader raises SIGPIPE, as write(2) does: ignore the
//   signal to get the Error.
// The destructor cancels what is under way and waits until the kernel has let go of all memory. It
// calls no callback. A loop does not survive a fork.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

class UringState;  // uring_operation.hpp

struct UringOptions {
  unsigned entries = 64;  // requests handed to the kernel at a time; more wait their turn
  // Sleep on the futex word of channels that ring by futex. Linux 6.7.
  bool futex_wait = false;
  // As WaitOptions::longest_sleep: how often the loop asks whether peers live.
  std::chrono::nanoseconds longest_sleep = std::chrono::milliseconds(100);
};

// How bytes move between a descriptor and a ring.
struct StreamOptions {
  // Where to begin in a file. Nothing: a pipe, a socket, or a file at its own position; its bytes
  // go one request at a time, records are as long as the reads come.
  std::optional<std::uint64_t> offset{};
  // To stop after so many bytes. With an offset a read stops at the size that the file has at the
  // start, or here; a file that ends earlier is an Error. A write stops with the record that
  // reaches it.
  std::uint64_t length_bytes = UINT64_MAX;
  // The largest record that read_into() makes. 0: an eighth of the ring.
  std::uint32_t record_bytes = 0;
  // Requests under way at a time, 1 … 32. More than 1 only with an offset.
  unsigned depth = 1;
  // Register the ring's memory with the kernel. False: for memory that cannot be.
  bool pinned = true;
};

// How a stream ended.
struct StreamEnd {
  // Of records that are complete: visible to the receiver, or written and given back to the sender.
  std::uint64_t bytes = 0;
  // Success: at the end of the file, at length_bytes, or when the sender has closed and all it sent
  // is written. Else what went wrong. Errors: of read(2) and write(2); cancelled; closed,
  // peer_dead, corrupt as the endpoint says. What was read into the ring by then is visible; what
  // is not written is still in the ring, from the first record that is not complete.
  Result<void> result{};
};

class RINGBELL_API UringLoop {
 public:
  // Names what was started. Never used again by this loop.
  using Ticket = std::uint64_t;
  using OnBell = std::function<void(const Result<void>&)>;
  using OnPoll = std::function<void(const Result<unsigned>& events)>;
  using OnTime = std::function<void()>;
  using OnEnd = std::function<void(const StreamEnd&)>;

  // Errors: unsupported, with what to do instead, where the kernel has no io_uring (or, if asked
  // for, no futex_wait) or forbids it; invalid_argument; system.
  [[nodiscard]] static Result<UringLoop> create(const UringOptions& options = {});

  UringLoop(UringLoop&&) noexcept;
  UringLoop& operator=(UringLoop&&) noexcept;
  UringLoop(const UringLoop&) = delete;
  UringLoop& operator=(const UringLoop&) = delete;
  ~UringLoop();

  // Calls back whenever there is a record to read, again and again while there is, until cancel().
  // An Error is the last call, and comes when all is read: closed, peer_dead, corrupt, system.
  // Errors here: unsupported, if the channel's doorbell is none, or futex without futex_wait.
  [[nodiscard]] Result<Ticket> watch(Receiver& receiver, OnBell on_bell);
  // Whenever there is room for a record of this size: cancel it when there is nothing to send. What
  // is staged is flushed.
  [[nodiscard]] Result<Ticket> watch(Sender& sender, std::uint32_t size_bytes, OnBell on_bell);

  // Calls back with those of `events` (POLLIN and the like; always POLLERR and POLLHUP too) that
  // are there, again and again while one is (level-triggered), until cancel(). An Error is the last
  // call.
  Ticket poll(int fd, unsigned events, OnPoll on_poll);

  // Calls back once, when the time is up.
  Ticket after(Timeout time, OnTime on_time);

  // Reads into the sender's ring until the end (StreamOptions), and calls back once, then. Does not
  // close the sender. Errors here: invalid_argument; no_space and unsupported, if the ring cannot
  // be registered.
  [[nodiscard]] Result<Ticket> read_into(Sender& sender, int fd, const StreamOptions& options,
                                         OnEnd on_end);
  // Writes what comes out of the receiver's ring, until the end, and calls back once, then. Errors
  // here: as read_into().
  [[nodiscard]] Result<Ticket> write_from(Receiver& receiver, int fd, const StreamOptions& options,
                                          OnEnd on_end);

  // A watch, a poll or a time calls back no more. A stream ends as soon as the kernel has let go of
  // its records, and calls back then, with Error cancelled unless it came to its end. A ticket that
  // is over already: nothing.
  void cancel(Ticket ticket) noexcept;

  // Does whatever is due, after sleeping up to `timeout` if there is nothing to do; returns how
  // many callbacks were called. 0: time is up, or what there was to do concerned the loop alone.
  // Errors: system.
  [[nodiscard]] Result<std::size_t> turn(Timeout timeout = kForever);

  // Turns until stop() or until there is nothing left to wait for.
  [[nodiscard]] Result<void> run();
  void stop() noexcept;

  // As Endpoint::missed_rings(): what was there although no ring had come. 0, unless the protocol
  // is broken.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept;

 private:
  explicit UringLoop(std::unique_ptr<UringState> state) noexcept;

  std::unique_ptr<UringState> state_;
};

}  // namespace ringbell
