// What a look at a ring tells, without disturbing it: its file is opened and mapped for reading
// only, no lock is taken and no role played. Every figure is a snapshot of what its processes
// stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/mpmc_participant.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/region.hpp>

#include "tools/command/failure.hpp"

namespace ringbell::tools {

// What is in an SpscRing, or in one lane of a FanIn.
struct Fill {
  std::uint64_t read_position = 0;     // bytes that the reader has given back, since creation
  std::uint64_t written_position = 0;  // bytes up to the last record that is visible
  std::uint64_t records = 0;           // between the two
  // Of a timed channel: how long ago the oldest of them was sent.
  std::optional<std::uint64_t> oldest_age_ns = {};

  [[nodiscard]] std::uint64_t bytes() const noexcept { return written_position - read_position; }
};

// What a caller's line says.
struct CallFacts {
  // By all callers that its lines had, modulo 2^32.
  std::uint32_t made;
  // "idle", "waiting", "served", "given up", "answered", "dropped", "failed": of the last line that
  // is not answered, else of the first.
  const char* state;
  std::uint32_t open;  // not yet answered
};

// A participant, or the last that was there.
struct Side {
  std::string role;  // "writer", "reader", "server", "caller", "participant"
  std::uint32_t number;
  std::uint32_t pid;  // in its own pid namespace
  core::SideState state;
  bool alive;
  bool parked;                               // sleeps, or is about to
  std::optional<Fill> lane = {};             // of a collector's writer
  std::optional<std::uint64_t> behind = {};  // of a lossless topic's reader: messages
  std::optional<CallFacts> calls = {};       // of a service's caller
};

// What a ring of slots says of itself.
struct SlotFacts {
  std::uint64_t written = 0;   // messages that were claimed
  std::uint64_t read = 0;      // messages that were given back, aborted or skipped
  std::uint64_t returned = 0;  // held by a reader that died, and so delivered again
  std::uint64_t skipped = 0;   // claimed by a writer that died, and never committed
  core::MpmcContents in;       // what stands in the slots
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
  std::vector<Side> sides;  // every participant that there has been, by number
  std::optional<Fill> fill;
  std::optional<SlotFacts> slots;
  std::optional<std::uint64_t> published;  // messages of a topic
  std::optional<std::uint32_t> readers;    // of a lossy topic, which are no participants
};

// What a list of rings shows of each.
struct Totals {
  std::uint64_t written = 0;  // bytes, messages or calls, since creation
  std::uint64_t lag = 0;      // not yet given back, by the slowest reader; calls: not answered
  double fill = 0;            // 0 … 1
  bool in_bytes = true;
};

// Nothing where what stands there cannot be, or where nothing is counted.
[[nodiscard]] std::optional<Totals> totals_of(const RingFacts& facts);

[[nodiscard]] const char* name_of(core::RingKind kind) noexcept;
[[nodiscard]] const char* name_of(Backing backing) noexcept;
[[nodiscard]] const char* name_of(core::SideState state) noexcept;

// Whose names are looked at: this user's, unless root looks at another's.
[[nodiscard]] inline uid_t whose(const std::optional<std::uint64_t>& user) noexcept {
  return user ? static_cast<uid_t>(*user) : ::geteuid();
}

// A ring's file, opened to be looked at: whatever the path leads to by now.
struct RingFile {
  std::string path;  // for people
  FileDescriptor file;
};

// The ring of this name, through the folder that was checked. What begins with '/' is a path: a
// driver's device, or a file. Fails with kFailed if there is none.
[[nodiscard]] Tried<RingFile> open_ring(std::string_view name, uid_t user = ::geteuid());

// Fails with kFailed if it cannot be read, or is cut meanwhile.
[[nodiscard]] Tried<RingFacts> look_at(std::string_view name, RingFile ring);
[[nodiscard]] Tried<RingFacts> look_at(std::string_view name, uid_t user = ::geteuid());

// The processes that map it, as far as this user may see: /proc/*/maps and smaps.
[[nodiscard]] std::vector<MappedBy> who_maps(const RingFile& ring);

}  // namespace ringbell::tools
