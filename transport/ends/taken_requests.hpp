// What a server and its taken requests share: which of them are open, and the memory in which they
// stand, which stays as long as any of them.
//
// Invariants
//   I1  A line is in entries_ from take_for() to the end of its call, and no longer than the server
//       is open. Only then is anything stored in it, under the mutex: a line is never answered
//       after the next server may have come.
//   I2  A child of fork takes no lock and stores nothing: the mutex may be held for ever there.
//   I3  A request ends its own call and no other: each has a serial number of this process's, which
//       its line's entry must have. A client that overwrites its line can be taken from twice, and
//       a line that was set aside is given to another client once its own is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/ends/taken_request.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/sleeper.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

class TakenRequests : public std::enable_shared_from_this<TakenRequests> {
 public:
  using Taken = core::CallGroup<>::Taken;

  // Of a region with so many lines. `wait` is how the server sleeps.
  TakenRequests(const Region& region, std::uint32_t lines, const WaitOptions& wait);

  // --- the server's ------------------------------------------------------------------------------

  // `bell` is the client's.
  [[nodiscard]] TakenRequest add(const Taken& taken, std::uint32_t line, std::uint32_t client,
                                 std::uint32_t& bell);
  // Asks `is_gone(client)` of kAsksASlice clients, in turn, and cancels the requests of those that
  // are.
  template <class IsGone>
  void cancel_those_of(IsGone&& is_gone) {
    const std::lock_guard lock(mutex_);
    std::optional<std::uint32_t> asked;  // last: a client's lines stand in a row
    bool gone = false;
    std::uint32_t asks = 0;
    for (std::size_t looks = 0; looks < entries_.size(); ++looks) {
      std::optional<Entry>& entry = entries_[next_];
      if (entry && !entry->is_cancelled) {
        if (entry->client != asked) {
          if (++asks > kAsksASlice) return;
          asked = entry->client;
          gone = is_gone(entry->client);
        }
        entry->is_cancelled = gone;
      }
      next_ = (next_ + 1) % entries_.size();
    }
  }
  // The server closes: drops what is open. Then it hands its region over.
  void close() noexcept;
  void keep(Region region) noexcept;
  // The line was spoilt, and its client is gone: what was taken from it is not answered.
  void forget(std::uint32_t line) noexcept;

  // --- a request's -------------------------------------------------------------------------------

  [[nodiscard]] bool is_own() const noexcept;  // not the copy of a child of fork
  [[nodiscard]] bool is_cancelled(std::uint32_t line, std::uint64_t serial) const noexcept;
  // False: the client still has the part before. Errors: closed, corrupt, too_large, dropped; all
  // but too_large end the call.
  [[nodiscard]] Result<bool> respond(std::uint32_t line, std::uint64_t serial,
                                     std::span<const std::byte> response);
  [[nodiscard]] Result<bool> send(std::uint32_t line, std::uint64_t serial,
                                  std::span<const std::byte> part);
  // Errors: closed, corrupt.
  [[nodiscard]] Result<void> finish(std::uint32_t line, std::uint64_t serial);
  void drop(std::uint32_t line, std::uint64_t serial) noexcept;
  // Whether send() would do something else than return false.
  [[nodiscard]] bool is_here(std::uint32_t line, std::uint64_t serial) noexcept;
  // Cancels it if its client is gone. System calls.
  void ask_after_client(std::uint32_t line, std::uint64_t serial, std::uint32_t client) noexcept;
  // What sleeps until a client asks for more.
  [[nodiscard]] std::unique_ptr<Sleeper> sleeper() const;

 private:
  struct Entry {
    Taken taken;
    std::uint64_t serial;
    std::uint32_t* bell;
    std::uint32_t client;
    bool is_cancelled = false;  // its client is gone
  };

  // Whether it is that request's.
  [[nodiscard]] static bool is(const std::optional<Entry>& entry, std::uint64_t serial) noexcept {
    return entry && entry->serial == serial;
  }
  void end(std::optional<Entry>& entry) noexcept;
  // Whether the line is the server's; false: the client still has the part before. Errors: closed,
  // corrupt.
  [[nodiscard]] Result<bool> look(std::optional<Entry>& entry, std::uint64_t serial);
  // The same, with the message copied in and claimed. Errors: as respond().
  [[nodiscard]] Result<bool> fill(std::optional<Entry>& entry, std::uint64_t serial,
                                  std::span<const std::byte> message);
  [[nodiscard]] Result<bool> fail_given_up(std::optional<Entry>& entry);

  mutable std::mutex mutex_;
  core::DoorbellKind doorbell_;
  WaitOptions wait_;
  int region_fd_;
  std::span<core::ParticipantLine> participants_;
  Sleeper sleeper_;                            // rings, and never sleeps
  std::vector<std::optional<Entry>> entries_;  // by line
  std::size_t next_ = 0;                       // the line whose client is next asked after
  std::uint64_t serial_ = 0;                   // of the request that was taken last
  bool is_closed_ = false;
  std::optional<Region> region_;  // of a server that is gone
  int owner_pid_;
};

}  // namespace ringbell
