#include <ringbell/transport/memory/advice.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <span>
#include <system_error>

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringbell::memory {
namespace {

// Younger than the headers of some C libraries: MADV_POPULATE_READ, _WRITE (Linux 5.14) and
// MADV_COLLAPSE (6.1).
constexpr int kPopulateRead = 22;
constexpr int kPopulateWrite = 23;
constexpr int kCollapse = 25;

// What a kernel before 5.14 has no advice for. Space is reserved by now, and a peer may be storing:
// a write that changes nothing is atomic.
void touch_each_page(std::span<std::byte> pages, Access access) noexcept {
  const std::size_t step = small_page();
  for (std::size_t at = 0; at < pages.size(); at += step) {
    std::byte* const page = pages.data() + at;
    if (access == Access::read_only) {
      (void)*const_cast<const volatile std::byte*>(page);
    } else {
      __atomic_fetch_or(reinterpret_cast<unsigned char*>(page), 0, __ATOMIC_RELAXED);
    }
  }
}

// 0 or errno.
int touch(std::span<std::byte> pages, Access access, bool has_advice) noexcept {
  if (!has_advice) {
    touch_each_page(pages, access);
    return 0;
  }
  const int populate = access == Access::read_only ? kPopulateRead : kPopulateWrite;
  return ::madvise(pages.data(), pages.size(), populate) == 0 ? 0 : errno;
}

}  // namespace

void wish_huge_pages(const Mapping& mapping) noexcept {
  ::madvise(mapping.base(), mapping.bytes(), MADV_HUGEPAGE);
  ::madvise(mapping.base(), mapping.bytes(), kCollapse);
}

Result<void> prefault(const Mapping& mapping, Access access, const GiveUp& give_up) {
  const std::span all(mapping.base(), mapping.bytes());
  // Of no bytes: EINVAL is a kernel before 5.14, which does not know the advice.
  const bool has_advice = touch(all.first(0), access, true) == 0;
  for (std::size_t at = 0; at < all.size(); at += kPieceBytes) {
    if (Result<void> on = go_on(give_up); !on) return on;
    const std::size_t piece = std::min<std::size_t>(kPieceBytes, all.size() - at);
    errno = touch(all.subspan(at, piece), access, has_advice);
    if (errno == EINVAL) return {};  // pages of a driver that cannot be touched in advance
    if (errno != 0) {
      return fail_errno(fmt::format("touching {} bytes of the region failed", all.size()),
                        "ask for a smaller capacity, or raise the memory limit of this process or "
                        "its cgroup");
    }
  }
  return {};
}

void leave_out_of_core_dumps(const Mapping& mapping) noexcept {
  ::madvise(mapping.base(), mapping.bytes(), MADV_DONTDUMP);
}

// Never sleeps: there is no time to. The value does not matter.
Result<void> check_futexes(const Mapping& mapping) {
  const timespec no_time{};
  if (::syscall(SYS_futex, mapping.base(), FUTEX_WAIT, 0, &no_time, nullptr, 0) == 0 ||
      errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR) {
    return {};
  }
  return fail(
      ErrorCode::unsupported,
      fmt::format("no process can sleep on this memory (futex: {}); create the channel with "
                  "DoorbellKind::eventfd, or none",
                  std::generic_category().message(errno)));
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
