#include "tools/command/look/facts.hpp"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in_memory.hpp>
#include <ringbell/core/many_memory.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/transport/ends/many_topic.hpp>
#include <ringbell/transport/ends/record_time.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/names/name_folders.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/survives_cuts.hpp"

namespace ringbell::tools {
namespace {

constexpr core::Edge kLook{"look"};

// The mapping is read-only: these load and never store.
template <class T>
T loaded(T& word) noexcept {
  return std::atomic_ref(word).load(std::memory_order_acquire);
}

bool is_parked(std::uint32_t& bell) noexcept {
  return (loaded(bell) & core::Parking<>::kParked) != 0;
}

// Nothing: the time is still to come, so it is of another boot.
std::optional<std::uint64_t> age_of(std::byte* payload) noexcept {
  const std::uint64_t sent_ns = loaded(core::user_header_of(std::span(payload, 0)).time_ns);
  const std::uint64_t now_ns = record_time_ns();
  return sent_ns <= now_ns ? std::optional(now_ns - sent_ns) : std::nullopt;
}

// Walks the records as a new writer would, while both sides may go on. The head is read again
// afterwards: if it moved, what was walked may have been overwritten, and it is tried again. Where
// it moves faster than it can be walked, what is said to be written is too little, and nothing else
// is wrong: each record that was found was there.
std::optional<Fill> fill_of(const core::SpscMemory& memory, bool timed = false) noexcept {
  constexpr int kTries = 8;
  const core::SpscPlaces at(memory);
  Fill fill;
  for (int i = 0; i < kTries; ++i) {
    fill = Fill{.read_position = loaded(memory.control->head)};
    if (!at.aligned(fill.read_position)) return std::nullopt;
    fill.written_position = fill.read_position;
    while (fill.bytes() + core::kRecordHeaderBytes <= at.capacity()) {
      const core::RecordHeader header = loaded(at.header_at(fill.written_position));
      if (!at.plausible(header, fill.written_position)) break;
      if (timed && fill.records == 0) {
        fill.oldest_age_ns = age_of(at.payload_at(fill.written_position));
      }
      fill.written_position += at.footprint(core::SpscPlaces::size_in(header));
      ++fill.records;
    }
    if (fill.bytes() > at.capacity()) return std::nullopt;  // a hostile writer's
    if (loaded(memory.control->head) == fill.read_position) break;
  }
  return fill;
}

Side spsc_side(const Region& region, bool reader) {
  core::SpscControl& control = region.spsc_control();
  const std::uint32_t number = reader ? 1 : 0;
  Side side{reader ? "reader" : "writer", number, 0, core::SideState::absent, false, false};
  side.pid = loaded(reader ? control.reader_pid : control.writer_pid);
  side.state = core::SideState{loaded(reader ? control.reader_state : control.writer_state)};
  side.alive = ParticipantLock::is_held(region.fd(), number);
  side.parked = side.alive && is_parked(reader ? control.data_bell.word : control.space_bell.word);
  return side;
}

const char* role_name(core::RingKind kind, std::uint32_t number, std::uint32_t role) noexcept {
  switch (kind) {
    case core::RingKind::fan_in:
      return number == 0 ? "reader" : "writer";
    case core::RingKind::call_group:
      return number == 0 ? "server" : "caller";
    case core::RingKind::broadcast_lossless:
    case core::RingKind::broadcast_lossy:
    case core::RingKind::state:
      return number == 0 ? "writer" : "reader";
    default:
      return role == 0 ? "writer" : "reader";
  }
}

std::vector<Side> group_sides(const Region& region) {
  std::vector<Side> sides;
  for (std::uint32_t number = 0; number < region.geometry().participants; ++number) {
    core::ParticipantLine& line = region.participant(number);
    const auto state = core::SideState{loaded(line.state)};
    const bool alive = ParticipantLock::is_held(region.fd(), number);
    if (state == core::SideState::absent && !alive) continue;
    sides.push_back({role_name(region.kind(), number, loaded(line.role)), number, loaded(line.pid),
                     state, alive, alive && is_parked(line.bell)});
  }
  return sides;
}

// The Side of this participant, if it ever came.
Side* side_of(RingFacts& facts, std::uint32_t number) noexcept {
  const auto found = std::find_if(facts.sides.begin(), facts.sides.end(),
                                  [&](const Side& side) { return side.number == number; });
  return found != facts.sides.end() ? &*found : nullptr;
}

template <class Byte>
std::optional<std::uint64_t> end_of(const core::BroadcastSlots<Byte>& slots) noexcept {
  core::Finding found;
  return core::broadcast_end<core::HardwareAtomics>(core::BroadcastPlaces<Byte>(slots), kLook,
                                                    found);
}

// A reader may give something back between the two looks; then it is not behind.
void add_readers(const Region& region, RingFacts& facts) noexcept {
  if (!facts.published) return;
  const core::BroadcastMemory memory = region.lossless_memory();
  for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
    const core::BroadcastCellState cell(loaded(memory.control->readers[i].state));
    if (cell.owner() == 0) continue;
    Side* const side = side_of(facts, many_topic::number_of(region.kind(), cell.owner()));
    const std::int64_t behind = std::max<std::int64_t>(cell.behind(*facts.published), 0);
    if (side != nullptr) side->behind = static_cast<std::uint64_t>(behind);
  }
}

// Lane and line n belong to participant n + 1.
void add_lanes(const core::FanInMemory& memory, RingFacts& facts) noexcept {
  for (std::uint32_t lane = 0; lane < memory.lane_count; ++lane) {
    if (Side* const side = side_of(facts, lane + 1)) side->lane = fill_of(memory.ring(lane));
  }
}

const char* name_of(core::CallState::Phase phase) noexcept {
  switch (phase) {
    case core::CallState::kIdle:
      return "idle";
    case core::CallState::kRequest:
      return "waiting";
    case core::CallState::kServing:
      return "served";
    case core::CallState::kResponse:
      return "answered";
    case core::CallState::kFailed:
      return "failed";
    case core::CallState::kCancelled:
      return "given up";
    case core::CallState::kDropped:
      return "dropped";
    case core::CallState::kPart:
      return "partly answered";
  }
  return "impossible";
}

void add_calls(const Region& region, RingFacts& facts) noexcept {
  const core::CallGroupMemory memory = region.call_group_memory();
  const auto of_each = static_cast<std::uint32_t>(core::lanes_of_each(region.shape()));
  for (std::uint32_t line = 0; line < memory.lane_count; ++line) {
    Side* const side = side_of(facts, line / of_each + 1);
    if (side == nullptr) continue;
    const core::CallState state(loaded(memory.line(line).cell->state));
    if (!side->calls) side->calls = CallFacts{0, name_of(state.phase()), 0};
    side->calls->made += state.generation();
    if (!state.is_under_way()) continue;
    side->calls->state = name_of(state.phase());
    ++side->calls->open;
  }
}

void add_contents(const Region& region, RingFacts& facts) {
  switch (region.kind()) {
    case core::RingKind::spsc:
      facts.sides = {spsc_side(region, false), spsc_side(region, true)};
      facts.fill = fill_of(region.spsc_memory(), region.has_user_headers());
      return;
    case core::RingKind::mpmc: {
      core::MpmcControl& control = *region.mpmc_memory().control;
      facts.sides = group_sides(region);
      const core::MpmcContents in =
          core::contents_of<core::HardwareAtomics>(core::MpmcPlaces(region.mpmc_memory()), kLook);
      facts.slots = SlotFacts{in.ever_claimed(), in.freed, loaded(control.returned),
                              loaded(control.skipped), in};
      return;
    }
    case core::RingKind::bells:
      return;
    case core::RingKind::broadcast_lossless:
      facts.sides = group_sides(region);
      facts.published = end_of(region.lossless_memory().slots);
      add_readers(region, facts);
      return;
    case core::RingKind::many_lossless:
      facts.sides = group_sides(region);
      facts.published = core::many_end<core::HardwareAtomics>(region.many_memory(), kLook);
      add_readers(region, facts);
      return;
    case core::RingKind::many_lossy: {
      facts.sides = group_sides(region);
      facts.published =
          core::many_end<core::HardwareAtomics>(core::ManyPlaces(region.lossy_view()), kLook);
      facts.readers = ParticipantLock::seats_held(region.fd());
      return;
    }
    case core::RingKind::broadcast_lossy:
      facts.sides = group_sides(region);
      facts.published = end_of(region.lossy_view());
      facts.readers = ParticipantLock::seats_held(region.fd());
      return;
    case core::RingKind::state:
      facts.sides = group_sides(region);
      return;
    case core::RingKind::fan_in:
      facts.sides = group_sides(region);
      add_lanes(region.fan_in_memory(), facts);
      return;
    case core::RingKind::call_group:
      facts.sides = group_sides(region);
      add_calls(region, facts);
  }
}

// What the header says for people; the rest of it the attach has checked.
void add_origin(const Region& region, RingFacts& facts) {
  const auto& header = *reinterpret_cast<const core::RegionHeader*>(region.base());
  facts.creator_pid = header.creator_pid;
  facts.created_unix_ns = header.created_unix_ns;
  struct stat about {};
  const bool has_size = ::fstat(region.fd(), &about) == 0 && S_ISREG(about.st_mode);
  facts.file_bytes =  // a device has none
      has_size ? static_cast<std::uint64_t>(about.st_size) : facts.geometry.region_bytes;
}

}  // namespace

