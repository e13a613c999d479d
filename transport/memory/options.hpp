// How the memory of a region is to be had.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

namespace ringbell {

// Where the pages come from. Stored in RegionHeader::backing: the numbers are for good.
enum class Backing : std::uint32_t {
  memfd = 0,      // no name, sealed, gone with its last user; the default
  posix_shm = 1,  // shm_open: a name in /dev/shm, until it is removed
  file = 2,       // a path on any file system: persistent on a disk, memory on a tmpfs or hugetlbfs
  system_v = 3,   // shmget; gone with its last user
  anonymous = 4,  // shared with the children of fork() only; gone with its last user
  device = 5,     // what a driver maps
  // The same of a driver that maps from its start only: the data is not mapped a second time
  // but followed by as much spare memory. Chosen where it must be, not to be asked for.
  device_unmirrored = 6,
};

enum class HugePages : std::uint8_t {
  never,
  prefer,   // hugetlb pages if some are free, else transparent ones where the kernel agrees
  require,  // hugetlb pages or an Error
};

// What a mapping may be used for.
enum class Access : std::uint8_t { read_write, read_only };

// What Region::memory_in_use() then tells is what was really got.
struct MemoryOptions {
  Backing backing = Backing::memfd;
  // posix_shm: the name, with or without a leading '/'. file: the path. Must not exist yet.
  // A file whose path ends with '/' is made in that folder and gets no name from us.
  std::string name = {};
  // device: an open descriptor of it; stays the caller's.
  int device_fd = -1;
  // posix_shm, file, system_v: the mode bits, whatever the umask says. Attaching to what others
  // than its owner may write takes AttachOptions::trust_others; by name, in a folder that a group
  // shares, 0660 is for that group (names/README.md, Two users).
  mode_t mode = 0600;
  HugePages huge_pages = HugePages::never;
  bool prefault = true;      // touch every page now: no page fault in the first lap
  bool lock_memory = false;  // mlock: never swapped out
  // All pages on this node; an Error if it has not that much memory.
  std::optional<unsigned> numa_node = std::nullopt;
  // A ring is not written into core files: it may hold secrets, and be large.
  bool in_core_dumps = false;
  // Asked while memory is being taken, every 16 MiB: true gives up (Error: cancelled). For programs
  // whose signals, or time-outs, must end that too.
  std::function<bool()> give_up = {};
};

struct AttachOptions {
  Access access = Access::read_write;
  bool prefault = false;       // fill this process's page tables now
  bool lock_memory = false;    // mlock this process's mapping
  bool in_core_dumps = false;  // as in MemoryOptions, for this process
  // Take also what belongs to, or may be written by, other users, as far as its mode admits them.
  // They can make this process take SIGBUS by truncating the file; only a memfd is safe from that.
  bool trust_others = false;
  // Take also a file that was in use when the power went, whose pages can be of different times.
  bool stale_too = false;
  // Of a collector, for the Contributor that is opened on the region then: of the lanes only its
  // own is mapped, and not before, so that it costs the same however many there are. All of them if
  // they are to be prefaulted or locked, or the pages have no file of their own. Other rings: as
  // ever.
  bool one_lane = false;
};

}  // namespace ringbell
