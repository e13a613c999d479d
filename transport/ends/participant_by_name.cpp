// Participants that find their ring by name (name_search.hpp).
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

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

Result<Participant> Participant::named(Result<std::pair<Participant, HeldName>> found) {
  if (!found) return tl::unexpected(std::move(found.error()));
  found->first.name_.emplace(std::move(found->second));
  return std::move(found->first);
}

Result<Participant> Participant::create(std::string_view name, const RegionOptions& options,
                                        const Part& part, const WaitOptions& wait) {
  const auto join_there = [&](FileDescriptor file) -> Result<Joined<Participant>> {
    const bool used = ParticipantLock::any_held(file.get());
    Result<Region> region = Region::attach(std::move(file));
    if (!region) {  // of another version, or nonsense
      if (!used) return NotJoined::replace;
      return in_use(name, "by another program: " + region.error().message);
    }
    if (!is_as_wanted(*region, options)) {
      if (!used) return NotJoined::replace;
      return in_use(name, "for another ring, or one with other options");
    }
    return join(std::move(*region), part, wait);
  };
  const auto make = [&](const std::string& folder) -> Result<Participant> {
    RegionOptions in_folder = options;
    in_folder.memory.backing = Backing::file;
    in_folder.memory.name = folder;
    Result<Region> region = Region::create(in_folder);
    if (!region) return tl::unexpected(std::move(region.error()));
    return join(std::move(*region), part, wait);
  };
  return named(create_named<Participant>(name, join_there, make));
}

Result<Participant> Participant::open(std::string_view name, const Part& part, Timeout timeout,
                                      const WaitOptions& wait) {
  const auto join_there = [&](FileDescriptor file) -> Result<Joined<Participant>> {
    const bool used = ParticipantLock::any_held(file.get());
    if (!used && part.left_something == nullptr) return NotJoined::later;
    Result<Region> region = Region::attach(std::move(file));
    if (!region && !used) return NotJoined::later;
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() != part.kind) {
      if (!used) return NotJoined::later;
      return in_use(name, "for another ring");
    }
    if (!used && !part.left_something(*region)) return NotJoined::later;
    return join(std::move(*region), part, wait);
  };
  return named(open_named<Participant>(name, timeout, join_there));
}

}  // namespace ringbell
