#include <ringbell/transport/region.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/memfd.hpp>

namespace ringbell {
namespace {

using core::Geometry;
using core::RegionHeader;
using core::RingShape;

constexpr std::uint32_t kSmallPage = 4096;
constexpr std::uint32_t kHugePage = 2 * 1024 * 1024;

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

// The field of a shape that an objection names, for people.
std::uint64_t field(const RingShape& shape, std::string_view name) noexcept {
  if (name == "ring_kind") return std::uint64_t(shape.kind);
  if (name == "capacity_bytes") return shape.capacity_bytes;
  if (name == "record_alignment") return shape.record_alignment;
  if (name == "slot_count") return shape.slot_count;
  return name == "message_bytes" ? shape.message_bytes : shape.participants;
}

// Why this geometry cannot be, or nothing. It came from another process: every field is suspect,
// and no sum here can overflow because each part was bounded first.
std::optional<std::string> objection_to(core::RingKind kind, const Geometry& geometry,
                                        std::uint64_t file_bytes) {
  if (geometry.page_bytes != kSmallPage && geometry.page_bytes != kHugePage) {
    return fmt::format("its page size is {}", geometry.page_bytes);
  }
  const RingShape shape = core::shape_of(kind, geometry);
  if (const char* const wrong = core::objection_to(shape)) {
    return fmt::format("its {} is {}", wrong, field(shape, wrong));
  }
  if (core::has_records(kind) && geometry.capacity_bytes < geometry.page_bytes) {
    return fmt::format("its capacity_bytes is {}", geometry.capacity_bytes);
  }
  if (geometry != core::geometry_of(shape, geometry.page_bytes)) {
    return "its offsets do not follow from its capacity";
  }
  if (geometry.region_bytes != file_bytes) {
    return fmt::format("it says {} bytes but the file has {}", geometry.region_bytes, file_bytes);
  }
  return std::nullopt;
}

// The first bytes of the file, read once into private memory. Not through a mapping: a file that is
// truncated meanwhile gives a short read and not SIGBUS.
Result<RegionHeader> read_header(int fd) {
  RegionHeader header{};
  const ssize_t got = ::pread(fd, &header, sizeof header, 0);
  if (got < 0) return fail_errno("reading the region's header failed");
  if (static_cast<std::size_t>(got) != sizeof header) {
    return fail(ErrorCode::not_a_region,
                fmt::format("not a ringbell region: the file ends after {} bytes", got));
  }
  return header;
}

Result<void> check_header(const RegionHeader& header, std::uint64_t file_bytes) {
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
  if (const auto objection = objection_to(kind, header.geometry, file_bytes)) {
    return fail(ErrorCode::not_a_region, "not a usable region: " + *objection);
  }
  return {};
}

const char* remedy_for(std::string_view wrong) noexcept {
  if (wrong == "capacity_bytes") return "it must be between 4 KiB and 1 TiB";
  if (wrong == "record_alignment") return "it must be 8, 16, 32 or 64";
  if (wrong == "slot_count") return "it must be between 2 and 2^32";
  if (wrong == "message_bytes") return "it must be at least 1 and less than 512 MiB";
  return "a ring of this kind does not take that";
}

// REQUIRES: rounded.
Result<void> check_options(const RingShape& shape, core::DoorbellKind doorbell) {
  if (const char* const wrong = core::objection_to(shape)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is {}; {}", wrong, field(shape, wrong), remedy_for(wrong)));
  }
  if (!valid_doorbell(std::uint32_t(doorbell))) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("doorbell is {}; it must be none, futex or eventfd", std::uint32_t(doorbell)));
  }
  return {};
}

struct Pages {
  FileDescriptor file;
  Geometry geometry;
};

Result<Pages> make_pages(const RegionOptions& options) {
  const HugePages huge = options.memory.huge_pages;
  if (huge != HugePages::never) {
    const Geometry geometry = core::geometry_of(rounded(options.shape, kHugePage), kHugePage);
    Result<FileDescriptor> file = memfd::create(geometry.region_bytes, memfd::PageSize::huge);
    if (file) return Pages{std::move(*file), geometry};
    if (huge == HugePages::require) return tl::unexpected(std::move(file.error()));
  }
  const Geometry geometry = core::geometry_of(rounded(options.shape, kSmallPage), kSmallPage);
  Result<FileDescriptor> file = memfd::create(geometry.region_bytes, memfd::PageSize::small);
  if (!file) return tl::unexpected(std::move(file.error()));
  return Pages{std::move(*file), geometry};
}

}  // namespace

Region::Region(FileDescriptor file, core::RingKind kind, const Geometry& geometry,
               core::DoorbellKind doorbell) noexcept
    : file_(std::move(file)), kind_(kind), geometry_(geometry), doorbell_(doorbell) {}

