// What the endpoints of a ring of many have in common: a number among the participants, known to
// live by a lock (participant_lock.hpp), and sleeping (sleeper.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/names/held_name.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/sleeper.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// The part that an end takes in a ring, and what it asks of the region.
struct Part {
  // The first are those that the rest wait for: Region::first_participants().
  enum class Among : std::uint8_t { all, the_first, the_rest };

  core::RingKind kind{};
  Among among{};               // the participants that it may be
  std::string_view role;       // for people
  std::string_view more = {};  // for people: what to do when all places are taken
  bool reads = false;          // for people: a reader or caller
  bool is_sized = false;       // a size stands in front of each message (sized.hpp)
  bool has_lane = false;       // of a FanIn, and looks into no other
  // Whether the place of this number is as an end may find it; nullptr: it always is.
  bool (*is_whole)(const Region& region, std::uint32_t number) = nullptr;
  // Whether a region in which no process takes part is worth opening; nullptr: it is not.
  bool (*left_something)(const Region& region) = nullptr;
};

class RINGBELL_API Participant {
 public:
  // Takes a free number. All that must be true of a region before an end uses it is checked here,
  // however the end came by it. Errors: not_a_region, if it is no ring for this part;
  // invalid_argument, if it rings by eventfd; busy, if a living process has the only such place;
  // no_place, if no number is free; corrupt, if none of the free ones is whole; system.
  [[nodiscard]] static Result<Participant> join(Region region, const Part& part,
                                                const WaitOptions& wait);

  // The same in the region of this name (names/README.md). create() makes it, or joins what is
  // there with these options, dead or alive; open() waits until a participant is there, one of the
  // rest until the first lives and has not closed, or until something is left. Errors: also
  // other_ring, if a living one uses the name for something else, or messages of another type;
  // not_found, when time is up; not_a_region; as create_named and open_named, Region::create and
  // attach.
  [[nodiscard]] static Result<Participant> create(std::string_view name,
                                                  const RegionOptions& options, const Part& part,
                                                  const WaitOptions& wait);
  [[nodiscard]] static Result<Participant> open(std::string_view name, const Part& part,
                                                Timeout timeout, const WaitOptions& wait,
                                                const core::TypeRecord& type = {});

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

  // Sleeper::interrupt(). Nothing unless is_open().
  void interrupt() noexcept;

  // Whether the name by which it came leads to this ring no more. Two system calls or more.
  [[nodiscard]] bool name_lost() const noexcept { return name_ && name_->is_lost(); }

  // Says that this one will do no more. Ring those that may wait for it after that. REQUIRES:
  // is_open().
  void say_closed() const noexcept;

  // After that, at the very end: lets the number go, and takes the region's name away, if it has
  // one, no other process takes part, and `keep()` is false, which is asked then.
  void leave(const std::function<bool()>& keep = [] { return false; }) noexcept;

  // For an end that goes while its memory is still looked at. REQUIRES: leave() before; nothing
  // after it.
  [[nodiscard]] Region take_region() noexcept { return std::move(region_); }

  // Whether that number has died, or has never come. A system call. Not of this one itself.
  [[nodiscard]] bool is_gone(std::uint32_t number) const noexcept;

  // Whether that number came and has not closed, nor was buried: it lives, or is_gone(). One load.
  [[nodiscard]] bool is_open(std::uint32_t number) const noexcept;
  // Whether the last one that had this one's number did not close, nor was buried: it may have left
  // something.
  [[nodiscard]] bool follows_a_death() const noexcept { return follows_a_death_; }
  // Everything that it held has been taken from it: its death need not be looked at again.
  // REQUIRES: its place is being mended, so that the next one finds all that or nothing of it.
  void bury(std::uint32_t number) const noexcept;
  // Runs `mend()` on the place of one that is gone, while no process can take it. False: it is not
  // gone, or there is no descriptor or memory to hold it. Two may mend it at a time.
  template <class Mend>
  bool mend_place_of(std::uint32_t number, Mend&& mend) const noexcept {
    try {
      const Result<ParticipantLock> held = ParticipantLock::take_to_mend(region_.fd(), number);
      if (!held) return false;
      mend();
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

 private:
  Participant(Region region, ParticipantLock lock, const WaitOptions& wait) noexcept;
  [[nodiscard]] static Result<Participant> named(Result<std::pair<Participant, HeldName>> found);

  Region region_;
  ParticipantLock lock_;
  std::optional<HeldName> name_;
  Sleeper sleeper_;
  int owner_pid_;  // the process that opened it
  bool follows_a_death_ = false;
};

// Whether the first participants (Part::Among) have closed in order: one at least, and all that
// came. Acquire: what they did before that is visible. Works on a region that is mapped read-only.
RINGBELL_API [[nodiscard]] bool has_closed(const Region& region) noexcept;
// What is known of them together: alive while one is, else dead if one died, else closed if one
// came. Two system calls at most for each. REQUIRES: none is of this process's own file
// description.
RINGBELL_API [[nodiscard]] PeerState peer_state(const Region& region) noexcept;
// The same of one participant.
RINGBELL_API [[nodiscard]] PeerState peer_state(const Region& region,
                                                std::uint32_t number) noexcept;

// After how many others one end asks the kernel in a slice: some 100 us.
inline constexpr std::uint32_t kAsksASlice = 64;

// The first participants, in the form that Sleeper asks for.
struct ThePeer {
  const Region& region;

  [[nodiscard]] bool closed() const noexcept { return has_closed(region); }
  [[nodiscard]] Waited ask() const noexcept { return waited_for(peer_state(region)); }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
};

}  // namespace ringbell
