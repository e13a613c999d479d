#include <ringbell/transport/memory/reserve.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <ringbell/transport/memory/container.hpp>
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

// For where a filter refuses fallocate(), or a file system does not have it: zeros, written to the
// pages of a file that has none.
Result<void> write_zeros(int fd, std::uint64_t bytes, const GiveUp& give_up) {
  static constexpr std::array<std::byte, 8UL * 1024> kZeros{};
  for (std::uint64_t at = 0; at < bytes;) {
    if (at % kPieceBytes == 0) {
      if (Result<void> on = go_on(give_up); !on) return on;
    }
    const ssize_t put =
        ::pwrite(fd, kZeros.data(), std::min<std::uint64_t>(kZeros.size(), bytes - at),
                 static_cast<off_t>(at));
    if (put < 0 && errno != EINTR) return fail_errno("");
    if (put > 0) at += static_cast<std::uint64_t>(put);
  }
  return {};
}

// A signal takes back what a call has reserved so far, so the next try is for half of it.
Result<void> reserve_pages(int fd, std::uint64_t bytes, const GiveUp& give_up) {
  constexpr int kMostInterrupted = 100;
  std::uint64_t piece = kPieceBytes;
  for (std::uint64_t at = 0; at < bytes;) {
    int interrupted = 0;
    for (;;) {
      if (Result<void> on = go_on(give_up); !on) return on;
      piece = std::min(piece, bytes - at);
      if (::fallocate(fd, 0, static_cast<off_t>(at), static_cast<off_t>(piece)) == 0) break;
      if (errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP) {
        return write_zeros(fd, bytes, give_up);
      }
      if (errno != EINTR || ++interrupted == kMostInterrupted) return fail_errno("");
      piece = std::max<std::uint64_t>(piece / 2 / kHugePage * kHugePage, kHugePage);
    }
    at += piece;
    piece = std::min(piece * 2, kPieceBytes);
  }
  return {};
}

}  // namespace

Result<void> go_on(const GiveUp& give_up) {
  if (!give_up || !give_up()) return {};
  return fail(ErrorCode::cancelled, "taking memory was given up (MemoryOptions::give_up)");
}

Result<void> check_memory(std::uint64_t bytes) {
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) {
    const std::uint64_t all = (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
    if (bytes > all) {
      return fail(ErrorCode::no_space,
                  fmt::format("{} bytes are more than this machine has ({}); ask for a smaller "
                              "capacity",
                              bytes, all));
    }
  }
  // Reading the limits costs more than making a region this small, which fills no container.
  constexpr std::uint64_t kNotAsked = 1U << 20U;
  if (bytes <= kNotAsked) return {};
  const std::optional<container::Room> room = container::least_room();
  if (!room || bytes <= room->bytes) return {};
  return fail(ErrorCode::no_space,
              fmt::format("{} bytes are more than this container's memory limit leaves: {} of {} "
                          "({}); ask for a smaller capacity, or raise the limit",
                          bytes, room->bytes, room->limit_bytes, room->file));
}

Result<void> reserve(int fd, std::uint64_t bytes, const std::string& what,
                     const std::string& remedy, const GiveUp& give_up) {
  if (Result<void> allowed = check_file_limit(bytes, what); !allowed) return allowed;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return fail_errno(fmt::format("giving the {} {} bytes failed", what, bytes), remedy);
  }
  const Result<void> reserved = reserve_pages(fd, bytes, give_up);
  if (reserved || reserved.error().code == ErrorCode::cancelled) return reserved;
  errno = reserved.error().errno_value;
  return fail_errno(fmt::format("reserving {} bytes of the {} failed", bytes, what),
                    errno == EINTR ? "signals come faster than pages can be taken" : remedy);
}

void give_back(int fd, std::uint64_t bytes) noexcept {
  ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
}

std::string huge_page_remedy(std::uint64_t bytes) {
  return fmt::format("no huge pages free; reserve some with sysctl vm.nr_hugepages={}",
                     (bytes + kHugePage - 1) / kHugePage);
}

}  // namespace ringbell::memory
