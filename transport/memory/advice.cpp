#include <ringbell/transport/memory/advice.hpp>

#include <cerrno>

#include <fmt/format.h>
#include <sys/mman.h>

namespace ringbell::memory {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, which is younger than the C library's headers

}  // namespace

void wish_huge_pages(const Mapping& mapping) noexcept {
  ::madvise(mapping.base(), mapping.bytes(), MADV_HUGEPAGE);
  ::madvise(mapping.base(), mapping.bytes(), kCollapse);
}

Result<void> prefault(const Mapping& mapping, Access access) {
  const int populate = access == Access::read_only ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;
  // EINVAL: a kernel before 5.14, or pages of a driver that cannot be touched in advance.
  if (::madvise(mapping.base(), mapping.bytes(), populate) == 0 || errno == EINVAL) return {};
  return fail_errno(fmt::format("touching {} bytes of the region failed", mapping.bytes()),
                    "ask for a smaller capacity, or raise the memory limit of this process or its "
                    "cgroup");
}

Result<void> lock(const Mapping& mapping) {
  if (::mlock(mapping.base(), mapping.bytes()) == 0) return {};
  return fail_errno(fmt::format("locking {} bytes in memory failed", mapping.bytes()),
                    "raise the limit (ulimit -l, LimitMEMLOCK=) or grant CAP_IPC_LOCK");
}

Result<void> sync(const Mapping& mapping, std::uint64_t bytes) {
  if (::msync(mapping.base(), bytes, MS_SYNC) == 0) return {};
  return fail_errno(fmt::format("writing {} bytes to the disk (msync) failed", bytes));
}

}  // namespace ringbell::memory
