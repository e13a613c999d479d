// What the endpoints of a ring of many have in common: a number among the participants, known to
// live by a lock (participant_lock.hpp), and sleeping (sleeper.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/names/held_name.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/sleeper.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// Which of the participants somebody wants to be: `first` to `end - 1`.
struct Numbers {
  std::uint32_t first;
  std::uint32_t end;
  std::string_view role;  // for people
  bool reads;             // for people: a reader or caller
};

// Where a region that was found by name says who may be what.
using NumbersOf = Numbers (*)(const Region& region);

// What is looked for under a name.
struct Wanted {
  core::RingKind kind{};
  NumbersOf among = nullptr;
  // Whether what the dead left is worth having; nullptr: it is not.
  bool (*left_something)(const Region& region) = nullptr;
};

class RINGBELL_API Participant {
 public:
  // Takes a free number of `among`. The region must have participants, and no eventfds. Errors:
  // busy, if there is none; invalid_argument, if the region rings by eventfd; system.
  [[nodiscard]] static Result<Participant> join(Region region, const Numbers& among,
                                                const WaitOptions& wait);

  // The same in the region of this name (README, Names). create() makes it, or joins what is there
  // with these options, dead or alive; open() waits until a participant is there, or something is
  // left. Errors: also busy, if a living one uses the name for something else; not_found, when time
  // is up; not_a_region; as HeldName::create and open, Region::create and attach.
  [[nodiscard]] static Result<Participant> create(std::string_view name,
                                                  const RegionOptions& options, NumbersOf among,
                                                  const WaitOptions& wait);
  [[nodiscard]] static Result<Participant> open(std::string_view name, const Wanted& wanted,
                                                Timeout timeout, const WaitOptions& wait);

  Participant(Participant&&) noexcept = default;
  Participant& operator=(Participant&&) noexcept = default;
  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;
  ~Participant() = default;

  [[nodiscard]] std::uint32_t number() const noexcept { return lock_.number(); }
  [[nodiscard]] const Region& region() const noexcept { return region_; }
  [[nodiscard]] Sleeper& sleeper() noexcept { return sleeper_; }
  [[nodiscard]] const Sleeper& sleeper() const noexcept { return sleeper_; }
  // Where this one sleeps, if it sleeps alone.
  [[nodiscard]] std::uint32_t& own_bell() const noexcept { return bell_of(number()); }
  [[nodiscard]] std::uint32_t& bell_of(std::uint32_t number) const noexcept {
    return region_.participant(number).bell;
  }

  // Whether this object still takes part: not moved from, and not the copy that a child of fork()
  // has of its parent's.
  [[nodiscard]] bool is_open() const noexcept;

  // Says that this one will do no more. Ring those that may wait for it after that. REQUIRES:
  // is_open().
  void say_closed() const noexcept;

  // After that, at the very end: lets the number go, and takes the region's name away, if it has
  // one, no other process takes part, and `keep()` is false, which is asked then.
  void leave(const std::function<bool()>& keep = [] { return false; }) noexcept;

  // Whether that number has died, or has never come. A system call. Not of this one itself.
  [[nodiscard]] bool is_gone(std::uint32_t number) const noexcept;

  // Whether that number died without closing, and nobody has called bury() since. A system call
  // for one that has not closed.
  [[nodiscard]] bool is_unburied(std::uint32_t number) const noexcept;
  // Everything that it held has been taken from it: its death need not be looked at again.
  void bury(std::uint32_t number) const noexcept;

 private:
  Participant(Region region, ParticipantLock lock, const WaitOptions& wait) noexcept;

  Region region_;
  ParticipantLock lock_;
  std::optional<HeldName> name_;
  Sleeper sleeper_;
  int owner_pid_;  // the process that opened it
};

// Whether a participant has closed in order. Acquire: what it did before that is visible. Works on
// a region that is mapped read-only.
[[nodiscard]] bool has_closed(const Region& region, std::uint32_t number) noexcept;
// What is known of it. Two system calls at most. REQUIRES: it is not of this process's own file
// description.
[[nodiscard]] PeerState peer_state(const Region& region, std::uint32_t number) noexcept;
// The same of one that is waited for: ready while it lives or has not come yet.
[[nodiscard]] Waited ask_after(const Region& region, std::uint32_t number) noexcept;

}  // namespace ringbell