const char* name_of(core::RingKind kind) noexcept {
  switch (kind) {
    case core::RingKind::spsc:
      return "channel";
    case core::RingKind::mpmc:
      return "queue";
    case core::RingKind::broadcast_lossless:
      return "topic";
    case core::RingKind::broadcast_lossy:
      return "topic (lossy)";
    case core::RingKind::many_lossless:
      return "topic (many)";
    case core::RingKind::many_lossy:
      return "topic (lossy, many)";
    case core::RingKind::fan_in:
      return "collector";
    case core::RingKind::call_group:
      return "service";
    case core::RingKind::bells:
      return "bells";
    case core::RingKind::state:
      return "state";
  }
  return "unknown";
}

const char* name_of(Backing backing) noexcept {
  switch (backing) {
    case Backing::memfd:
      return "memfd";
    case Backing::posix_shm:
      return "POSIX shared memory";
    case Backing::file:
      return "file";
    case Backing::system_v:
      return "System V segment";
    case Backing::anonymous:
      return "anonymous";
    case Backing::device:
    case Backing::device_unmirrored:
      return "device";
  }
  return "unknown";
}

const char* name_of(core::SideState state) noexcept {
  switch (state) {
    case core::SideState::absent:
      return "absent";
    case core::SideState::open:
      return "open";
    case core::SideState::closed:
      return "closed";
  }
  return "impossible";
}

