// Endpoints that find their channel by name (name_search.hpp): which role a process may take in
// what is there already.
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/ends/endpoint.hpp>
#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/ends/other_ring.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;
using core::SideState;

constexpr core::Edge kSideState{"endpoint.S"};

constexpr Generations generations_of(Role role) noexcept {
  return role == Role::reader ? Generations::oldest_first : Generations::newest;
}

// A side of a channel as a new process finds it, under the folder's lock: meanwhile no other
// process opens this name, and one that closes still holds its role.
struct Side {
  SideState state;
  std::uint32_t pid;
  bool held;  // some process holds the role

  [[nodiscard]] bool is_there() const noexcept { return held && state != SideState::closed; }
  [[nodiscard]] bool is_leaving() const noexcept { return held && state == SideState::closed; }
};

Side side_of(const Channel& channel, Role role) noexcept {
  core::SpscControl& control = channel.region().spsc_control();
  const bool reader = role == Role::reader;
  const std::uint32_t state =
      HardwareAtomics::load(reader ? control.reader_state : control.writer_state,
                            std::memory_order_acquire, kSideState);  // S
  const std::uint32_t pid = HardwareAtomics::load(reader ? control.reader_pid : control.writer_pid,
                                                  std::memory_order_relaxed, kSideState);
  return {SideState{state}, pid,
          ParticipantLock::is_held(channel.region().fd(), std::uint32_t(role))};
}

// For the next process: the role was never taken. REQUIRES: no process has the role.
void forget(const Channel& channel, Role role) noexcept {
  core::SpscControl& control = channel.region().spsc_control();
  HardwareAtomics::store(role == Role::reader ? control.reader_state : control.writer_state,
                         std::uint32_t(SideState::absent), std::memory_order_release,
                         kSideState);  // S
}

bool holds_records(const Channel& channel) noexcept {
  return !core::SpscRing<>::Reader(channel.region().spsc_memory()).peek().empty();
}

bool is_broken(const Channel& channel) noexcept {
  return core::SpscRing<>::Writer(channel.region().spsc_memory()).corrupt();
}

tl::unexpected<Error> in_use(std::string_view name, std::uint32_t pid) {
  if (pid == 0) {
    return fail(ErrorCode::busy,
                fmt::format("the name '{}' is in use, or the lock of its role cannot be asked for "
                            "(fcntl F_OFD_GETLK, which a filter may refuse)",
                            name));
  }
  return fail(ErrorCode::busy, fmt::format("the name '{}' is in use by pid {}", name, pid));
}

// A ring that was set aside: it is read to its end, and then it may go.
Result<Joined<Endpoint>> join_past(FoundFile found, std::string_view name, Role role,
                                   const WaitOptions& wait, const core::TypeRecord& type) {
  const bool used = ParticipantLock::any_held(found.file.get());
  Result<Region> region = Region::attach(std::move(found.file), found.attach);
  if (!region && !is_no_ring(region.error())) return tl::unexpected(std::move(region.error()));
  if (!region && used) return NotJoined::later;  // a program of another version reads it
  if (!region) {
    region.error().message += fmt::format(
        "; it is an older ring of the name '{}', which a program of its version must read, or "
        "`ringbell clean` removes",
        name);
    return tl::unexpected(std::move(region.error()));
  }
  if (const Result<void> same_type = check_type(*region, type); !same_type) {
    return fail_other_ring(name, "in an older ring of it, " + same_type.error().message);
  }
  Result<Channel> channel = Channel::attach(std::move(*region));
  if (!channel) return tl::unexpected(std::move(channel.error()));
  const Side mine = side_of(*channel, role);
  const Side peer = side_of(*channel, other(role));
  if (mine.is_leaving()) return NotJoined::later;
  if (mine.held) return in_use(name, mine.pid);
  if (!holds_records(*channel)) return peer.held ? NotJoined::later : NotJoined::drained;
  Result<Endpoint> opened = Endpoint::open(std::move(*channel), role, wait);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return std::move(*opened);
}

}  // namespace

Result<Endpoint> Endpoint::named(Result<std::pair<Endpoint, HeldName>> found) {
  if (!found) return tl::unexpected(std::move(found.error()));
  found->first.name_.emplace(std::move(found->second));
  return std::move(found->first);
}

