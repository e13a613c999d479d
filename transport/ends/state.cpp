#include <ringbell/transport/ends/state.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/ends/other_ring.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

using core::RingKind;

constexpr Part kWriterPart{
    .kind = RingKind::state, .among = Part::Among::the_first, .role = "writer"};
// How often a reader that was overtaken begins again.
constexpr int kMostRounds = 1000;

Result<Region> attach_copy(int fd, const AttachOptions& options) {
  Result<FileDescriptor> copy = duplicate(fd);
  if (!copy) return tl::unexpected(std::move(copy.error()));
  return Region::attach(std::move(*copy), options);
}

}  // namespace

RegionOptions StateOptions::region() const {
  // One too many stays one too many.
  const std::uint32_t places = readers_in_place == UINT32_MAX ? UINT32_MAX : readers_in_place + 1;
  return {.shape = {.kind = RingKind::state,
                    .slot_count = keys,
                    .message_bytes = value_bytes,
                    .participants = places},
          .doorbell = doorbell,
          .memory = memory,
          .type = type};
}

// --- State ---------------------------------------------------------------------------------------

State::State(Region region, Region bells, bool writable) noexcept
    : region_(std::move(region)), bells_(std::move(bells)), writable_(writable) {}

Result<State> State::create(const StateOptions& options) {
  const RegionOptions wanted = options.region();
  Result<Region> region = Region::create(wanted);
  if (!region) return tl::unexpected(std::move(region.error()));
  Result<Region> bells =
      Region::create({.shape = {.kind = RingKind::bells, .participants = wanted.shape.participants},
                      .doorbell = options.doorbell});
  if (!bells) return tl::unexpected(std::move(bells.error()));
  return State(std::move(*region), std::move(*bells), true);
}

Result<State> State::attach(const StateFds& fds) {
  Result<Region> region = attach_copy(fds.memory, {.access = Access::read_only});
  if (!region) return tl::unexpected(std::move(region.error()));
  Result<Region> bells = attach_copy(fds.bells, {});
  if (!bells) return tl::unexpected(std::move(bells.error()));
  if (region->kind() != RingKind::state || bells->kind() != RingKind::bells ||
      bells->geometry().participants != region->geometry().participants) {
    return fail(ErrorCode::not_a_region,
                "these are not the two regions of a state: hand over both of State::fds()");
  }
  return State(std::move(*region), std::move(*bells), false);
}

StateFds State::fds() const noexcept { return {.memory = region_.fd(), .bells = bells_.fd()}; }

// --- StateWriter ---------------------------------------------------------------------------------

StateWriter::StateWriter(Participant participant, std::optional<Region> bells,
                         core::State<>::Writer ring) noexcept
    : GroupEnd(std::move(participant)), bells_(std::move(bells)), ring_(std::move(ring)) {
  participant_.sleeper().will_sleep_on(this->bells().bells().space_bell.word);
}

StateWriter::~StateWriter() {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  ring_readers();
  participant_.leave();
}

Result<StateWriter> StateWriter::open(State state, const WaitOptions& wait) {
  if (!state.writable_) {
    return fail(ErrorCode::permission,
                "this process may only look at the state: the process that made it writes");
  }
  return from(Participant::join(std::move(state.region_), kWriterPart, wait),
              std::move(state.bells_));
}

Result<StateWriter> StateWriter::create(std::string_view name, const StateOptions& options,
                                        const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), kWriterPart, wait), std::nullopt);
}

Result<StateWriter> StateWriter::from(Result<Participant> participant,
                                      std::optional<Region> bells) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  core::StateMemory<std::byte> memory = participant->region().state_memory();
  memory.pins = (bells ? *bells : participant->region()).participants().data();
  core::State<>::Writer ring(memory);
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return StateWriter(std::move(*participant), std::move(bells), std::move(ring));
}

Result<void> StateWriter::set(std::span<const std::byte> value, std::uint32_t key) {
  is_claimed_ = false;
  if (!fits(value.size(), max_value_bytes())) {
    return fail_size(value.size(), max_value_bytes(), "a value", "this state");
  }
  if (key >= keys()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("there is no key {}: this state has {}", key, keys()));
  }
  if (!ring_.set(key, value)) return fail_corrupt(ring_.finding());
  ring_readers();
  return {};
}

Result<int> StateWriter::waitable_fd() {
  return fail(ErrorCode::unsupported, "the writer of a state never waits: there is always room");
}

// --- StateReader ---------------------------------------------------------------------------------

StateReader::StateReader(State state, const WaitOptions& wait)
    : state_(std::move(state)),
      sleeper_(region().doorbell() == core::DoorbellKind::futex ? core::DoorbellKind::futex
                                                                : core::DoorbellKind::none,
               wait),
      seen_(region().geometry().slot_count),
      ring_(std::in_place, memory()),
      owner_pid_(::getpid()) {
  sleeper_.will_sleep_on(state_.bells_.bells().data_bell.word);
  sleeper_.will_wait_for(region().participants());
}

StateReader::StateReader(StateReader&&) noexcept = default;

StateReader::~StateReader() {
  if (::getpid() != owner_pid_) ring_->forget();
}

core::StateMemory<const std::byte> StateReader::memory() const noexcept {
  core::StateMemory<const std::byte> memory = region().state_view();
  memory.pins = state_.bells_.participants().data();
  return memory;
}