bool is_path(std::string_view name) noexcept { return name.starts_with('/'); }

Tried<RingFile> open_ring(std::string_view name, uid_t user) {
  constexpr int kToLook = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  if (is_path(name)) {
    std::string path(name);
    FileDescriptor opened{::open(path.c_str(), kToLook)};
    if (!opened) return give_up_errno("opening " + path + " failed");
    return RingFile{.path = std::move(path), .file = std::move(opened)};
  }
  if (auto good = check_name(name); !good) return give_up(good.error());
  Result<NameFolders> folders = NameFolders::of_user(user);
  if (!folders) return give_up(folders.error());
  std::string file = fmt::format("{}.ring", name);
  const NameFolder* folder = folders->with(file);
  if (folder == nullptr && name.ends_with(".past")) {  // one that was set aside
    file = name;
    folder = folders->with(file);
  }
  if (folder == nullptr) {
    return give_up(kFailed, fmt::format("there is no {} in {}; `ringbell ls` lists the names", file,
                                        folders->text()));
  }
  std::string path = folder->path() + "/" + file;
  FileDescriptor opened{::openat(folder->fd(), file.c_str(), kToLook | O_NOFOLLOW)};
  if (!opened) return give_up_errno("opening " + path + " failed", "`ringbell ls` lists the names");
  return RingFile{.path = std::move(path), .file = std::move(opened)};
}

