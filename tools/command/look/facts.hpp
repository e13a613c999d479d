// What a look at a ring tells, without disturbing it: its file is opened and mapped for reading
// only, no lock is taken and no role played. Every figure is a snapshot, and of others' making.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/region.hpp>

#include "tools/command/failure.hpp"

namespace ringbell::tools {

// One who takes part, or took part last.
struct Side {
  std::string role;  // "writer", "reader", "server", "caller", "participant"
  std::uint32_t number;
  std::uint32_t pid;  // in its own pid namespace
  core::SideState state;
  bool alive;
  bool parked;  // sleeps, or is about to
};

// What is in an SpscRing, or in all lanes of a FanIn.
struct Fill {
  std::uint64_t read_position = 0;     // bytes that the reader has given back, since creation
  std::uint64_t written_position = 0;  // bytes up to the last record that is visible
  std::uint64_t records = 0;           // between the two

  [[nodiscard]] std::uint64_t bytes() const noexcept { return written_position - read_position; }
};

// What a ring of slots says of itself.
struct SlotFacts {
  std::uint64_t written = 0;   // messages, about
  std::uint64_t read = 0;      // messages, about
  std::uint64_t returned = 0;  // given back by the dead, and so delivered again
  std::uint64_t skipped = 0;   // claimed by the dead and never written
};

// A process that has the region mapped.
struct MappedBy {
  int pid;
  std::string command;
  std::uint64_t resident_bytes;
  std::uint64_t swapped_bytes;
  std::uint64_t page_bytes;  // of the mapping
  std::uint64_t huge_bytes;  // of the resident: in huge pages
};

struct RingFacts {
  std::string name;
  std::string path;
  core::RingKind kind;
  Backing backing;
  core::DoorbellKind doorbell;
  core::Geometry geometry;
  std::uint64_t file_bytes;
  std::uint32_t creator_pid;
  std::uint64_t created_unix_ns;
  std::vector<Side> sides;  // who has ever taken part in a numbered place
  std::optional<Fill> fill;
  std::optional<SlotFacts> slots;
};

[[nodiscard]] const char* name_of(core::RingKind kind) noexcept;
[[nodiscard]] const char* name_of(Backing backing) noexcept;
[[nodiscard]] const char* name_of(core::SideState state) noexcept;
[[nodiscard]] const char* name_of(core::DoorbellKind kind) noexcept;

// The ring of this name. Fails with kFailed if there is none, or none that can be read.
[[nodiscard]] Tried<RingFacts> look_at(std::string_view name);

// Who maps it, as far as this user may see: /proc/*/maps and smaps.
[[nodiscard]] std::vector<MappedBy> who_maps(std::string_view name);

}  // namespace ringbell::tools
