// Addresses: one stretch, reserved first, so that the images of the data stand back to back in it.
//
//   pages:      | header, control | lane 0 | lane 1 | ...
//   addresses:  | header, control | lane 0 | lane 0 again | lane 1 | lane 1 again | ...
//
// Which call puts pages there depends on where they come from: files and devices (place_file here),
// System V segments (system_v.hpp), memory without a file (anonymous.hpp). Each replaces what was
// reserved.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/memory/options.hpp>

namespace ringbell::memory {

// The machine's: 4, 16 or 64 KiB.
RINGBELL_API [[nodiscard]] std::uint32_t small_page() noexcept;
inline constexpr std::uint32_t kHugePage = 2 * 1024 * 1024;

// What is mapped. All sizes are multiples of the page size; where there are lanes,
// region_bytes == head_bytes + lanes * lane_bytes.
struct Images {
  std::uint64_t region_bytes;  // all pages, once
  std::uint64_t head_bytes;    // in front of the lanes
  std::uint64_t lane_bytes;
  std::uint32_t lanes;  // those that are mapped twice; 0: everything is mapped once

  [[nodiscard]] std::uint64_t mapped_bytes() const noexcept {
    return region_bytes + lanes * lane_bytes;
  }
};

// Calls place(where, bytes, offset) for each run of pages, `where` in the mapping and `offset` in
// the pages, until one fails. True: none did. Pages that follow each other in both are one run: the
// head and lane 0, the second image of a lane and the first of the next. So there is one run more
// than lanes.
template <class Place>
[[nodiscard]] bool for_each_piece(const Images& images, Place&& place) {
  std::uint64_t where = 0;
  std::uint64_t offset = 0;
  for (std::uint32_t lane = 0; lane < images.lanes; ++lane) {
    const std::uint64_t end = images.head_bytes + (lane + std::uint64_t{1}) * images.lane_bytes;
    if (!place(where, end - offset, offset)) return false;
    where += end - offset;
    offset = end - images.lane_bytes;
  }
  return place(where, images.region_bytes - offset, offset);
}

// Owns a stretch of addresses and whatever is mapped there. Move-only.
class RINGBELL_API Mapping {
 public:
  Mapping() noexcept = default;

  // Nothing can be read or written there yet. Starts at a multiple of `alignment`, a power of two:
  // huge pages can only stand so. Errors: no_space.
  [[nodiscard]] static Result<Mapping> reserve(std::uint64_t bytes, std::uint64_t alignment);

  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Unmaps all but these addresses: they were moved away, and from that moment on another thread
  // may have got them.
  void let_go_around(std::uint64_t offset, std::uint64_t bytes) && noexcept;

  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  Mapping(std::byte* base, std::size_t bytes) noexcept : base_(base), bytes_(bytes) {}

  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

// Puts a file's pages there: each piece is a mapping at its offset. REQUIRES: the addresses are
// reserved. Errors: permission, if the descriptor is not open for that access; no_space; system.
[[nodiscard]] Result<void> place_file(const Mapping& at, const Images& images, int fd,
                                      Access access);
// The same with both images of one lane only, for reading and writing.
[[nodiscard]] Result<void> place_lane(const Mapping& at, const Images& images, std::uint32_t lane,
                                      int fd);

}  // namespace ringbell::memory
