#include <ringbell/transport/memory/region.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/memory/advice.hpp>
#include <ringbell/transport/memory/file.hpp>
#include <ringbell/transport/memory/memfd.hpp>
#include <ringbell/transport/memory/numa.hpp>
#include <ringbell/transport/memory/power.hpp>
#include <ringbell/transport/memory/shape_text.hpp>
#include <ringbell/transport/memory/type_text.hpp>

namespace ringbell {
namespace {

using core::Geometry;
using core::RegionHeader;
using core::RingShape;

using memory::small_page;

constexpr bool valid_doorbell(std::uint32_t kind) noexcept {
  return kind >= std::uint32_t(core::DoorbellKind::none) &&
         kind <= std::uint32_t(core::DoorbellKind::eventfd);
}

// The shape that pages of this size allow: capacities are powers of two and whole pages.
RingShape rounded(RingShape shape, std::uint32_t page_bytes) noexcept {
  if (core::has_records(shape.kind) && shape.capacity_bytes >= core::kSmallestCapacity &&
      shape.capacity_bytes <= core::kLargestCapacity) {
    shape.capacity_bytes = std::max(std::bit_ceil(shape.capacity_bytes), std::uint64_t{page_bytes});
  }
  if (core::has_slots(shape.kind) && shape.slot_count <= core::kMostSlots) {
    shape.slot_count = std::bit_ceil(shape.slot_count);
  }
  return shape;
}

// A field of a shape, for people.
struct FieldText {
  const char* name;
  std::uint64_t value;
  const char* remedy;
};

const char* places_of(core::RingKind kind) noexcept {
  using core::RingKind;
  static_assert(core::most_participants(RingKind::mpmc) == 4096);
  static_assert(core::most_participants(RingKind::broadcast_lossless) == 65);
  static_assert(core::most_participants(RingKind::many_lossless) == 128);
  static_assert(core::most_participants(RingKind::many_lossy) == 64);
  static_assert(core::most_participants(RingKind::fan_in) == 1025);
  static_assert(core::most_participants(RingKind::state) == 1025);
  if (kind == RingKind::mpmc) return "it must be between 2 and 4096";
  if (kind == RingKind::broadcast_lossless) return "it must be between 1 and 64";
  if (core::has_many_writers(kind)) return "it must be between 1 and 64";
  if (kind == RingKind::broadcast_lossy) return "it must be 1";
  if (kind == RingKind::state || kind == RingKind::bells) return "it must be at most 1024";
  return "it must be between 1 and 1024";
}

FieldText text_of(core::ShapeField field, const RingShape& shape) noexcept {
  using enum core::ShapeField;
  constexpr const char* kNotTaken = "a ring of this kind does not take that";
  switch (field) {
    case capacity_bytes:
      return {"capacity_bytes", shape.capacity_bytes, "it must be between 4 KiB and 1 TiB"};
    case record_alignment:
      return {"record_alignment", shape.record_alignment, "it must be 8, 16, 32 or 64"};
    case payload_alignment:
      return {"payload_alignment", shape.payload_alignment,
              "it must be 8, 16, 32 or 64, no more than record_alignment, and 8 in a service"};
    case slot_count:
      if (shape.kind == core::RingKind::state) {
        return {"slot_count", shape.slot_count, "it must be between 1 and 65536"};
      }
      if (shape.kind == core::RingKind::call_group) {
        return {"slot_count", shape.slot_count,
                "all clients together have at most 1024 lines, one each and the tickets"};
      }
      return {"slot_count", shape.slot_count, "it must be between 2 and 2^32"};
    case message_bytes:
      return {"message_bytes", shape.message_bytes, "it must be at least 1 and less than 512 MiB"};
    case participants:
      return {"participants", shape.participants, places_of(shape.kind)};
    case user_header_bytes:
      return {"user_header_bytes", shape.user_header_bytes,
              "it must be 0, or 16 in a channel or collector"};
    case ring_kind:
    case none:
      break;
  }
  return {"ring_kind", std::uint64_t(shape.kind), kNotTaken};
}

// Why this geometry cannot be, or nothing. It came from another process: every field is suspect,
// and no sum here can overflow because each part was bounded first.
std::optional<std::string> objection_to(core::RingKind kind, const Geometry& geometry) {
  if (!core::is_page_size(geometry.page_bytes)) {
    return fmt::format("its page size is {}", geometry.page_bytes);
  }
  const RingShape shape = core::shape_of(kind, geometry);
  if (const auto wrong = core::wrong_field(shape); wrong != core::ShapeField::none) {
    const FieldText text = text_of(wrong, shape);
    return fmt::format("its {} is {}", text.name, text.value);
  }
  if (core::has_records(kind) && geometry.capacity_bytes < geometry.page_bytes) {
    return fmt::format("its capacity_bytes is {}", geometry.capacity_bytes);
  }
  if (geometry != core::geometry_of(shape, geometry.page_bytes)) {
    return "its offsets do not follow from its capacity";
  }
  return std::nullopt;
}

Result<void> check_header(const RegionHeader& header) {
  if (header.magic != core::kRegionMagic) {
    return fail(ErrorCode::not_a_region,
                "not a ringbell region: its first bytes are not the magic");
  }
  if (header.layout_version != core::kLayoutVersion) {
    return fail(
        ErrorCode::version_mismatch,
        fmt::format("the region has layout version {}, this program speaks version {}; build "
                    "both sides with the same ringbell",
                    header.layout_version, core::kLayoutVersion));
  }
  if (!valid_doorbell(header.doorbell_kind)) {
    return fail(
        ErrorCode::not_a_region,
        fmt::format("not a usable region: doorbell kind {} is unknown", header.doorbell_kind));
  }
  const auto kind = core::RingKind{header.ring_kind};
  if (const auto objection = objection_to(kind, header.geometry)) {
    return fail(ErrorCode::not_a_region, "not a usable region: " + *objection);
  }
  if (!memory::is_possible(header.type)) {
    return fail(ErrorCode::not_a_region, "not a usable region: its type record cannot be");
  }
  if (header.geometry.page_bytes < small_page()) {
    return fail(
        ErrorCode::unsupported,
        fmt::format("the region has pages of {} bytes, this machine's have {}: its parts cannot be "
                    "mapped; make it on a machine with such pages",
                    header.geometry.page_bytes, small_page()));
  }
  return {};
}

// The Error names the option, and has the value as it was given.
Result<void> check_options(const RegionOptions& options) {
  const RingShape& given = options.shape;
  if (!core::is_page_size(small_page())) {
    return fail(ErrorCode::unsupported,
                fmt::format("this machine has pages of {} bytes; a region has pages of 4, 16 or 64 "
                            "KiB, or 2 MiB",
                            small_page()));
  }
  const RingShape shape = rounded(given, small_page());
  if (const auto wrong = core::wrong_field(shape); wrong != core::ShapeField::none) {
    const memory::OptionText option = memory::option_of(wrong, given);
    return fail(ErrorCode::invalid_argument, fmt::format("{} is {}; {}", option.name, option.value,
                                                         text_of(wrong, shape).remedy));
  }
  if (!valid_doorbell(std::uint32_t(options.doorbell))) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("doorbell is {}; it must be none, futex or eventfd",
                            std::uint32_t(options.doorbell)));
  }
  if (!memory::is_possible(options.type)) {
    return fail(ErrorCode::invalid_argument,
                "type cannot be; it must have a name of 1 to 111 bytes without control characters, "
                "a size, and an alignment of 1, 2, 4 and so on up to 64; or be empty");
  }
  return {};
}

