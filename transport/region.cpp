#include <ringbell/transport/region.hpp>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
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

constexpr std::uint64_t kSmallestCapacity = 4096;
constexpr std::uint64_t kLargestCapacity = std::uint64_t{1} << 40;
constexpr std::uint32_t kSmallPage = 4096;
constexpr std::uint32_t kHugePage = 2 * 1024 * 1024;

constexpr bool valid_alignment(std::uint32_t bytes) noexcept {
  return std::has_single_bit(bytes) && bytes >= core::kRecordHeaderBytes && bytes <= 64;
}

constexpr bool valid_doorbell(std::uint32_t kind) noexcept {
  return kind >= std::uint32_t(core::DoorbellKind::none) &&
         kind <= std::uint32_t(core::DoorbellKind::eventfd);
}

constexpr Geometry geometry_for(const RegionOptions& options, std::uint32_t page_bytes) noexcept {
  const std::uint64_t capacity =
      std::max(std::bit_ceil(options.capacity_bytes), std::uint64_t{page_bytes});
  return {.region_bytes = 2 * std::uint64_t{page_bytes} + capacity,
          .control_offset = page_bytes,
          .data_offset = 2 * std::uint64_t{page_bytes},
          .capacity_bytes = capacity,
          .record_alignment = options.record_alignment,
          .page_bytes = page_bytes};
}

// Why this geometry cannot be, or nothing. It came from another process: every field is suspect,
// and no sum here can overflow because each part was bounded first.
std::optional<std::string> objection_to(const Geometry& geometry, std::uint64_t file_bytes) {
  if (geometry.page_bytes != kSmallPage && geometry.page_bytes != kHugePage) {
    return fmt::format("its page size is {}", geometry.page_bytes);
  }
  if (!std::has_single_bit(geometry.capacity_bytes) ||
      geometry.capacity_bytes < geometry.page_bytes || geometry.capacity_bytes > kLargestCapacity) {
    return fmt::format("its capacity is {}", geometry.capacity_bytes);
  }
  if (!valid_alignment(geometry.record_alignment)) {
    return fmt::format("its record alignment is {}", geometry.record_alignment);
  }
  const Geometry expected = geometry_for(
      {.capacity_bytes = geometry.capacity_bytes, .record_alignment = geometry.record_alignment},
      geometry.page_bytes);
  if (geometry != expected) return "its offsets do not follow from its capacity";
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
  if (header.ring_kind != std::uint32_t(core::RingKind::spsc)) {
    return fail(ErrorCode::not_a_region,
                fmt::format("not a usable region: ring kind {} is unknown", header.ring_kind));
  }
  if (!valid_doorbell(header.doorbell_kind)) {
    return fail(
        ErrorCode::not_a_region,
        fmt::format("not a usable region: doorbell kind {} is unknown", header.doorbell_kind));
  }
  if (const auto objection = objection_to(header.geometry, file_bytes)) {
    return fail(ErrorCode::not_a_region, "not a usable region: " + *objection);
  }
  return {};
}

Result<void> check_options(const RegionOptions& options) {
  if (options.capacity_bytes < kSmallestCapacity || options.capacity_bytes > kLargestCapacity) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("capacity_bytes is {}; it must be between {} and {}",
                            options.capacity_bytes, kSmallestCapacity, kLargestCapacity));
  }
  if (!valid_alignment(options.record_alignment)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("record_alignment is {}; it must be 8, 16, 32 or 64",
                            options.record_alignment));
  }
  if (!valid_doorbell(std::uint32_t(options.doorbell))) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("doorbell is {}; it must be none, futex or eventfd",
                            std::uint32_t(options.doorbell)));
  }
  return {};
}

struct Pages {
  FileDescriptor file;
  Geometry geometry;
};

