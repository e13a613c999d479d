#include <ringbell/transport/memory/reserve.hpp>

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory {

namespace {

// Beyond this limit the kernel does not only refuse but sends SIGXFSZ, which ends the process.
Result<void> check_file_limit(std::uint64_t bytes, const std::string& what) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || bytes <= limit.rlim_cur) return {};
  return fail(ErrorCode::no_space,
              fmt::format("{} bytes of the {} are more than this process may write to a file ({}); "
                          "raise the limit (ulimit -f, LimitFSIZE=)",
                          bytes, what, limit.rlim_cur));
}

}  // namespace

Result<void> check_memory(std::uint64_t bytes) {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return {};
  const std::uint64_t all = (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
  if (bytes <= all) return {};
  return fail(
      ErrorCode::no_space,
      fmt::format("{} bytes are more than this machine has ({}); ask for a smaller capacity", bytes,
                  all));
}

Result<void> reserve(int fd, std::uint64_t bytes, const std::string& what,
                     const std::string& remedy) {
  if (Result<void> allowed = check_file_limit(bytes, what); !allowed) return allowed;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return fail_errno(fmt::format("giving the {} {} bytes failed", what, bytes), remedy);
  }
  int reserved = -1;
  do {
    reserved = ::fallocate(fd, 0, 0, static_cast<off_t>(bytes));
  } while (reserved != 0 && errno == EINTR);
  if (reserved == 0) return {};
  return fail_errno(fmt::format("reserving {} bytes of the {} failed", bytes, what), remedy);
}

std::string huge_page_remedy(std::uint64_t bytes) {
  return fmt::format("no huge pages free; reserve some with sysctl vm.nr_hugepages={}",
                     (bytes + kHugePage - 1) / kHugePage);
}

}  // namespace ringbell::memory