// REQUIRES: the geometry is checked.
memory::Images images_of(core::RingKind kind, const Geometry& geometry) noexcept {
  return {.region_bytes = geometry.region_bytes,
          .head_bytes = geometry.data_offset,
          .lane_bytes = geometry.capacity_bytes,
          .lanes = core::mirrored_count(core::shape_of(kind, geometry))};
}

// "1024 slots for 64 bytes", for people.
std::string parts_of(const RingShape& shape) {
  if (core::has_slots(shape.kind)) {
    return fmt::format("{} slots for {} bytes", shape.slot_count, shape.message_bytes);
  }
  if (shape.kind == core::RingKind::call_group) {
    return fmt::format("{} lines with buffers for {} bytes", core::lane_count(shape),
                       shape.message_bytes);
  }
  if (shape.kind == core::RingKind::state) {
    return fmt::format("{} values of {} bytes, each in {} buffers", shape.slot_count,
                       shape.message_bytes,
                       core::StateMemory<std::byte>::buffers_for(shape.participants));
  }
  if (shape.kind == core::RingKind::fan_in) {
    return fmt::format("{} lanes of {} bytes", core::lane_count(shape), shape.capacity_bytes);
  }
  return fmt::format("a capacity of {} bytes", shape.capacity_bytes);
}

// Memory that has no file could not be reserved: it is touched whether asked for or not.
bool must_touch(Backing backing) noexcept {
  return backing == Backing::system_v || backing == Backing::anonymous;
}

Result<void> apply(const MemoryOptions& options, const memory::Mapping& mapping) {
  if (!options.in_core_dumps) memory::leave_out_of_core_dumps(mapping);
  if (options.numa_node) {
    const Result<void> bound = memory::numa::bind(mapping, *options.numa_node);
    if (!bound) return bound;
  }
  if (options.huge_pages == HugePages::prefer) memory::wish_huge_pages(mapping);
  if (options.prefault || must_touch(options.backing)) {
    const Result<void> touched = memory::prefault(mapping, Access::read_write, options.give_up);
    if (!touched) return touched;
  }
  return options.lock_memory ? memory::lock(mapping) : Result<void>{};
}

