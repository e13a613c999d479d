// A region: pages, wherever they come from, mapped so that several processes share them.
//
//   pages:    | header page | control pages | data ...... |
//   mapping:  | header page | control pages | data ...... | data again ...... |
//
// The records of a ring are mapped twice, back to back, so that a record is contiguous wherever it
// starts; those of a FanIn are for each lane. Slots and buffers are mapped once.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/many_memory.hpp>
#include <ringbell/core/ring_shape.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/state_memory.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/in_use.hpp>
#include <ringbell/transport/memory/mapping.hpp>
#include <ringbell/transport/memory/options.hpp>
#include <ringbell/transport/memory/source.hpp>

namespace ringbell {

struct RegionOptions {
  // Of a capacity that is less than a page, a page is taken.
  core::RingShape shape;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;
  MemoryOptions memory = {};
  bool seals = false;          // the user header is a RecordSeal; in a file only
  core::TypeRecord type = {};  // of its messages (type_of() makes it); empty: bytes
};

// What a ring comes to, before any of it is taken.
struct MemoryNeeded {
  std::uint64_t memory_bytes = 0;   // of small pages; shared by all its processes
  std::uint64_t address_bytes = 0;  // in each process
  std::string text;                 // for people: "1024 slots of 8388608 bytes: 8606720000 bytes"
};
// Errors: invalid_argument, as Region::create.
RINGBELL_API [[nodiscard]] Result<MemoryNeeded> describe(const RegionOptions& options);
// The same of ChannelOptions, QueueOptions, TopicOptions, CollectorOptions and ServiceOptions.
template <class Options>
requires requires(const Options& options) { RegionOptions(options.region()); }
[[nodiscard]] Result<MemoryNeeded> describe(const Options& options) {
  return describe(options.region());
}

// Owns the mapping and the descriptor. Move-only.
class RINGBELL_API Region {
 public:
  // A new region, zeroed, its space reserved (never SIGBUS later). A memfd is sealed against
  // shrinking, growing and further sealing; that of a lossy broadcast of one writer or a state also
  // against being mapped for writing by any other process. A file gets its name last. Errors:
  // invalid_argument, no_space, permission, unsupported, system.
  [[nodiscard]] static Result<Region> create(const RegionOptions& options);

  // A region that another process made, by its descriptor, which is taken over. It is checked
  // before anything in it is believed: that it is sealed or its owner trusted, size, magic, layout
  // version, ring kind, geometry, type. Errors: not_a_region, version_mismatch, permission, system.
  [[nodiscard]] static Result<Region> attach(FileDescriptor file, const AttachOptions& options);
  [[nodiscard]] static Result<Region> attach(FileDescriptor file,
                                             Access access = Access::read_write) {
    return attach(std::move(file), AttachOptions{.access = access});
  }
  // The same by name. REQUIRES: backing is posix_shm or file. Errors: also invalid_argument.
  [[nodiscard]] static Result<Region> open(Backing backing, const std::string& name,
                                           const AttachOptions& options = {});
  // Takes the name away; a process that is attached keeps it. REQUIRES: as open(). Errors:
  // invalid_argument, permission, system.
  [[nodiscard]] static Result<void> remove(Backing backing, const std::string& name);

  // To be inherited or passed on; stays owned by the region (close-on-exec is set). Where the pages
  // have no file of their own, a memfd of some bytes that says where they are.
  [[nodiscard]] int fd() const noexcept { return source_.fd(); }

  // Closes it: fd() is -1 from then on. What is mapped stays.
  void let_go_of_file() noexcept { source_.let_go_of_file(); }
  // Whether it was attached with AttachOptions::one_lane, and lanes are mapped by map_lane() only.
  [[nodiscard]] bool maps_lanes_alone() const noexcept { return maps_lanes_alone_; }
  // Maps this lane of a FanIn, unless all are mapped. Errors: no_space, system. REQUIRES: lane <
  // fan_in_memory().lane_count; it is not in use.
  [[nodiscard]] Result<void> map_lane(std::uint32_t lane) const;
  // Another descriptor of it, in the place of fd(). REQUIRES: of the same file, open as that one.
  void use_file(FileDescriptor same) noexcept { source_.use_file(std::move(same)); }

  // The private copies that were checked at creation or attach.
  [[nodiscard]] const core::Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] Backing backing() const noexcept { return source_.backing(); }
  // As its file says: a RecordSeal stands in the place of each UserHeader.
  [[nodiscard]] bool has_seals() const noexcept;
  // A UserHeader stands in front of each record.
  [[nodiscard]] bool has_user_headers() const noexcept {
    return geometry_.user_header_bytes != 0 && !has_seals();
  }
  [[nodiscard]] core::RingKind kind() const noexcept { return kind_; }
  [[nodiscard]] core::RingShape shape() const noexcept { return core::shape_of(kind_, geometry_); }
  [[nodiscard]] core::DoorbellKind doorbell() const noexcept { return doorbell_; }
  [[nodiscard]] const core::TypeRecord& type() const noexcept { return type_; }

