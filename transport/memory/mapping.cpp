#include <ringbell/transport/memory/mapping.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ringbell::memory {
namespace {

std::string remedy() {
  if (errno != ENOMEM) return {};
  return "raise the limit of address space (ulimit -v) or of mappings (vm.max_map_count), or ask "
         "for a smaller capacity";
}

struct PlacePiece {
  const Mapping& at;
  int fd;
  Access access;

  [[nodiscard]] bool operator()(std::uint64_t where, std::uint64_t bytes,
                                std::uint64_t offset) const noexcept {
    const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    return ::mmap(at.base() + where, bytes, protection, MAP_SHARED | MAP_FIXED, fd,
                  static_cast<off_t>(offset)) != MAP_FAILED;
  }
};

tl::unexpected<Error> fail_place(const Mapping& at, Access access) {
  const std::string what = fmt::format("mapping {} bytes of the region failed", at.bytes());
  if (errno != EACCES) return fail_errno(what, remedy());
  return fail_errno(what, access == Access::read_only
                              ? "the descriptor must be open for reading"
                              : "the descriptor must be open for reading and writing");
}

}  // namespace

std::uint32_t small_page() noexcept { return static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)); }

Result<Mapping> Mapping::reserve(std::uint64_t bytes, std::uint64_t alignment) {
  const std::size_t reserved = bytes + alignment;
  void* const hole =
      ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (hole == MAP_FAILED) {
    return fail_errno(fmt::format("reserving {} bytes of addresses failed", reserved), remedy());
  }
  void* aligned = hole;
  std::size_t left = reserved;
  std::align(alignment, bytes, aligned, left);
  auto* const base = static_cast<std::byte*>(aligned);
  const auto before = static_cast<std::size_t>(base - static_cast<std::byte*>(hole));
  const std::size_t after = reserved - before - bytes;
  if (before > 0) ::munmap(hole, before);
  if (after > 0) ::munmap(base + bytes, after);
  return Mapping(base, bytes);
}

Mapping::Mapping(Mapping&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (base_ != nullptr) ::munmap(base_, bytes_);
}

void Mapping::let_go_around(std::uint64_t offset, std::uint64_t bytes) && noexcept {
  const std::uint64_t end = offset + bytes;
  if (offset > 0) ::munmap(base_, offset);
  if (end < bytes_) ::munmap(base_ + end, bytes_ - end);
  base_ = nullptr;
}

Result<void> place_file(const Mapping& at, const Images& images, int fd, Access access) {
  const bool placed = for_each_piece(images, PlacePiece{at, fd, access});
  return placed ? Result<void>{} : fail_place(at, access);
}

Result<void> place_lane(const Mapping& at, const Images& images, std::uint32_t lane, int fd) {
  const PlacePiece place{at, fd, Access::read_write};
  const std::uint64_t offset = images.head_bytes + lane * images.lane_bytes;
  const std::uint64_t where = images.head_bytes + std::uint64_t{2} * lane * images.lane_bytes;
  const bool placed = place(where, images.lane_bytes, offset) &&
                      place(where + images.lane_bytes, images.lane_bytes, offset);
  return placed ? Result<void>{} : fail_place(at, Access::read_write);
}

}  // namespace ringbell::memory
