// What every end of a ring of many has: three ways to come by it, and what can be asked of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/stats.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// An end is closed by its destructor, so what is assigned to is destroyed and made anew.
template <class End>
End& replace(End& end, End&& by) noexcept {
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
  // Takes arm() back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }

 protected:
  explicit GroupEnd(Participant participant) noexcept : participant_(std::move(participant)) {}

  Participant participant_;
};

// How an end is opened. `Self` says which part it takes (part()), and makes itself of a participant
// (on()); nothing else stands between, so all that is checked is checked in Participant::join() and
// in on().
template <class Self, class Options>
class OpenedEnd : public GroupEnd {
 public:
  // On a region that another process made or this one (Region::create(OPTIONS.region())). Errors:
  // busy, if no place is free; not_a_region, if it holds another ring; corrupt; system.
  [[nodiscard]] static Result<Self> open(Region region, const WaitOptions& wait = {}) {
    return from(Participant::join(std::move(region), Self::part(), wait));
  }
  // By name (README, Names). create() makes the ring, or joins what is there with these options,
  // with what is in it; open() waits until another end is there, or until something is left to
  // read, if it reads. Errors: also not_found, when the time is up; as Participant::create, open.
  [[nodiscard]] static Result<Self> create(std::string_view name, const Options& options = {},
                                           const WaitOptions& wait = {}) {
    return from(Participant::create(name, options.region(), Self::part(), wait));
  }
  [[nodiscard]] static Result<Self> open(std::string_view name, Timeout timeout = kOpenTimeout,
                                         const WaitOptions& wait = {}) {
    return from(Participant::open(name, Self::part(), timeout, wait));
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
