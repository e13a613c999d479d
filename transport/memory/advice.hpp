// What can be asked of pages that are mapped: to be there, to be large, to stay, to be on the disk.
#pragma once

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory {

// Asks for transparent huge pages, now (Linux 6.1) or as soon as the kernel comes round to it. A
// wish: the kernel may not have them, or not for this file system.
void wish_huge_pages(const Mapping& mapping) noexcept;

// Makes every page be there and this process's page table say so: no page fault later. Before
// Linux 5.14 nothing happens. Errors: no_space, system.
[[nodiscard]] Result<void> prefault(const Mapping& mapping, Access access);

// Keeps the pages in memory as long as they are mapped: they are never swapped out. Errors:
// permission, no_space.
[[nodiscard]] Result<void> lock(const Mapping& mapping);

// Returns when the first `bytes` of the mapping are on the disk, if that is where their file is.
// Errors: system.
[[nodiscard]] Result<void> sync(const Mapping& mapping, std::uint64_t bytes);

}  // namespace ringbell::memory
