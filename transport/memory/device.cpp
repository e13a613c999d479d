#include <ringbell/transport/memory/device.hpp>

#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringbell::memory::device {

bool is_device(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  const mode_t type = status.st_mode & S_IFMT;
  return type == S_IFCHR || type == S_IFBLK || type == 0;
}

Result<void> check(int fd, std::uint64_t bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return fail_errno(fmt::format("descriptor {} is no device", fd),
                      "MemoryOptions::device_fd is an open descriptor of it");
  }
  if (!is_device(fd)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("descriptor {} is no device; files have Backing::file", fd));
  }
  // Only some devices have an end: a block device, a dma-buf.
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end > 0 && static_cast<std::uint64_t>(end) < bytes) {
    return fail(ErrorCode::no_space,
                fmt::format("the device has {} bytes, the region needs {}; ask for a smaller "
                            "capacity",
                            end, bytes));
  }
  return {};
}

Result<core::RegionHeader> read_header(int fd) {
  const std::uint32_t bytes = small_page();
  const Images images{.region_bytes = bytes, .head_bytes = 0, .lane_bytes = 0, .lanes = 0};
  const Result<Mapping> page = Mapping::reserve(bytes, bytes);
  if (!page) return tl::unexpected(page.error());
  const Result<void> placed = place_file(*page, images, fd, Access::read_only);
  if (!placed) return tl::unexpected(placed.error());
  core::RegionHeader header{};
  std::memcpy(&header, page->base(), sizeof header);
  return header;
}

Result<void> place_unmirrored(const Mapping& at, int fd, Access access) {
  return place_file(at, {.region_bytes = at.bytes(), .head_bytes = 0, .lane_bytes = 0, .lanes = 0},
                    fd, access);
}

}  // namespace ringbell::memory::device
