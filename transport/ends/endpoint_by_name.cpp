// Endpoints that find their channel by name (name_search.hpp): which role a process may take in
// what is there already.
#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/ends/endpoint.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;
using core::SideState;

constexpr core::Edge kState{"endpoint.S"};

constexpr Role other(Role role) noexcept {
  return role == Role::writer ? Role::reader : Role::writer;
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
                            std::memory_order_acquire, kState);  // S
  const std::uint32_t pid = HardwareAtomics::load(reader ? control.reader_pid : control.writer_pid,
                                                  std::memory_order_relaxed, kState);
  return {SideState{state}, pid,
          ParticipantLock::is_held(channel.region().fd(), std::uint32_t(role))};
}

// For the next process: the role was never taken. REQUIRES: no process has the role.
void forget(const Channel& channel, Role role) noexcept {
  core::SpscControl& control = channel.region().spsc_control();
  HardwareAtomics::store(role == Role::reader ? control.reader_state : control.writer_state,
                         std::uint32_t(SideState::absent), std::memory_order_release, kState);  // S
}

// What ChannelOptions come to in memory.
bool is_as_wanted(const Region& region, const ChannelOptions& options) noexcept {
  const core::Geometry& geometry = region.geometry();
  const std::uint64_t most = std::uint64_t{1} << 62;  // bit_ceil's limit, far beyond any region's
  const std::uint64_t capacity = std::max(std::bit_ceil(std::min(options.capacity_bytes, most)),
                                          std::uint64_t{geometry.page_bytes});
  return geometry.capacity_bytes == capacity &&
         geometry.record_alignment == options.record_alignment &&
         geometry.payload_alignment == options.payload_alignment &&
         region.doorbell() == options.doorbell;
}

bool holds_records(const Channel& channel) noexcept {
  return !core::SpscRing<>::Reader(channel.region().spsc_memory()).peek().empty();
}

bool is_broken(const Channel& channel) noexcept {
  return core::SpscRing<>::Writer(channel.region().spsc_memory()).corrupt();
}

tl::unexpected<Error> in_use(std::string_view name, std::uint32_t pid, std::string_view how = {}) {
  return fail(ErrorCode::busy, fmt::format("the name '{}' is in use by pid {}{}", name, pid, how));
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
  const auto join = [&](FileDescriptor file) -> Result<Joined<Endpoint>> {
    Result<Channel> channel = Channel::attach({.memory = file.get()});
    if (!channel) {  // of another version, another kind, or nonsense
      if (!ParticipantLock::any_held(file.get())) return NotJoined::replace;
      return fail(ErrorCode::busy, fmt::format("the name '{}' is in use by another program: {}",
                                               name, channel.error().message));
    }
    const Side mine = side_of(*channel, role);
    const Side peer = side_of(*channel, other(role));
    if (mine.is_leaving()) return NotJoined::later;
    if (mine.held) return in_use(name, mine.pid);
    if (!is_as_wanted(channel->region(), options) || is_broken(*channel)) {
      if (!peer.held) return NotJoined::replace;
      if (peer.is_leaving()) return NotJoined::later;
      return in_use(name, peer.pid, ", with other options than these or broken");
    }
    if (!peer.is_there()) forget(*channel, other(role));
    return open(std::move(*channel), role, wait);
  };
  const auto make = [&](const std::string& folder) -> Result<Endpoint> {
    ChannelOptions in_folder = options;
    in_folder.memory.backing = Backing::file;
    in_folder.memory.name = folder;
    Result<Channel> channel = Channel::create(in_folder);
    if (!channel) return tl::unexpected(std::move(channel.error()));
    return open(std::move(*channel), role, wait);
  };
  return named(create_named<Endpoint>(name, join, make));
}

Result<Endpoint> Endpoint::open(std::string_view name, Role role, Timeout timeout,
                                const WaitOptions& wait) {
  const auto join = [&](FileDescriptor file) -> Result<Joined<Endpoint>> {
    Result<Channel> channel = Channel::attach({.memory = file.get()});
    if (!channel) {
      if (!ParticipantLock::any_held(file.get())) return NotJoined::later;
      return tl::unexpected(std::move(channel.error()));
    }
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
  return named(open_named<Endpoint>(name, timeout, join));
}

}  // namespace ringbell