Region::Region(Region&& other) noexcept
    : file_(std::move(other.file_)),
      kind_(other.kind_),
      geometry_(other.geometry_),
      doorbell_(other.doorbell_),
      base_(std::exchange(other.base_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(kind_, other.kind_);
  std::swap(geometry_, other.geometry_);
  std::swap(doorbell_, other.doorbell_);
  std::swap(base_, other.base_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

Region::~Region() {
  if (base_ != nullptr) ::munmap(base_, mapped_bytes_);
}

Result<Region> Region::create(const RegionOptions& options) {
  const core::RingKind kind = options.shape.kind;
  Result<void> done = check_options(rounded(options.shape, kSmallPage), options.doorbell);
  if (!done) return tl::unexpected(std::move(done.error()));
  Result<Pages> pages = make_pages(options);
  if (!pages) return tl::unexpected(std::move(pages.error()));
  Region region(std::move(pages->file), kind, pages->geometry, options.doorbell);
  done = region.map(Access::read_write);
  if (done) done = region.apply(options.memory);
  if (!done) return tl::unexpected(std::move(done.error()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  region.header() = {.magic = core::kRegionMagic,
                     .layout_version = core::kLayoutVersion,
                     .ring_kind = std::uint32_t(kind),
                     .geometry = region.geometry_,
                     .doorbell_kind = std::uint32_t(options.doorbell),
                     .creator_pid = static_cast<std::uint32_t>(::getpid()),
                     .created_unix_ns = static_cast<std::uint64_t>(
                         std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()),
                     .backing = std::uint32_t(options.memory.backing),
                     .backing_number = 0};
  const bool only_mine = kind == core::RingKind::broadcast_lossy;
  done = memfd::seal(region.fd(), only_mine ? memfd::Writers::mapped_now : memfd::Writers::all);
  if (!done) return tl::unexpected(std::move(done.error()));
  return region;
}

Result<Region> Region::attach(FileDescriptor file, Access access) {
  if (Result<void> sealed = memfd::check_seals(file.get()); !sealed) {
    return tl::unexpected(std::move(sealed.error()));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno("asking for the region's size failed");
  const Result<RegionHeader> header = read_header(file.get());
  if (!header) return tl::unexpected(header.error());
  const Result<void> checked = check_header(*header, static_cast<std::uint64_t>(status.st_size));
  if (!checked) return tl::unexpected(checked.error());
  Region region(std::move(file), core::RingKind{header->ring_kind}, header->geometry,
                core::DoorbellKind{header->doorbell_kind});
  if (Result<void> mapped = region.map(access); !mapped) {
    return tl::unexpected(std::move(mapped.error()));
  }
  return region;
}

// One stretch of addresses, reserved first so that both images stand back to back in it.
Result<void> Region::map(Access access) {
  const std::size_t page = geometry_.page_bytes;
  const std::uint32_t mirrored = core::mirrored_count(shape());
  const std::size_t whole = geometry_.region_bytes + mirrored * geometry_.capacity_bytes;
  // Room to align: hugetlb mappings must start at a multiple of their page.
  const std::size_t reserved = whole + page;
  void* const hole =
      ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (hole == MAP_FAILED) return fail_errno("reserving addresses for the region failed");
  void* aligned = hole;
  std::size_t left = reserved;
  std::align(page, whole, aligned, left);
  base_ = static_cast<std::byte*>(aligned);
  mapped_bytes_ = whole;
  const std::size_t before = static_cast<std::size_t>(base_ - static_cast<std::byte*>(hole));
  if (before > 0) ::munmap(hole, before);
  if (reserved - before > whole) ::munmap(base_ + whole, reserved - before - whole);

  const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
  const auto place = [&](std::uint64_t offset, std::uint64_t bytes, std::uint64_t file_offset) {
    return ::mmap(base_ + offset, bytes, protection, MAP_SHARED | MAP_FIXED, file_.get(),
                  static_cast<off_t>(file_offset)) != MAP_FAILED;
  };
  const std::uint64_t capacity = geometry_.capacity_bytes;
  const std::uint64_t data = geometry_.data_offset;
  bool placed = place(0, mirrored > 0 ? data : geometry_.region_bytes, 0);
  for (std::uint64_t i = 0; placed && i < mirrored; ++i) {
    placed = place(data + 2 * i * capacity, capacity, data + i * capacity) &&
             place(data + (2 * i + 1) * capacity, capacity, data + i * capacity);
  }
  if (!placed) {
    return fail_errno(fmt::format("mapping {} bytes of the region failed", whole),
                      access == Access::read_only
                          ? "the descriptor must be open for reading"
                          : "the descriptor must be open for reading and writing");
  }
  return {};
}

Result<void> Region::apply(const MemoryOptions& options) const {
  if (options.huge_pages == HugePages::prefer && geometry_.page_bytes == kSmallPage) {
    ::madvise(base_, mapped_bytes_, MADV_HUGEPAGE);  // a wish: shmem may not do it
  }
  // MADV_POPULATE_WRITE: Linux 5.14. Before it the pages come on first touch; they are reserved.
  if (options.prefault && ::madvise(base_, mapped_bytes_, MADV_POPULATE_WRITE) != 0 &&
      errno != EINVAL) {
    return fail_errno(fmt::format("touching {} bytes of the region failed", mapped_bytes_));
  }
  if (options.lock_memory && ::mlock(base_, mapped_bytes_) != 0) {
    return fail_errno(fmt::format("locking {} bytes in memory failed", mapped_bytes_),
                      "raise the limit (ulimit -l, LimitMEMLOCK=) or grant CAP_IPC_LOCK");
  }
  return {};
}

core::RegionHeader& Region::header() const noexcept {
  return *reinterpret_cast<RegionHeader*>(base_);
}

}  // namespace ringbell
