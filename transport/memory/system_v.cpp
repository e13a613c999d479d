#include <ringbell/transport/memory/system_v.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <ringbell/transport/memory/owner.hpp>

namespace ringbell::memory::system_v {
namespace {

constexpr int kHugePageFlags = SHM_HUGETLB | static_cast<int>(MFD_HUGE_2MB);

// shmget answers with numbers that say something else elsewhere.
tl::unexpected<Error> fail_create(std::uint64_t bytes, bool huge) {
  const std::string what =
      fmt::format("shmget({} bytes{}) failed", bytes, huge ? ", SHM_HUGETLB" : "");
  const int errno_value = errno;
  switch (errno_value) {
    case EINVAL:
      return tl::unexpected<Error>(
          Error{ErrorCode::no_space, errno_value,
                what + ": larger than a segment may be; raise kernel.shmmax, or use a memfd"});
    case ENOSPC:
      return fail_errno(what,
                        "as many segments (kernel.shmmni) or pages (kernel.shmall) as the "
                        "system allows are in use: see ipcs -m -u");
    case ENOMEM:
      if (huge) {
        return fail_errno(
            what, fmt::format("no huge pages free; reserve some with sysctl vm.nr_hugepages={}",
                              (bytes + kHugePage - 1) / kHugePage));
      }
      return fail_errno(what, "ask for a smaller capacity, or raise the memory limit");
    case EPERM:
      return fail_errno(what,
                        "grant CAP_IPC_LOCK, or put a group of this user into "
                        "vm.hugetlb_shm_group");
    default:
      return fail_errno(what);
  }
}

Result<shmid_ds> status_of(int segment) {
  shmid_ds status{};
  if (::shmctl(segment, IPC_STAT, &status) == 0) return status;
  const bool gone = errno == EINVAL || errno == EIDRM;
  return fail_errno(fmt::format("asking for System V segment {} failed", segment),
                    gone ? "its last process has gone, or it is of another IPC namespace" : "");
}

tl::unexpected<Error> fail_attach(int segment) {
  return fail_errno(fmt::format("attaching System V segment {} failed", segment),
                    errno == EACCES ? "its mode does not let this user do that" : "");
}

}  // namespace

Result<int> create(std::uint64_t bytes, std::uint32_t page_bytes, mode_t mode) {
  const bool huge = page_bytes == kHugePage;
  const int flags = IPC_CREAT | static_cast<int>(mode & 0777U) | (huge ? kHugePageFlags : 0);
  const int segment = ::shmget(IPC_PRIVATE, bytes, flags);
  if (segment < 0) return fail_create(bytes, huge);
  return segment;
}

void remove(int segment) noexcept { ::shmctl(segment, IPC_RMID, nullptr); }

Result<void> check(int segment, std::uint64_t bytes, bool trust_others) {
  const Result<shmid_ds> status = status_of(segment);
  if (!status) return tl::unexpected(status.error());
  if (status->shm_segsz != bytes) {
    return fail(ErrorCode::not_a_region, fmt::format("System V segment {} has {} bytes and not {}",
                                                     segment, status->shm_segsz, bytes));
  }
  return check_owner(fmt::format("System V segment {}", segment), status->shm_perm.uid,
                     status->shm_perm.mode, trust_others);
}

Result<void> place(const Mapping& at, const Images& images, int segment, Access access) {
  Result<void> result;
  const int flags = SHM_REMAP | (access == Access::read_only ? SHM_RDONLY : 0);
  const auto place_piece = [&](std::uint64_t where, std::uint64_t bytes, std::uint64_t offset) {
    Result<Mapping> whole = Mapping::reserve(images.region_bytes, kHugePage);
    if (!whole) {
      result = tl::unexpected(whole.error());
    } else if (::shmat(segment, whole->base(), flags) != whole->base()) {
      result = fail_attach(segment);
    } else if (::mremap(whole->base() + offset, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                        at.base() + where) == MAP_FAILED) {
      result = fail_errno("moving an attachment of a System V segment (mremap) failed");
    } else {
      std::move(*whole).let_go_around(offset, bytes);
    }
    return result.has_value();
  };
  return for_each_piece(images, place_piece) ? Result<void>{} : result;
}

}  // namespace ringbell::memory::system_v