Result<StateReader> StateReader::open(State state, const WaitOptions& wait) {
  return StateReader(std::move(state), wait);
}

// The region is mapped twice: the bells and pins must be written to.
Result<StateReader> StateReader::open(std::string_view name, Timeout timeout,
                                      const WaitOptions& wait, const core::TypeRecord& type) {
  const auto look = [&](FoundFile found) -> Result<Joined<State>> {
    if (!ParticipantLock::any_held(found.file.get())) return NotJoined::later;
    AttachOptions to_look = found.attach;
    to_look.access = Access::read_only;
    Result<Region> region = attach_copy(found.file.get(), to_look);
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() != RingKind::state) return fail_other_kind(name, *region, "state");
    if (const Result<void> checked = check_type(*region, type); !checked) {
      return fail_other_ring(name, checked.error().message);
    }
    if (peer_state(*region) != PeerState::alive) return NotJoined::later;
    Result<Region> bells = Region::attach(std::move(found.file), found.attach);
    if (!bells) return tl::unexpected(std::move(bells.error()));
    if (Result<void> done = bells->make_messages_read_only(); !done) {
      return tl::unexpected(std::move(done.error()));
    }
    return State(std::move(*region), std::move(*bells), false);
  };
  Result<std::pair<State, HeldName>> found =
      open_named<State>(name, timeout, Generations::newest, look);
  if (!found) return tl::unexpected(std::move(found.error()));
  StateReader reader(std::move(found->first), wait);
  reader.name_.emplace(std::move(found->second));
  return reader;
}

Result<void> StateReader::check_key(std::uint32_t key) const {
  if (key < keys()) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("there is no key {}: this state has {}", key, keys()));
}

Result<void> StateReader::explain(std::uint32_t key) const {
  if (ring_->corrupt()) return fail_corrupt(ring_->finding());
  if (ring_->number(key) == 0) return {};
  return fail(ErrorCode::timed_out, "the writer overtook this reader again and again");
}

Result<std::optional<std::size_t>> StateReader::get(std::span<std::byte> into, std::uint32_t key) {
  if (const Result<void> checked = check_key(key); !checked) {
    return tl::unexpected(checked.error());
  }
  if (into.size() < max_value_bytes()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a buffer of {} bytes: a value of this state may have {}", into.size(),
                            max_value_bytes()));
  }
  for (int round = 0; round < kMostRounds; ++round) {
    if (const auto copied = ring_->get(key, into)) [[likely]] {
      seen_[key] = copied->number;
      return copied->size_bytes;
    }
    if (ring_->corrupt() || ring_->number(key) == 0) break;
  }
  const Result<void> why = explain(key);
  if (!why) return tl::unexpected(why.error());
  return std::nullopt;
}

Result<void> StateReader::take_place() {
  if (ring_->may_look()) return {};
  // A seat, not a participant's place: it keeps no name alive.
  const std::uint32_t readers = region().geometry().participants - 1;
  Result<ParticipantLock> place =
      readers > 0 ? ParticipantLock::take_seat(state_.bells_.fd(), "reader in place", readers)
                  : fail(ErrorCode::no_place, "no reader of this state may look in place");
  if (!place) {
    if (place.error().code == ErrorCode::no_place) {
      place.error().message += "; StateOptions::readers_in_place of its maker says how many may";
    }
    return tl::unexpected(std::move(place.error()));
  }
  ring_.emplace(memory(), place->seat() + 1);
  place_.emplace(std::move(*place));
  return {};
}

Result<std::optional<std::span<const std::byte>>> StateReader::look(std::uint32_t key) {
  Result<void> able = check_key(key);
  if (able) able = take_place();
  if (!able) return tl::unexpected(std::move(able.error()));
  for (int round = 0; round < kMostRounds; ++round) {
    if (const auto value = ring_->look(key)) [[likely]] {
      seen_[key] = ring_->looks_at();
      return value;
    }
    if (ring_->corrupt() || ring_->number(key) == 0) break;
  }
  able = explain(key);
  if (!able) return tl::unexpected(std::move(able.error()));
  return std::nullopt;
}

bool StateReader::any_changed() const noexcept {
  for (std::uint32_t key = 0; key < keys(); ++key) {
    if (changed(key)) return true;
  }
  return false;
}

template <class Ready>
Result<bool> StateReader::wait_until(Ready&& ready, Timeout timeout) {
  switch (sleeper_.wait_until(ready, ThePeer{region()}, timeout)) {
    case Waited::ready:
      return true;
    case Waited::timed_out:
      return false;
    case Waited::peer_closed:
      return fail(ErrorCode::closed, "the writer closed the state");
    case Waited::peer_dead:
      return fail(ErrorCode::peer_dead, "the writer died");
    case Waited::cancelled:
      return fail_interrupted();
  }
  return false;
}

Result<bool> StateReader::wait_changed(Timeout timeout, std::uint32_t key) {
  if (const Result<void> checked = check_key(key); !checked) {
    return tl::unexpected(checked.error());
  }
  return wait_until([&] { return changed(key); }, timeout);
}

Result<bool> StateReader::wait_any_changed(Timeout timeout) {
  return wait_until([&] { return any_changed(); }, timeout);
}

bool StateReader::arm() {
  return sleeper_.arm([&] { return any_changed(); }, ThePeer{region()});
}

void StateReader::interrupt() noexcept {
  if (::getpid() == owner_pid_) sleeper_.interrupt();
}

}  // namespace ringbell
