// A region: one file's pages, mapped so that several processes share them.
//
//   file:     | header page | control pages | data ...... |
//   mapping:  | header page | control pages | data ...... | data again ...... |
//
// The records of a ring are mapped twice, back to back, so that a record is contiguous wherever it
// starts; those of a FanIn are for each lane. Slots and buffers are mapped once.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/ring_shape.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/error.hpp>
#include <ringbell/transport/export.hpp>
#include <ringbell/transport/file_descriptor.hpp>

namespace ringbell {

// Where the pages come from. So far only memfd: anonymous, sealed, gone with its last user.
enum class Backing : std::uint8_t { memfd };

enum class HugePages : std::uint8_t {
  never,
  prefer,   // hugetlb pages if some are free, else transparent ones where the kernel agrees
  require,  // hugetlb pages or an Error
};

// How the memory is to be had.
struct MemoryOptions {
  Backing backing = Backing::memfd;
  HugePages huge_pages = HugePages::never;
  bool prefault = true;      // touch every page now: no page fault in the first lap
  bool lock_memory = false;  // mlock: never swapped out
};

struct RegionOptions {
  // Of a capacity that is less than a page, a page is taken.
  core::RingShape shape;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;
  MemoryOptions memory = {};
};

// What a mapping may be used for.
enum class Access : std::uint8_t { read_write, read_only };

// Owns the mapping and the file descriptor. Move-only.
class RINGBELL_API Region {
 public:
  // A new region, zeroed, its space reserved (never SIGBUS later), sealed against shrinking,
  // growing and further sealing; that of a lossy broadcast also against being mapped for writing by
  // anybody else. Errors: invalid_argument, no_space, permission, unsupported, system.
  [[nodiscard]] static Result<Region> create(const RegionOptions& options);

  // A region that another process made. The file is checked before anything in it is believed:
  // seals, size, magic, layout version, ring kind, geometry. Takes the descriptor over.
  // Errors: not_a_region, version_mismatch, system.
  [[nodiscard]] static Result<Region> attach(FileDescriptor file,
                                             Access access = Access::read_write);

  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  // To be inherited or passed on; stays owned by the region (close-on-exec is set).
  [[nodiscard]] int fd() const noexcept { return file_.get(); }

  // The private copies that were checked at creation or attach.
  [[nodiscard]] const core::Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] core::RingKind kind() const noexcept { return kind_; }
  [[nodiscard]] core::RingShape shape() const noexcept { return core::shape_of(kind_, geometry_); }
  [[nodiscard]] core::DoorbellKind doorbell() const noexcept { return doorbell_; }

  // What stands in it, for core's rings. REQUIRES: the kind of each; mapped for reading and writing
  // unless the pages are const.
  [[nodiscard]] core::SpscControl& spsc_control() const noexcept;
  [[nodiscard]] core::SpscMemory spsc_memory() const noexcept;
  [[nodiscard]] core::MpmcMemory mpmc_memory() const noexcept;
  [[nodiscard]] core::BroadcastMemory lossless_memory() const noexcept;
  [[nodiscard]] core::BroadcastSlots<std::byte> lossy_memory() const noexcept;
  [[nodiscard]] core::BroadcastSlots<const std::byte> lossy_view() const noexcept;
  [[nodiscard]] core::FanInMemory fan_in_memory() const noexcept;
  [[nodiscard]] core::CallGroupMemory call_group_memory() const noexcept;
  // Of a ring of many.
  [[nodiscard]] core::GroupBells& bells() const noexcept;
  // REQUIRES: number < shape().participants.
  [[nodiscard]] core::ParticipantLine& participant(std::uint32_t number) const noexcept;

  // The data area, as it is in the file. For registering the ring's memory with a device or
  // io_uring. The second image of an SpscRing's follows it.
  [[nodiscard]] std::byte* data() const noexcept { return base_ + geometry_.data_offset; }
  // All that is mapped.
  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t mapped_bytes() const noexcept { return mapped_bytes_; }

 private:
  Region(FileDescriptor file, core::RingKind kind, const core::Geometry& geometry,
         core::DoorbellKind doorbell) noexcept;
  [[nodiscard]] Result<void> map(Access access);
  [[nodiscard]] Result<void> apply(const MemoryOptions& options) const;
  [[nodiscard]] core::RegionHeader& header() const noexcept;
  [[nodiscard]] std::byte* control() const noexcept { return base_ + geometry_.control_offset; }
  [[nodiscard]] std::byte* ring_control() const noexcept;

  FileDescriptor file_;
  core::RingKind kind_;
  core::Geometry geometry_;
  core::DoorbellKind doorbell_;
  std::byte* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

}  // namespace ringbell
