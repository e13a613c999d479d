// Participants that find their ring by name (held_name.hpp).
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include <ringbell/transport/ends/participant.hpp>

namespace ringbell {
namespace {

using Joined = HeldName::Joined;

// Capacities and slot counts are rounded up when a region is made.
bool comes_to(std::uint64_t wanted, std::uint64_t given) noexcept {
  return wanted <= given && given / 2 < wanted;
}

bool is_as_wanted(const Region& region, const RegionOptions& options) noexcept {
  core::RingShape wanted = options.shape;
  const core::RingShape given = region.shape();
  if (comes_to(wanted.capacity_bytes, given.capacity_bytes)) {
    wanted.capacity_bytes = given.capacity_bytes;
  }
  if (comes_to(wanted.slot_count, given.slot_count)) wanted.slot_count = given.slot_count;
  return given == wanted && region.doorbell() == options.doorbell;
}

tl::unexpected<Error> in_use(std::string_view name, const std::string& how) {
  return fail(ErrorCode::busy, fmt::format("the name '{}' is in use {}", name, how));
}

}  // namespace

Result<Participant> Participant::create(std::string_view name, const RegionOptions& options,
                                        const Part& part, const WaitOptions& wait) {
  std::optional<Participant> made;
  const auto take_part = [&](Region region) -> Result<Joined> {
    Result<Participant> joined = join(std::move(region), part, wait);
    if (!joined) return tl::unexpected(std::move(joined.error()));
    made.emplace(std::move(*joined));
    return Joined::yes;
  };
  const auto join_there = [&](FileDescriptor file) -> Result<Joined> {
    const bool used = ParticipantLock::anybody(file.get());
    Result<Region> region = Region::attach(std::move(file));
    if (!region) {  // of another version, or nonsense
      return used ? in_use(name, "by another program: " + region.error().message)
                  : Result<Joined>(Joined::replace);
    }
    if (!is_as_wanted(*region, options)) {
      return used ? in_use(name, "for another ring, or one with other options")
                  : Result<Joined>(Joined::replace);
    }
    return take_part(std::move(*region));
  };
  const auto make = [&](const std::string& folder) -> Result<int> {
    RegionOptions in_folder = options;
    in_folder.memory.backing = Backing::file;
    in_folder.memory.name = folder;
    Result<Region> region = Region::create(in_folder);
    if (!region) return tl::unexpected(std::move(region.error()));
    const Result<Joined> joined = take_part(std::move(*region));
    if (!joined) return tl::unexpected(joined.error());
    return made->region().fd();
  };
  Result<HeldName> held = HeldName::create(name, join_there, make);
  if (!held) return tl::unexpected(std::move(held.error()));
  made->name_.emplace(std::move(*held));
  return std::move(*made);
}

Result<Participant> Participant::open(std::string_view name, const Part& part, Timeout timeout,
                                      const WaitOptions& wait) {
  std::optional<Participant> made;
  const auto join_there = [&](FileDescriptor file) -> Result<Joined> {
    const bool used = ParticipantLock::anybody(file.get());
    if (!used && part.left_something == nullptr) return Joined::later;
    Result<Region> region = Region::attach(std::move(file));
    if (!region && !used) return Joined::later;
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() != part.kind) {
      return used ? in_use(name, "for another ring") : Result<Joined>(Joined::later);
    }
    if (!used && !part.left_something(*region)) return Joined::later;
    Result<Participant> joined = join(std::move(*region), part, wait);
    if (!joined) return tl::unexpected(std::move(joined.error()));
    made.emplace(std::move(*joined));
    return Joined::yes;
  };
  Result<HeldName> held = HeldName::open(name, timeout, join_there);
  if (!held) return tl::unexpected(std::move(held.error()));
  made->name_.emplace(std::move(*held));
  return std::move(*made);
}

}  // namespace ringbell