Result<void> check_sleeping(core::DoorbellKind doorbell, const memory::Mapping& mapping) {
  if (doorbell != core::DoorbellKind::futex) return {};
  return memory::check_futexes(mapping);
}

RegionHeader header_of(const RegionOptions& options, const Geometry& geometry,
                       const memory::Source& source) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.magic = core::kRegionMagic,
          .layout_version = core::kLayoutVersion,
          .ring_kind = std::uint32_t(options.shape.kind),
          .geometry = geometry,
          .doorbell_kind = std::uint32_t(options.doorbell),
          .creator_pid = static_cast<std::uint32_t>(::getpid()),
          .created_unix_ns = static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()),
          .backing = std::uint32_t(source.backing()),
          .backing_number = source.backing_number(),
          .type = options.type};
}

Result<std::string> path_of(Backing backing, const std::string& name) {
  if (backing == Backing::file) return name;
  if (backing == Backing::posix_shm) return memory::file::posix_shm_path(name);
  return fail(ErrorCode::invalid_argument, "only posix_shm and file have names");
}

}  // namespace

Result<MemoryNeeded> describe(const RegionOptions& options) {
  const RingShape shape = rounded(options.shape, small_page());
  const Result<void> checked = check_options(options);
  if (!checked) return tl::unexpected(checked.error());
  const Geometry geometry = core::geometry_of(shape, small_page());
  const memory::Images images = images_of(shape.kind, geometry);
  return MemoryNeeded{images.region_bytes, images.mapped_bytes(),
                      fmt::format("{}: {} bytes", parts_of(shape), images.region_bytes)};
}

Region::Region(memory::Source source, memory::Mapping mapping, const RegionHeader& header) noexcept
    : source_(std::move(source)),
      type_(header.type),
      mapping_(std::move(mapping)),
      kind_(core::RingKind{header.ring_kind}),
      geometry_(header.geometry),
      doorbell_(core::DoorbellKind{header.doorbell_kind}) {}

Result<Region> Region::create(const RegionOptions& options) {
  Result<Region> made = make(options);
  if (made) {
    RINGBELL_PROBE(create, static_cast<std::uint32_t>(made->kind()), made->geometry().region_bytes,
                   made->fd());
  }
  if (made || made.error().code != ErrorCode::no_space) return made;
  if (const Result<MemoryNeeded> needed = describe(options)) {
    made.error().message += fmt::format(" ({})", needed->text);
  }
  return made;
}

Result<Region> Region::make(const RegionOptions& options) {
  const core::RingKind kind = options.shape.kind;
  Result<void> done = check_options(options);
  if (!done) return tl::unexpected(std::move(done.error()));
  const bool has_room_for_seals =
      kind == core::RingKind::spsc && options.shape.user_header_bytes != 0;
  if (options.seals && !(has_room_for_seals && options.memory.backing == Backing::file)) {
    return fail(ErrorCode::invalid_argument, "seals are for a channel in a file (Backing::file)");
  }
  const auto geometry_for = [&](std::uint32_t page_bytes) {
    return core::geometry_of(rounded(options.shape, page_bytes), page_bytes);
  };
  std::optional<memory::numa::ThreadOnNode> on_node;
  if (options.memory.numa_node) {
    auto entered = memory::numa::ThreadOnNode::enter(*options.memory.numa_node,
                                                     geometry_for(small_page()).region_bytes);
    if (!entered) return tl::unexpected(std::move(entered.error()));
    on_node.emplace(std::move(*entered));
  }
  Result<memory::Source> source = memory::Source::create(
      options.memory,
      [&](std::uint32_t page_bytes) { return geometry_for(page_bytes).region_bytes; });
  if (!source) return tl::unexpected(std::move(source.error()));
  const Geometry geometry = geometry_for(source->page_bytes());
  Result<memory::Mapping> mapping = source->map(images_of(kind, geometry), Access::read_write);
  if (!mapping) return tl::unexpected(std::move(mapping.error()));
  done = check_sleeping(options.doorbell, *mapping);
  if (done) done = apply(options.memory, *mapping);
  if (!done) return tl::unexpected(std::move(done.error()));
  const RegionHeader header = header_of(options, geometry, *source);
  std::memcpy(mapping->base(), &header, sizeof header);
  if (source->backing() == Backing::file) {
    memory::power::mark_used(mapping->base(), options.seals, memory::power::boot_id());
  }
  const bool only_mine = kind == core::RingKind::broadcast_lossy || kind == core::RingKind::state;
  using memory::memfd::Writers;
  done = source->finish(header, only_mine ? Writers::mapped_now : Writers::all);
  if (!done) return tl::unexpected(std::move(done.error()));
  return Region(std::move(*source), std::move(*mapping), header);
}

