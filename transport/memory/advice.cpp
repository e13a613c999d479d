#include <ringbell/transport/memory/advice.hpp>

#include <cerrno>
#include <cstddef>

#include <fmt/format.h>
#include <sys/mman.h>

namespace ringbell::memory {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, which is younger than the C library's headers
constexpr std::size_t kPage = 4096;

// What a kernel before 5.14 has no advice for. Space is reserved by now, and a peer may be storing:
// a write that changes nothing is atomic.
void touch_each_page(const Mapping& mapping, Access access) noexcept {
  for (std::size_t at = 0; at < mapping.bytes(); at += kPage) {
    std::byte* const page = mapping.base() + at;
    if (access == Access::read_only) {
      (void)*const_cast<const volatile std::byte*>(page);
    } else {
      __atomic_fetch_or(reinterpret_cast<unsigned char*>(page), 0, __ATOMIC_RELAXED);
    }
  }
}

}  // namespace

void wish_huge_pages(const Mapping& mapping) noexcept {
  ::madvise(mapping.base(), mapping.bytes(), MADV_HUGEPAGE);
  ::madvise(mapping.base(), mapping.bytes(), kCollapse);
}

Result<void> prefault(const Mapping& mapping, Access access) {
  const int populate = access == Access::read_only ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;
  // Of no bytes: EINVAL is a kernel before 5.14, which does not know the advice.
  if (::madvise(mapping.base(), 0, populate) != 0) {
    touch_each_page(mapping, access);
    return {};
  }
  // EINVAL: pages of a driver that cannot be touched in advance.
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