  // What stands in it, for core's rings. REQUIRES: the kind of each; mapped for reading and writing
  // unless the pages are const.
  [[nodiscard]] core::SpscControl& spsc_control() const noexcept;
  [[nodiscard]] core::SpscMemory spsc_memory() const noexcept;
  [[nodiscard]] core::MpmcMemory mpmc_memory() const noexcept;
  // Of a ring of many writers: what its readers have to do with.
  [[nodiscard]] core::BroadcastMemory lossless_memory() const noexcept;
  [[nodiscard]] core::ManyMemory many_memory() const noexcept;
  [[nodiscard]] core::BroadcastSlots<std::byte> lossy_memory() const noexcept;
  [[nodiscard]] core::BroadcastSlots<const std::byte> lossy_view() const noexcept;
  [[nodiscard]] core::FanInMemory fan_in_memory() const noexcept;
  [[nodiscard]] core::CallGroupMemory call_group_memory() const noexcept;
  // Without pins: those may be in another region.
  [[nodiscard]] core::StateMemory<std::byte> state_memory() const noexcept;
  [[nodiscard]] core::StateMemory<const std::byte> state_view() const noexcept;
  // Of a ring of many.
  [[nodiscard]] core::GroupBells& bells() const noexcept {
    assert(kind_ != core::RingKind::spsc);
    return *part_at<core::GroupBells>(control());
  }
  // How many participants, from number 0 on, are on the side that the others wait for.
  [[nodiscard]] std::uint32_t first_participants() const noexcept {
    return core::first_participants(kind_, geometry_.participants);
  }
  // REQUIRES: number < shape().participants.
  [[nodiscard]] core::ParticipantLine& participant(std::uint32_t number) const noexcept {
    assert(number < geometry_.participants);
    return part_at<core::ParticipantLine>(control() + core::participants_offset())[number];
  }
  [[nodiscard]] std::span<core::ParticipantLine> participants() const noexcept {
    return {&participant(0), geometry_.participants};
  }

  // The data area, as it is in the file. For registering the ring's memory with a device or
  // io_uring. The second image of an SpscRing's follows it.
  [[nodiscard]] std::byte* data() const noexcept { return base() + geometry_.data_offset; }
  // All that is mapped.
  [[nodiscard]] std::byte* base() const noexcept { return mapping_.base(); }
  [[nodiscard]] std::size_t mapped_bytes() const noexcept { return mapping_.bytes(); }

  // What it really got, as the kernel tells it for this process. Reads all of /proc/self/smaps: for
  // people and tests. Errors: system.
  [[nodiscard]] Result<MemoryInUse> memory_in_use() const;

  // From now on this mapping, read-write so far, can write its control lines only. Errors: system.
  [[nodiscard]] Result<void> make_messages_read_only() const;

  // Returns when all that was committed is on the disk, if that is where it is (Backing::file).
  // What the kernel has not written yet survives the death of every process, but no power cut.
  // Errors: system.
  [[nodiscard]] Result<void> sync() const;
  // The same, and from then on the file counts as whole: a later boot attaches to it as this one
  // does, until it is attached to for writing again. For the last process that has it, when its
  // ends are closed. Errors: as sync(); unsupported, unless it is a file.
  [[nodiscard]] Result<void> settle() const;

 private:
  [[nodiscard]] static Result<Region> make(const RegionOptions& options);
  Region(memory::Source source, memory::Mapping mapping, const core::RegionHeader& header) noexcept;
  [[nodiscard]] std::byte* control() const noexcept { return base() + geometry_.control_offset; }
  [[nodiscard]] std::byte* ring_control() const noexcept;
  template <class Part>
  [[nodiscard]] static Part* part_at(std::byte* at) noexcept {
    return static_cast<Part*>(static_cast<void*>(at));
  }

  // An end begins with its region, and that with kFalseSharingBytes, or more, that no message
  // touches: the end in front of it may change what it likes on lines that they share.
  memory::Source source_;
  core::TypeRecord type_;

  memory::Mapping mapping_;
  core::RingKind kind_;
  core::Geometry geometry_;
  core::DoorbellKind doorbell_;
  bool maps_lanes_alone_ = false;
  bool in_core_dumps_ = false;  // AttachOptions has it
};

}  // namespace ringbell
