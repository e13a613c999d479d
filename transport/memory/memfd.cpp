#include <ringbell/transport/memory/memfd.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::memfd {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

constexpr unsigned kNoExecSeal = 8;  // MFD_NOEXEC_SEAL, younger than the C library's headers

// No process can run what stands in it. Before Linux 6.3 there is no such flag: EINVAL.
Result<FileDescriptor> create_empty(unsigned flags, const std::string& remedy) {
  const auto make = [&](unsigned more) {
    return FileDescriptor{
        ::memfd_create("ringbell", flags | more | MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  };
  FileDescriptor file = make(kNoExecSeal);
  if (!file && errno == EINVAL) file = make(0);
  if (file) return file;
  const bool refused = errno == EPERM || errno == EACCES || errno == ENOSYS;
  return fail_errno("memfd_create failed",
                    refused ? "a filter (seccomp) may have refused it: let it through, or take "
                              "memory that has a name (Backing::posix_shm or file)"
                            : remedy);
}

Result<void> add_seals(int fd, int seals) {
  if (::fcntl(fd, F_ADD_SEALS, seals) != 0) return fail_errno("sealing the memfd failed");
  return {};
}

}  // namespace

Result<FileDescriptor> create(std::uint64_t bytes, std::uint32_t page_bytes,
                              const GiveUp& give_up) {
  const bool huge = page_bytes == kHugePage;
  if (!huge) {
    const Result<void> enough = check_memory(bytes);
    if (!enough) return tl::unexpected(enough.error());
  }
  const std::string remedy =
      huge ? huge_page_remedy(bytes)
           : "ask for a smaller capacity, or raise the memory limit of this process or its cgroup";
  Result<FileDescriptor> file =
      create_empty(huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0U, huge ? remedy : "");
  if (!file) return file;
  const Result<void> reserved =
      reserve(file->get(), bytes, huge ? "memfd of huge pages" : "memfd", remedy, give_up);
  if (!reserved) return tl::unexpected(reserved.error());
  return file;
}

Result<FileDescriptor> create_card(const core::RegionHeader& header) {
  Result<FileDescriptor> file = create_empty(0, "");
  if (!file) return file;
  if (::pwrite(file->get(), &header, sizeof header, 0) != ssize_t{sizeof header}) {
    return fail_errno("writing the card of a region failed");
  }
  const Result<void> sealed = add_seals(file->get(), kSeals | F_SEAL_WRITE);
  if (!sealed) return tl::unexpected(sealed.error());
  return file;
}

Result<void> seal(int fd, Writers writers) {
  return add_seals(fd, writers == Writers::mapped_now ? kSeals | F_SEAL_FUTURE_WRITE : kSeals);
}

bool is_sealed(int fd) noexcept {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

}  // namespace ringbell::memory::memfd