bool Region::has_seals() const noexcept {
  return backing() == Backing::file && memory::power::has_seals(base());
}

Result<Region> Region::attach(FileDescriptor file, const AttachOptions& options) {
  Result<memory::Source> source = memory::Source::find(std::move(file), options.trust_others);
  if (!source) return tl::unexpected(std::move(source.error()));
  const Result<RegionHeader> header = source->read_header();
  if (!header) return tl::unexpected(header.error());
  Result<void> checked = check_header(*header);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  const auto kind = core::RingKind{header->ring_kind};
  const memory::Images images = images_of(kind, header->geometry);
  checked = source->confirm(*header, images, options.trust_others);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  core::PowerMark mark{};
  memory::power::BootId this_boot{};
  if (source->backing() == Backing::file) {
    const Result<core::PowerMark> found = memory::power::read_mark(source->fd());
    if (!found) return tl::unexpected(found.error());
    mark = *found;
    this_boot = memory::power::boot_id();
    if (!options.stale_too && memory::power::is_stale(mark, this_boot)) {
      return memory::power::fail_stale(mark);
    }
  }
  if (mark.seals != 0 && header->geometry.user_header_bytes == 0) {
    return fail(ErrorCode::not_a_region, "not a usable region: it has no room for its seals");
  }
  const bool one_lane = options.one_lane && kind == core::RingKind::fan_in &&
                        source->maps_lanes_alone() && options.access == Access::read_write &&
                        !options.prefault && !options.lock_memory;
  Result<memory::Mapping> mapping = source->map(images, options.access, !one_lane);
  if (!mapping) return tl::unexpected(std::move(mapping.error()));
  if (source->backing() == Backing::file && options.access == Access::read_write &&
      !options.stale_too) {
    memory::power::mark_used(mapping->base(), mark.seals != 0, this_boot);
  }
  // Numbers of segments are used again: this one must be the one that the card was written for.
  if (source->backing() == Backing::system_v &&
      std::memcmp(mapping->base(), &*header, sizeof(RegionHeader)) != 0) {
    return fail(ErrorCode::not_a_region, "the System V segment is another one by now");
  }
  if (!options.in_core_dumps) memory::leave_out_of_core_dumps(*mapping);
  checked = check_sleeping(core::DoorbellKind{header->doorbell_kind}, *mapping);
  if (checked && options.prefault) checked = memory::prefault(*mapping, options.access, {});
  if (checked && options.lock_memory) checked = memory::lock(*mapping);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  RINGBELL_PROBE(attach, header->ring_kind, header->geometry.region_bytes, source->fd());
  Region region(std::move(*source), std::move(*mapping), *header);
  region.maps_lanes_alone_ = one_lane;
  region.in_core_dumps_ = options.in_core_dumps;
  return region;
}

Result<void> Region::map_lane(std::uint32_t lane) const {
  if (!maps_lanes_alone_) return {};
  Result<void> placed = memory::place_lane(mapping_, images_of(kind_, geometry_), lane, fd());
  if (placed && !in_core_dumps_) memory::leave_out_of_core_dumps(mapping_);
  return placed;
}

Result<Region> Region::open(Backing backing, const std::string& name,
                            const AttachOptions& options) {
  const Result<std::string> path = path_of(backing, name);
  if (!path) return tl::unexpected(path.error());
  Result<FileDescriptor> file = memory::file::open(*path, options.access);
  if (!file) return tl::unexpected(std::move(file.error()));
  return attach(std::move(*file), options);
}

Result<void> Region::remove(Backing backing, const std::string& name) {
  const Result<std::string> path = path_of(backing, name);
  if (!path) return tl::unexpected(path.error());
  return memory::file::remove(*path);
}

Result<MemoryInUse> Region::memory_in_use() const { return memory::in_use(mapping_); }

Result<void> Region::make_messages_read_only() const {
  const std::size_t end = geometry_.data_offset;
  if (::mprotect(base(), geometry_.control_offset, PROT_READ) != 0 ||
      ::mprotect(base() + end, mapped_bytes() - end, PROT_READ) != 0) {
    return fail_errno("protecting the region's messages failed");
  }
  return {};
}

Result<void> Region::sync() const { return memory::sync(mapping_, mapping_.bytes()); }

Result<void> Region::settle() const {
  if (backing() != Backing::file) {
    return fail(ErrorCode::unsupported, "only a region in a file can outlast a boot");
  }
  return sync().and_then([&] { return memory::power::mark_whole(base()); });
}

}  // namespace ringbell