Tried<RingFacts> look_at(std::string_view name, uid_t user) {
  Tried<RingFile> ring = open_ring(name, user);
  if (!ring) return tl::unexpected(ring.error());
  return look_at(name, std::move(*ring));
}

Tried<RingFacts> look_at(std::string_view name, RingFile ring) {
  const std::string& path = ring.path;
  const SurvivesCuts survives;
  // What another user made can spoil a look, and do no more to it.
  const Result<Region> region = Region::attach(
      std::move(ring.file), AttachOptions{.access = Access::read_only, .trust_others = true});
  if (!region) return give_up(kFailed, path + ": " + region.error().message);
  RingFacts facts{.name = std::string(name),
                  .path = path,
                  .kind = region->kind(),
                  .backing = region->backing(),
                  .doorbell = region->doorbell(),
                  .geometry = region->geometry(),
                  .file_bytes = 0,
                  .creator_pid = 0,
                  .created_unix_ns = 0,
                  .sides = {},
                  .fill = {},
                  .slots = {},
                  .published = {},
                  .readers = {}};
  add_origin(*region, facts);
  add_contents(*region, facts);
  if (survives.was_cut()) return give_up(kFailed, path + ": it was cut while it was looked at");
  return facts;
}

namespace {

std::optional<Totals> totals_of_lanes(const RingFacts& facts) {
  Totals totals;
  std::uint64_t lanes = 0;
  for (const Side& side : facts.sides) {
    if (side.number == 0) continue;
    if (!side.lane) return std::nullopt;
    totals.written += side.lane->written_position;
    totals.lag += side.lane->bytes();
    ++lanes;
  }
  const double room = static_cast<double>(lanes * facts.geometry.capacity_bytes);
  if (lanes != 0) totals.fill = static_cast<double>(totals.lag) / room;
  return totals;
}

Totals totals_of_calls(const RingFacts& facts) {
  Totals totals{.in_bytes = false};
  for (const Side& side : facts.sides) {
    if (!side.calls) continue;
    totals.written += side.calls->made;
    totals.lag += side.calls->open;
  }
  totals.fill = static_cast<double>(totals.lag) /
                core::lane_count(core::shape_of(facts.kind, facts.geometry));
  return totals;
}

Totals totals_in_slots(std::uint64_t written, std::uint64_t lag, std::uint64_t slots) {
  return {.written = written,
          .lag = lag,
          .fill = static_cast<double>(lag) / static_cast<double>(slots),
          .in_bytes = false};
}

}  // namespace

std::optional<Totals> totals_of(const RingFacts& facts) {
  if (facts.kind == core::RingKind::fan_in) return totals_of_lanes(facts);
  if (facts.kind == core::RingKind::call_group) return totals_of_calls(facts);
  if (facts.fill) {
    const double fill = static_cast<double>(facts.fill->bytes()) /
                        static_cast<double>(facts.geometry.capacity_bytes);
    return Totals{facts.fill->written_position, facts.fill->bytes(), fill, true};
  }
  if (facts.slots) {
    Totals totals =
        totals_in_slots(facts.slots->written, facts.slots->in.all(), facts.geometry.slot_count);
    totals.lag = facts.slots->in.ready;
    return totals;
  }
  if (!facts.published) return std::nullopt;
  std::uint64_t lag = 0;
  for (const Side& side : facts.sides) lag = std::max(lag, side.behind.value_or(0));
  return totals_in_slots(*facts.published, lag, facts.geometry.slot_count);
}

}  // namespace ringbell::tools
