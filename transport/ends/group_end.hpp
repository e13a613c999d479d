// What every end of a ring of many has: three ways to come by it, and what can be asked of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>
#include <ringbell/transport/sleep/stats.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// An end is closed by its destructor, so what is assigned to is destroyed and made anew.
template <class End>
End& replace(End& end, std::type_identity_t<End>&& by) noexcept {
  if (&end != &by) {
    std::destroy_at(&end);
    std::construct_at(&end, std::move(by));
  }
  return end;
}

class GroupEnd {
 public:
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().parker().stats(); }
  // Stats::missed_rings.
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().parker().missed_rings();
  }
  // Why WaitOptions::quick_wake was asked for but not granted.
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return participant_.sleeper().parker().quick_wake_refusal();
  }
  // Ends the wait under way, or the next one that does not find at once what it waits for: the
  // Error is `cancelled`, and the end is as good as before. From any thread, and from a signal
  // handler: it takes no lock. The end must stay where it is meanwhile.
  void interrupt() noexcept { participant_.interrupt(); }
  // Whether the name by which this end was opened leads to this ring no more: its file was removed,
  // renamed or replaced by hand. The ring works on, for those that have it; a process that comes by
  // the name finds none, or another. False without a name. Some system calls: for a timer.
  [[nodiscard]] bool name_lost() const noexcept { return participant_.name_lost(); }

  // For epoll and other loops (ends/README.md, Event loops): the descriptor that is readable once
  // this end was rung. The first call starts a thread. Errors: unsupported, if it never sleeps;
  // system.
  [[nodiscard]] Result<int> waitable_fd() { return participant_.sleeper().waitable_fd(); }
  // For loops that can sleep on a futex (WaitSet): what arm() sleeps on, from this call on without
  // a descriptor.
  [[nodiscard]] SleepingPlace sleeping_word() noexcept {
    return participant_.sleeper().sleeping_word();
  }
  // From such a loop, which has slept for `slice` (1 ms to 1 h), as it does each time: arm() then
  // asks after the others, as a waiting call does after WaitOptions::longest_sleep.
  void slice_is_over(std::chrono::nanoseconds slice) noexcept {
    participant_.sleeper().slice_is_over(slice);
  }
  // Takes arm() back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }

 protected:
  explicit GroupEnd(Participant participant) noexcept : participant_(std::move(participant)) {}
  // While it lives, the calling thread is in this end (one_thread.hpp).
  [[nodiscard]] OneThreadInside inside() const noexcept {
    return OneThreadInside(participant_.sleeper().parker().waiter().one_thread());
  }

  Participant participant_;
};

// How an end is opened. `Self` says which part it takes (part()), and makes itself of a participant
// (on()); nothing else stands between, so all that is checked is checked in Participant::join() and
// in on().
template <class Self, class Options>
class OpenedEnd : public GroupEnd {
 public:
  // On a region that another process made or this one (Region::create(OPTIONS.region())). Errors:
  // busy or no_place, if no place is free; not_a_region, if it holds another ring; corrupt; system.
  [[nodiscard]] static Result<Self> open(Region region, const WaitOptions& wait = {}) {
    return from(Participant::join(std::move(region), Self::part(), wait));
  }
  // By name (names/README.md). create() makes the ring, or joins what is there with these options,
  // with what is in it; open() waits until the other side lives and has not closed (of a queue, any
  // end), or until something is left to read, if it reads. Errors: also not_found, when the time is
  // up; other_ring, if the messages are not of a `type` that was asked for; as Participant::create,
  // open.
  [[nodiscard]] static Result<Self> create(std::string_view name, const Options& options = {},
                                           const WaitOptions& wait = {}) {
    return from(Participant::create(name, options.region(), Self::part(), wait));
  }
  [[nodiscard]] static Result<Self> open(std::string_view name, Timeout timeout = kOpenTimeout,
                                         const WaitOptions& wait = {},
                                         const core::TypeRecord& type = {}) {
    return from(Participant::open(name, Self::part(), timeout, wait, type));
  }

 protected:
  using GroupEnd::GroupEnd;

 private:
  [[nodiscard]] static Result<Self> from(Result<Participant> participant) {
    if (!participant) return tl::unexpected(std::move(participant.error()));
    return Self::on(std::move(*participant));
  }
};

}  // namespace ringbell
