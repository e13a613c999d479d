// A region: one file's pages, mapped so that two processes share them.
//
//   file:     | header page | control page | data ...... |
//   mapping:  | header page | control page | data ...... | data again ...... |
//
// The data area is mapped twice, back to back, so that a record is contiguous wherever it starts.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/error.hpp>
#include <ringbell/transport/file_descriptor.hpp>

namespace ringbell {

// Where the pages come from. So far only memfd: anonymous, sealed, gone with its last user.
enum class Backing : std::uint8_t { memfd };

enum class HugePages : std::uint8_t {
  never,
  prefer,   // hugetlb pages if some are free, else transparent ones where the kernel agrees
  require,  // hugetlb pages or an Error
};

struct RegionOptions {
  Backing backing = Backing::memfd;
  HugePages huge_pages = HugePages::never;
  // Of the data area. Rounded up to a power of two, and to whole pages. Smallest 4096.
  std::uint64_t capacity_bytes = 256UL * 1024;
  // 8, 16, 32 or 64. With 64 no two records share a cache line.
  std::uint32_t record_alignment = 8;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;
  bool prefault = true;      // touch every page now: no page fault in the first lap
  bool lock_memory = false;  // mlock: never swapped out
};

// Owns the mapping and the file descriptor. Move-only.
class Region {
 public:
  // A new region, zeroed, its space reserved (never SIGBUS later), sealed against shrinking,
  // growing and further sealing. Errors: invalid_argument, no_space, permission, unsupported,
  // system.
  [[nodiscard]] static Result<Region> create(const RegionOptions& options);

  // A region that another process made. The file is checked before anything in it is believed:
  // seals, size, magic, layout version, ring kind, geometry. Takes the descriptor over.
  // Errors: not_a_region, version_mismatch, system.
  [[nodiscard]] static Result<Region> attach(FileDescriptor file);

  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  // To be inherited or passed on; stays owned by the region (close-on-exec is set).
  [[nodiscard]] int fd() const noexcept { return file_.get(); }

  // The private copies that were checked at creation or attach.
  [[nodiscard]] const core::Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] core::DoorbellKind doorbell() const noexcept { return doorbell_; }

  [[nodiscard]] core::SpscControl& spsc_control() const noexcept;
  [[nodiscard]] core::SpscMemory spsc_memory() const noexcept;

  // The data area, once: `capacity_bytes` long; the mirror image follows it. For registering the
  // ring's memory with a device or io_uring.
  [[nodiscard]] std::byte* data() const noexcept;
  // Header, control and both images of the data: what is mapped.
  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t mapped_bytes() const noexcept { return mapped_bytes_; }

 private:
  Region(FileDescriptor file, const core::Geometry& geometry, core::DoorbellKind doorbell) noexcept;
  [[nodiscard]] Result<void> map();
  [[nodiscard]] Result<void> apply(const RegionOptions& options) const;
  [[nodiscard]] core::RegionHeader& header() const noexcept;

  FileDescriptor file_;
  core::Geometry geometry_;
  core::DoorbellKind doorbell_;
  std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

}  // namespace ringbell
