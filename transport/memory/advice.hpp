// What can be asked of pages that are mapped: to be there, to be large, to stay, to be on the disk.
#pragma once

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/mapping.hpp>
#include <ringbell/transport/memory/reserve.hpp>

namespace ringbell::memory {

// Asks for transparent huge pages, now (Linux 6.1) or as soon as the kernel comes round to it. A
// wish: the kernel may not have them, or not for this file system.
void wish_huge_pages(const Mapping& mapping) noexcept;

// Makes every page be there and this process's page table say so: no page fault later. Errors:
// no_space, cancelled, system.
[[nodiscard]] Result<void> prefault(const Mapping& mapping, Access access, const GiveUp& give_up);

// Core files of this process do not have it.
void leave_out_of_core_dumps(const Mapping& mapping) noexcept;

// That a process can sleep there until another one wakes it (futex). Some drivers' memory does not
// do for that. Errors: unsupported.
[[nodiscard]] Result<void> check_futexes(const Mapping& mapping);

// Keeps the pages in memory as long as they are mapped: they are never swapped out. Errors:
// permission, no_space.
[[nodiscard]] Result<void> lock(const Mapping& mapping);

// Returns when the first `bytes` of the mapping are on the disk, if that is where their file is.
// Errors: system.
[[nodiscard]] Result<void> sync(const Mapping& mapping, std::uint64_t bytes);

}  // namespace ringbell::memory
