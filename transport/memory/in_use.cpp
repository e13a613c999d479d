#include <ringbell/transport/memory/in_use.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace ringbell::memory {
namespace {

// A line such as "Rss:                4104 kB".
void add_line(const std::string& line, MemoryInUse& sum) {
  char name[32] = {};
  unsigned long long kibibytes = 0;
  if (std::sscanf(line.c_str(), "%31[^:]: %llu kB", name, &kibibytes) != 2) return;
  const std::uint64_t bytes = kibibytes * 1024;
  const std::string_view field = name;
  if (field == "KernelPageSize") sum.page_bytes = std::max(sum.page_bytes, bytes);
  if (field == "Swap") sum.swapped_bytes += bytes;
  // Hugetlb pages are not part of Rss.
  const bool hugetlb = field == "Shared_Hugetlb" || field == "Private_Hugetlb";
  if (field == "Rss" || hugetlb) sum.resident_bytes += bytes;
  if (hugetlb || field == "ShmemPmdMapped" || field == "FilePmdMapped") sum.huge_bytes += bytes;
}

}  // namespace

Result<MemoryInUse> in_use(const Mapping& mapping) {
  std::ifstream smaps("/proc/self/smaps");
  if (!smaps) {
    errno = ENOENT;
    return fail_errno("reading /proc/self/smaps failed", "mount /proc");
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.base());
  MemoryInUse sum;
  std::string line;
  bool inside = false;
  std::uint64_t bytes = 0;
  while (std::getline(smaps, line)) {
    unsigned long long from = 0;
    unsigned long long to = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &from, &to) == 2) {
      inside = from >= begin && to <= begin + mapping.bytes();
      bytes = to - from;
    } else if (inside && line.starts_with("VmFlags:")) {
      // Not the field Locked: that divides among all mappings of a page, and this maps some twice.
      if (line.find(" lo") != std::string::npos) sum.locked_bytes += bytes;
    } else if (inside) {
      add_line(line, sum);
    }
  }
  return sum;
}

}  // namespace ringbell::memory
