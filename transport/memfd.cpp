#include <ringbell/transport/memfd.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace ringbell::memfd {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::uint64_t kHugePageBytes = 2UL * 1024 * 1024;

// Reserving more would not fail: the kernel would kill processes to find the pages.
std::uint64_t memory_of_machine() noexcept {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return UINT64_MAX;
  return (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
}

std::string remedy_for(std::uint64_t bytes, PageSize pages) {
  if (pages == PageSize::huge) {
    return fmt::format("no huge pages free; reserve some with sysctl vm.nr_hugepages={}",
                       (bytes + kHugePageBytes - 1) / kHugePageBytes);
  }
  return "ask for a smaller capacity, or raise the memory limit of this process or its cgroup";
}

}  // namespace

Result<FileDescriptor> create(std::uint64_t bytes, PageSize pages) {
  const bool huge = pages == PageSize::huge;
  if (!huge && bytes > memory_of_machine()) {
    return fail(ErrorCode::no_space, fmt::format("{} bytes are more than this machine has; {}",
                                                 bytes, remedy_for(bytes, pages)));
  }
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0U);
  const std::string what = huge ? "memfd_create(MFD_HUGETLB)" : "memfd_create";
  FileDescriptor file{::memfd_create("ringbell", flags)};
  if (!file) return fail_errno(what + " failed", huge ? remedy_for(bytes, pages) : std::string{});
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    return fail_errno(fmt::format("giving the {} {} bytes failed", what, bytes),
                      remedy_for(bytes, pages));
  }
  int reserved = -1;
  do {
    reserved = ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes));
  } while (reserved != 0 && errno == EINTR);
  if (reserved != 0) {
    return fail_errno(fmt::format("reserving {} bytes of {} failed", bytes, what),
                      remedy_for(bytes, pages));
  }
  return file;
}

Result<void> seal(int fd, Writers writers) {
  const int more = writers == Writers::mapped_now ? F_SEAL_FUTURE_WRITE : 0;
  if (::fcntl(fd, F_ADD_SEALS, kSeals | more) != 0) return fail_errno("sealing the memfd failed");
  return {};
}

Result<void> check_seals(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 && errno == EBADF) return fail_errno(fmt::format("descriptor {} is not open", fd));
  if (seals < 0) {
    return fail(ErrorCode::not_a_region,
                fmt::format("descriptor {} is not a ringbell region: it is no memfd", fd));
  }
  if ((seals & kSeals) != kSeals) {
    return fail(ErrorCode::not_a_region,
                "not a safe region: its size is not sealed, its owner could take pages away");
  }
  return {};
}

}  // namespace ringbell::memfd
