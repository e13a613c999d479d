#include <ringbell/transport/liveness/participant_lock.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ringbell {
namespace {

// Behind all that can be participants.
constexpr std::uint32_t kFirstSeat = 1U << 20U;
// How often to look, at intervals, whether a place that is being mended is free again.
constexpr int kMendTries = 100;

void nap() noexcept {
  constexpr timespec kNap{.tv_sec = 0, .tv_nsec = 1'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &kNap, nullptr);
}

// Participants lock for writing. A lock for reading is at odds with theirs only: with such a one
// others ask, and a mender keeps a place from being taken without being seen.
struct flock bytes_of(std::uint32_t first, std::uint32_t end, int type = F_RDLCK) noexcept {
  struct flock range {};
  range.l_type = static_cast<short>(type);
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(first);
  range.l_len = static_cast<off_t>(end - first);
  return range;
}
struct flock byte_of(std::uint32_t number, int type = F_RDLCK) noexcept {
  return bytes_of(number, number + 1, type);
}

Result<FileDescriptor> reopen(int region_fd) {
  const std::string path = fmt::format("/proc/self/fd/{}", region_fd);
  FileDescriptor file = FileDescriptor::make_private(
      [&] { return FileDescriptor{::open(path.c_str(), O_RDWR | O_CLOEXEC)}; });
  if (file) return file;
  return fail_errno(fmt::format("reopening the region ({}) failed", path),
                    errno == ENOENT ? "a role is taken through /proc: mount it, or open the ends "
                                      "before the sandbox closes"
                                    : "");
}

// By another open file description than that of `fd`.
bool is_locked(int fd, struct flock range) noexcept {
  return ::fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

// How many bytes of `first` to `end - 1` are locked. The kernel names any one lock among them, and
// the rest of the range lies on both sides of it.
std::uint32_t count_held(int fd, std::uint32_t first, std::uint32_t end) noexcept {
  std::uint32_t held = 0;
  while (first < end) {
    struct flock found = bytes_of(first, end);
    if (::fcntl(fd, F_OFD_GETLK, &found) != 0 || found.l_type == F_UNLCK) return held;
    // A lock of another process may have any length; 0: without end.
    const auto start = static_cast<std::uint32_t>(std::clamp<off_t>(found.l_start, first, end - 1));
    const off_t behind = found.l_len == 0 ? end : found.l_start + found.l_len;
    const auto stop = static_cast<std::uint32_t>(std::clamp<off_t>(behind, start + 1, end));
    held += stop - start;
    // The smaller side first: so this calls itself at most as often as the range has bits.
    if (start - first < end - stop) {
      held += count_held(fd, first, start);
      first = stop;
    } else {
      held += count_held(fd, stop, end);
      end = start;
    }
  }
  return held;
}

// From where to look for a free number: another place for each descriptor of this process, so that
// its many ends do not try each other's first, and far from those of the next process.
std::uint32_t start_for(int fd) noexcept {
  constexpr std::uint32_t kScatter = 2'654'435'761;  // odd, and no neighbour of 0 in any count
  return static_cast<std::uint32_t>(::getpid()) * kScatter + static_cast<std::uint32_t>(fd);
}

// False: another participant holds it, or it is being mended.
Result<bool> lock(int fd, std::uint32_t number, std::string_view role, int type = F_WRLCK) {
  struct flock range = byte_of(number, type);
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return fail_errno(fmt::format("locking the {}'s role failed", role));
}

}  // namespace

ParticipantLock::ParticipantLock(FileDescriptor file, std::uint32_t number) noexcept
    : file_(std::move(file)), number_(number) {}

Result<ParticipantLock> ParticipantLock::take(int region_fd, std::uint32_t number,
                                              std::string_view role, std::uint32_t pid) {
  Result<FileDescriptor> file = reopen(region_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  const Result<bool> mine = lock(file->get(), number, role);
  if (!mine) return tl::unexpected(mine.error());
  if (!*mine) {
    return fail(ErrorCode::busy,
                fmt::format("this ring has a living {} already, pid {}; it takes one at a time",
                            role, pid));
  }
  return ParticipantLock(std::move(*file), number);
}

Result<ParticipantLock> ParticipantLock::take_any(int region_fd, std::uint32_t first,
                                                  std::uint32_t end, std::string_view role,
                                                  const Told& is_taken) {
  assert(first < end);
  Result<FileDescriptor> file = reopen(region_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  const std::uint32_t count = end - first;
  const std::uint32_t start = start_for(file->get()) % count;
  std::uint32_t number = end;
  const auto try_all_but = [&](const Told& is_out) -> Result<bool> {
    for (std::uint32_t i = 0; i < count; ++i) {
      number = first + (start + i) % count;
      if (is_out && is_out(number)) continue;
      Result<bool> mine = lock(file->get(), number, role);
      if (!mine || *mine) return mine;
    }
    return false;
  };
  Result<bool> mine = try_all_but(is_taken);
  // Those of which it was told wrongly; what is being mended is free in a moment.
  for (int tries = 0; tries < kMendTries && mine && !*mine; ++tries) {
    bool is_mended = false;
    mine = try_all_but([&](std::uint32_t each) {
      const bool held = is_held(file->get(), each);
      is_mended = is_mended || !held;
      return held;
    });
    if (!is_mended) break;
    if (mine && !*mine) nap();
  }
  if (!mine) return tl::unexpected(std::move(mine.error()));
  if (*mine) return ParticipantLock(std::move(*file), number);
  return fail(ErrorCode::no_place,
              fmt::format("all {} places for a {} are taken by living processes", count, role));
}

Result<ParticipantLock> ParticipantLock::take_to_mend(int region_fd, std::uint32_t number) {
  Result<FileDescriptor> file = reopen(region_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  const Result<bool> mine = lock(file->get(), number, "mender", F_RDLCK);
  if (!mine) return tl::unexpected(mine.error());
  if (!*mine) return fail(ErrorCode::busy, "a living participant has this place");
  return ParticipantLock(std::move(*file), number);
}

bool ParticipantLock::is_held(int region_fd, std::uint32_t number) noexcept {
  return is_locked(region_fd, byte_of(number));
}

bool ParticipantLock::any_held(int region_fd) noexcept {
  return is_locked(region_fd, bytes_of(0, kFirstSeat));
}

Result<ParticipantLock> ParticipantLock::take_seat(int region_fd, std::string_view role,
                                                   std::uint32_t count) {
  assert(count <= kSeats);
  return take_any(region_fd, kFirstSeat, kFirstSeat + count, role);
}

std::uint32_t ParticipantLock::seat() const noexcept { return number_ - kFirstSeat; }

std::uint32_t ParticipantLock::seats_held(int region_fd) noexcept {
  return count_held(region_fd, kFirstSeat, kFirstSeat + kSeats);
}

void ParticipantLock::drop() noexcept {
  struct flock range = byte_of(number_);
  range.l_type = F_UNLCK;
  ::fcntl(file_.get(), F_OFD_SETLK, &range);
}

}  // namespace ringbell
