// What memory a mapping really got: the kernel's own account of it, from /proc/self/smaps.
#pragma once

#include <cstdint>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell {

// In bytes. Pages that are mapped twice count twice; so `resident_bytes` of a region that is all
// there is mapped_bytes().
struct MemoryInUse {
  std::uint64_t page_bytes = 0;      // of the mapping: the machine's, or 2 MiB of hugetlb
  std::uint64_t resident_bytes = 0;  // in this process's page table
  std::uint64_t huge_bytes = 0;      // of these: in huge pages, hugetlb or transparent
  std::uint64_t swapped_bytes = 0;
  std::uint64_t locked_bytes = 0;
};

namespace memory {

// Errors: system, if /proc is not to be had.
[[nodiscard]] Result<MemoryInUse> in_use(const Mapping& mapping);

}  // namespace memory
}  // namespace ringbell