Result<Pages> make_pages(const RegionOptions& options) {
  if (options.huge_pages != HugePages::never) {
    const Geometry geometry = geometry_for(options, kHugePage);
    Result<FileDescriptor> file = memfd::create(geometry.region_bytes, memfd::PageSize::huge);
    if (file) return Pages{std::move(*file), geometry};
    if (options.huge_pages == HugePages::require) return tl::unexpected(std::move(file.error()));
  }
  const Geometry geometry = geometry_for(options, kSmallPage);
  Result<FileDescriptor> file = memfd::create(geometry.region_bytes, memfd::PageSize::small);
  if (!file) return tl::unexpected(std::move(file.error()));
  return Pages{std::move(*file), geometry};
}

}  // namespace

Region::Region(FileDescriptor file, const Geometry& geometry, core::DoorbellKind doorbell) noexcept
    : file_(std::move(file)), geometry_(geometry), doorbell_(doorbell) {}

Region::Region(Region&& other) noexcept
    : file_(std::move(other.file_)),
      geometry_(other.geometry_),
      doorbell_(other.doorbell_),
      base_(std::exchange(other.base_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
  std::swap(file_, other.file_);
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
  if (Result<void> checked = check_options(options); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<Pages> pages = make_pages(options);
  if (!pages) return tl::unexpected(std::move(pages.error()));
  Region region(std::move(pages->file), pages->geometry, options.doorbell);
  if (Result<void> mapped = region.map(); !mapped) return tl::unexpected(std::move(mapped.error()));
  if (Result<void> done = region.apply(options); !done) {
    return tl::unexpected(std::move(done.error()));
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  region.header() = {.magic = core::kRegionMagic,
                     .layout_version = core::kLayoutVersion,
                     .ring_kind = std::uint32_t(core::RingKind::spsc),
                     .geometry = region.geometry_,
                     .doorbell_kind = std::uint32_t(options.doorbell),
                     .creator_pid = static_cast<std::uint32_t>(::getpid()),
                     .created_unix_ns = static_cast<std::uint64_t>(
                         std::chrono::duration_cast<std::chrono::nanoseconds>(now).count())};
  return region;
}

Result<Region> Region::attach(FileDescriptor file) {
  if (Result<void> sealed = memfd::check_seals(file.get()); !sealed) {
    return tl::unexpected(std::move(sealed.error()));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno("asking for the region's size failed");
  const Result<RegionHeader> header = read_header(file.get());
  if (!header) return tl::unexpected(header.error());
  const Result<void> checked = check_header(*header, static_cast<std::uint64_t>(status.st_size));
  if (!checked) return tl::unexpected(checked.error());
  Region region(std::move(file), header->geometry, core::DoorbellKind{header->doorbell_kind});
  if (Result<void> mapped = region.map(); !mapped) return tl::unexpected(std::move(mapped.error()));
  return region;
}

// One stretch of addresses, reserved first so that both images stand back to back in it.
Result<void> Region::map() {
  const std::size_t page = geometry_.page_bytes;
  const std::size_t whole = geometry_.region_bytes + geometry_.capacity_bytes;
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

  const auto place = [&](std::size_t offset, std::uint64_t bytes, std::uint64_t file_offset) {
    return ::mmap(base_ + offset, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                  file_.get(), static_cast<off_t>(file_offset)) != MAP_FAILED;
  };
  if (!place(0, geometry_.region_bytes, 0) ||
      !place(geometry_.region_bytes, geometry_.capacity_bytes, geometry_.data_offset)) {
    return fail_errno(fmt::format("mapping {} bytes of the region failed", whole),
                      "the descriptor must be open for reading and writing");
  }
  return {};
}

Result<void> Region::apply(const RegionOptions& options) const {
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

core::SpscControl& Region::spsc_control() const noexcept {
  return *reinterpret_cast<core::SpscControl*>(base_ + geometry_.control_offset);
}

std::byte* Region::data() const noexcept { return base_ + geometry_.data_offset; }

core::SpscMemory Region::spsc_memory() const noexcept {
  return {.control = &spsc_control(),
          .data = data(),
          .capacity_bytes = geometry_.capacity_bytes,
          .record_alignment = geometry_.record_alignment};
}

}  // namespace ringbell