Result<Endpoint> Endpoint::create(std::string_view name, Role role, const ChannelOptions& options,
                                  const WaitOptions& wait) {
  if (options.doorbell == core::DoorbellKind::eventfd) {
    return fail(ErrorCode::invalid_argument,
                "a channel with a name cannot ring by eventfd, which has none; take futex, or a "
                "Listener");
  }
  const bool sets_aside = role == Role::writer && options.replace == Replace::when_drained;
  const auto join = [&](FoundFile found) -> Result<Joined<Endpoint>> {
    if (found.is_past) return join_past(std::move(found), name, role, wait, options.type);
    const bool used = ParticipantLock::any_held(found.file.get());
    const bool written = ParticipantLock::is_held(found.file.get(), std::uint32_t(Role::writer));
    Result<Region> region = Region::attach(std::move(found.file), found.attach);
    if (!region && !is_no_ring(region.error())) return tl::unexpected(std::move(region.error()));
    if (!region) {  // of another version, or nonsense
      if (sets_aside && region.error().code == ErrorCode::version_mismatch) {
        if (written) return in_use(name, 0);
        return NotJoined::set_aside;
      }
      if (!used) return NotJoined::replace;
      return fail_other_ring(name, "by another program: " + region.error().message);
    }
    const std::optional<std::string> difference = difference_of(*region, options.region());
    if (region->kind() != core::RingKind::spsc) {
      if (!used) return NotJoined::replace;
      return fail_other_ring(name, *difference);
    }
    Result<Channel> channel = Channel::attach(std::move(*region));
    if (!channel) return tl::unexpected(std::move(channel.error()));
    const Side mine = side_of(*channel, role);
    const Side peer = side_of(*channel, other(role));
    if (mine.is_leaving()) return NotJoined::later;
    if (mine.held) return in_use(name, mine.pid);
    if (difference || is_broken(*channel)) {
      if (sets_aside && difference && !is_broken(*channel) &&
          (peer.is_there() || holds_records(*channel))) {
        return NotJoined::set_aside;
      }
      if (!peer.held) return NotJoined::replace;
      if (peer.is_leaving()) return NotJoined::later;
      const std::string how = difference ? *difference : "broken: end that process";
      return fail_other_ring(name, fmt::format("by pid {}, {}", peer.pid, how));
    }
    if (!peer.is_there()) forget(*channel, other(role));
    return open(std::move(*channel), role, wait);
  };
  const auto make = [&](const NameFolder& folder) -> Result<Endpoint> {
    if (Result<void> admitted = folder.check_mode(options.memory.mode); !admitted) {
      return tl::unexpected(std::move(admitted.error()));
    }
    ChannelOptions in_folder = options;
    in_folder.memory.backing = Backing::file;
    in_folder.memory.name = folder.path() + "/";
    Result<Channel> channel = Channel::create(in_folder);
    if (!channel) return tl::unexpected(std::move(channel.error()));
    return open(std::move(*channel), role, wait);
  };
  Result<Endpoint> created = named(create_named<Endpoint>(name, generations_of(role), join, make));
  if (created) created->name_->show_in(created->channel_.region());
  return created;
}

Result<Endpoint> Endpoint::open(std::string_view name, Role role, Timeout timeout,
                                const WaitOptions& wait, const core::TypeRecord& type) {
  return open_after(name, 0, role, timeout, wait, type);
}

Result<Endpoint> Endpoint::open_next() const {
  return open_after(name_->name(), name_->inode(), role_, Timeout::zero(), wait_,
                    channel_.region().type());
}

Result<Endpoint> Endpoint::open_after(std::string_view name, ino_t passed_over, Role role,
                                      Timeout timeout, const WaitOptions& wait,
                                      const core::TypeRecord& type) {
  const auto join = [&](FoundFile found) -> Result<Joined<Endpoint>> {
    if (found.is_past) return join_past(std::move(found), name, role, wait, type);
    const bool used = ParticipantLock::any_held(found.file.get());
    Result<Region> region = Region::attach(std::move(found.file), found.attach);
    if (!region && used) return tl::unexpected(std::move(region.error()));
    const bool is_channel = region && region->kind() == core::RingKind::spsc;
    if (!is_channel && !used) return NotJoined::later;
    if (!is_channel) return fail_other_kind(name, *region, "channel");
    if (const Result<void> checked = check_type(*region, type); !checked) {
      if (!used) return NotJoined::later;
      return fail_other_ring(name, checked.error().message);
    }
    Result<Channel> channel = Channel::attach(std::move(*region));
    if (!channel) return tl::unexpected(std::move(channel.error()));
    const Side mine = side_of(*channel, role);
    if (mine.is_leaving()) return NotJoined::later;
    if (mine.held) return in_use(name, mine.pid);
    // A dead writer's ring is worth something only to a reader, and only if there is something in
    // it.
    const bool worth_it = side_of(*channel, other(role)).is_there() ||
                          (role == Role::reader && holds_records(*channel));
    if (!worth_it) return NotJoined::later;
    return open(std::move(*channel), role, wait);
  };
  return named(open_named<Endpoint>(name, timeout, generations_of(role), join, passed_over));
}

}  // namespace ringbell
