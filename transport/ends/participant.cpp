#include <ringbell/transport/ends/participant.hpp>

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/transport/ends/sized.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;
using core::SideState;

// Edge S: a participant that sees another one closed sees all that it did (release/acquire).
constexpr core::Edge kParticipantState{"participant.S"};

SideState state_of(const Region& region, std::uint32_t number) noexcept {
  return SideState{HardwareAtomics::load(region.participant(number).state,
                                         std::memory_order_acquire, kParticipantState)};  // S
}

std::uint32_t pid_of(const Region& region, std::uint32_t number) noexcept {
  return HardwareAtomics::load(region.participant(number).pid, std::memory_order_relaxed,
                               kParticipantState);
}

// A free number whose place is whole. The others are held until one is found, so that each is
// looked at once.
Result<ParticipantLock> take_place(const Region& region, const Part& part) {
  const bool is_first = part.among == Part::Among::the_first;
  if (is_first && region.first_participants() == 1) {
    return ParticipantLock::take(region.fd(), 0, part.role, pid_of(region, 0));
  }
  const std::uint32_t first = part.among == Part::Among::the_rest ? region.first_participants() : 0;
  const std::uint32_t end = is_first ? region.first_participants() : region.geometry().participants;
  // Also that of a dead one: its number is the last to be given away.
  const auto is_taken = [&](std::uint32_t number) {
    return state_of(region, number) == SideState::open;
  };
  for (std::vector<ParticipantLock> spoilt;;) {
    Result<ParticipantLock> lock =
        ParticipantLock::take_any(region.fd(), first, end, part.role, is_taken);
    if (!lock && !spoilt.empty()) {
      return fail(ErrorCode::corrupt,
                  fmt::format("what the last {} left cannot be, and no other place is free; the "
                              "other side mends it when it next looks",
                              part.role));
    }
    if (!lock && lock.error().code == ErrorCode::no_place) {
      lock.error().message += fmt::format("; {}", part.more);
    }
    if (!lock) return lock;
    if (part.has_lane) {
      Result<void> mapped = region.map_lane(lock->number() - 1);
      if (!mapped) return tl::unexpected(std::move(mapped.error()));
    }
    if (part.is_whole == nullptr || part.is_whole(region, lock->number())) return lock;
    spoilt.push_back(std::move(*lock));
  }
}

}  // namespace

Participant::Participant(Region region, ParticipantLock lock, const WaitOptions& wait) noexcept
    : region_(std::move(region)),
      lock_(std::move(lock)),
      sleeper_(region_.doorbell(), wait),
      owner_pid_(::getpid()) {
  sleeper_.will_wait_for(region_.participants());
}

Result<Participant> Participant::join(Region region, const Part& part, const WaitOptions& wait) {
  if (region.kind() != part.kind ||
      (part.is_sized && region.geometry().message_bytes < sizeof(sized::Size))) {
    return fail(ErrorCode::not_a_region,
                fmt::format("the region holds no ring that has a {}", part.role));
  }
  if (region.maps_lanes_alone() && !part.has_lane) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("a {} needs all lanes; attach without AttachOptions::one_lane", part.role));
  }
  if (region.doorbell() == core::DoorbellKind::eventfd) {
    return fail(ErrorCode::invalid_argument,
                "a ring of many cannot ring by eventfd: one sleeper would take the others' rings; "
                "create it with a futex doorbell");
  }
  Result<ParticipantLock> lock = take_place(region, part);
  if (!lock) return tl::unexpected(std::move(lock.error()));
  Participant joined(std::move(region), std::move(*lock), wait);
  const SideState before = state_of(joined.region_, joined.number());
  joined.follows_a_death_ = before != SideState::absent && before != SideState::closed;
  core::ParticipantLine& line = joined.region_.participant(joined.number());
  HardwareAtomics::store(line.pid, static_cast<std::uint32_t>(::getpid()),
                         std::memory_order_relaxed, kParticipantState);
  HardwareAtomics::store(line.role, part.reads ? 1U : 0U, std::memory_order_relaxed,
                         kParticipantState);
  HardwareAtomics::store(line.state, std::uint32_t(SideState::open), std::memory_order_release,
                         kParticipantState);  // S
  return joined;
}

bool Participant::is_open() const noexcept {
  return region_.base() != nullptr && ::getpid() == owner_pid_;
}

void Participant::interrupt() noexcept {
  if (is_open()) sleeper_.interrupt();
}

void Participant::say_closed() const noexcept {
  HardwareAtomics::store(region_.participant(number()).state, std::uint32_t(SideState::closed),
                         std::memory_order_release, kParticipantState);  // S
}

void Participant::leave(const std::function<bool()>& keep) noexcept {
  if (name_) name_->leave(lock_, region_.fd(), keep);
}

bool Participant::is_gone(std::uint32_t number) const noexcept {
  return number != lock_.number() && !lock_.is_held(number);
}

bool Participant::is_open(std::uint32_t number) const noexcept {
  return state_of(region_, number) == SideState::open;
}

void Participant::bury(std::uint32_t number) const noexcept {
  HardwareAtomics::store(region_.participant(number).state, std::uint32_t(SideState::closed),
                         std::memory_order_relaxed, kParticipantState);
}

bool has_closed(const Region& region) noexcept {
  bool any = false;
  for (std::uint32_t number = 0; number < region.first_participants(); ++number) {
    const SideState state = state_of(region, number);
    if (state != SideState::closed && state != SideState::absent) return false;
    any = any || state == SideState::closed;
  }
  return any;
}

PeerState peer_state(const Region& region) noexcept {
  PeerState found = PeerState::absent;
  for (std::uint32_t number = 0; number < region.first_participants(); ++number) {
    const PeerState one = peer_state(region, number);
    if (one == PeerState::alive) return one;
    if (one == PeerState::dead || found == PeerState::absent) found = one;
  }
  return found;
}

PeerState peer_state(const Region& region, std::uint32_t number) noexcept {
  switch (state_of(region, number)) {
    case SideState::absent:
      return PeerState::absent;
    case SideState::closed:
      return PeerState::closed;
    default:  // or a hostile peer's
      if (ParticipantLock::is_held(region.fd(), number)) return PeerState::alive;
  }
  // Once more: one that closes in order says so before it lets go of its lock.
  return state_of(region, number) == SideState::closed ? PeerState::closed : PeerState::dead;
}

}  // namespace ringbell
