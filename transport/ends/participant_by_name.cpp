// Participants that find their ring by name (name_search.hpp).
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/ends/other_ring.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/memory/shape_text.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {

Result<Participant> Participant::named(Result<std::pair<Participant, HeldName>> found) {
  if (!found) return tl::unexpected(std::move(found.error()));
  found->first.name_.emplace(std::move(found->second));
  return std::move(found->first);
}

Result<Participant> Participant::create(std::string_view name, const RegionOptions& options,
                                        const Part& part, const WaitOptions& wait) {
  const auto join_there = [&](FoundFile found) -> Result<Joined<Participant>> {
    const bool used = ParticipantLock::any_held(found.file.get());
    found.attach.one_lane = part.has_lane;
    Result<Region> region = Region::attach(std::move(found.file), found.attach);
    if (!region && !is_no_ring(region.error())) return tl::unexpected(std::move(region.error()));
    if (!region) {  // of another version, or nonsense
      if (!used) return NotJoined::replace;
      return fail_other_ring(name, "by another program: " + region.error().message);
    }
    if (const std::optional<std::string> difference = difference_of(*region, options)) {
      if (!used) return NotJoined::replace;
      return fail_other_ring(name, *difference);
    }
    return join(std::move(*region), part, wait);
  };
  const auto make = [&](const NameFolder& folder) -> Result<Participant> {
    if (Result<void> admitted = folder.check_mode(options.memory.mode); !admitted) {
      return tl::unexpected(std::move(admitted.error()));
    }
    RegionOptions in_folder = options;
    in_folder.memory.backing = Backing::file;
    in_folder.memory.name = folder.path() + "/";
    Result<Region> region = Region::create(in_folder);
    if (!region) return tl::unexpected(std::move(region.error()));
    return join(std::move(*region), part, wait);
  };
  Result<Participant> created =
      named(create_named<Participant>(name, Generations::newest, join_there, make));
  if (created) created->name_->show_in(created->region_);
  return created;
}

Result<Participant> Participant::open(std::string_view name, const Part& part, Timeout timeout,
                                      const WaitOptions& wait, const core::TypeRecord& type) {
  const auto join_there = [&](FoundFile found) -> Result<Joined<Participant>> {
    const bool used = ParticipantLock::any_held(found.file.get());
    if (!used && part.left_something == nullptr) return NotJoined::later;
    found.attach.one_lane = part.has_lane;
    Result<Region> region = Region::attach(std::move(found.file), found.attach);
    if (!region && !used) return NotJoined::later;
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() != part.kind) {
      if (!used) return NotJoined::later;
      return fail_other_kind(name, *region, memory::name_of(part.kind));
    }
    if (const Result<void> checked = check_type(*region, type); !checked) {
      if (!used) return NotJoined::later;
      return fail_other_ring(name, checked.error().message);
    }
    // The rest wait for the first, which is their other side, and none of them for another.
    const bool is_there =
        part.among == Part::Among::the_rest ? peer_state(*region) == PeerState::alive : used;
    if (!is_there && (part.left_something == nullptr || !part.left_something(*region))) {
      return NotJoined::later;
    }
    return join(std::move(*region), part, wait);
  };
  return named(open_named<Participant>(name, timeout, Generations::newest, join_there));
}

}  // namespace ringbell
