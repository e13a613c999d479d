#include <ringbell/transport/liveness/participant_lock.hpp>

#include <cassert>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ringbell {
namespace {

struct flock byte_of(std::uint32_t number) noexcept {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(number);
  range.l_len = 1;
  return range;
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

// False: another participant holds it.
Result<bool> lock(int fd, std::uint32_t number, std::string_view role) {
  struct flock range = byte_of(number);
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return fail_errno(fmt::format("locking the {}'s role failed", role));
}

tl::unexpected<Error> fail_taken(std::string_view role, std::uint32_t places) {
  if (places == 1) {
    return fail(ErrorCode::busy,
                fmt::format("this ring has a living {} already; it takes one at a time", role));
  }
  return fail(ErrorCode::busy,
              fmt::format("all {} places for a {} are taken by living processes", places, role));
}

}  // namespace

ParticipantLock::ParticipantLock(FileDescriptor file, std::uint32_t number) noexcept
    : file_(std::move(file)), number_(number) {}

Result<ParticipantLock> ParticipantLock::take(int region_fd, std::uint32_t number,
                                              std::string_view role) {
  Result<FileDescriptor> file = reopen(region_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  const Result<bool> mine = lock(file->get(), number, role);
  if (!mine) return tl::unexpected(mine.error());
  if (!*mine) return fail_taken(role, 1);
  return ParticipantLock(std::move(*file), number);
}

Result<ParticipantLock> ParticipantLock::take_any(int region_fd, std::uint32_t first,
                                                  std::uint32_t end, std::string_view role) {
  assert(first < end);
  Result<FileDescriptor> file = reopen(region_fd);
  if (!file) return tl::unexpected(std::move(file.error()));
  const std::uint32_t count = end - first;
  const auto start = static_cast<std::uint32_t>(::getpid()) % count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t number = first + (start + i) % count;
    const Result<bool> mine = lock(file->get(), number, role);
    if (!mine) return tl::unexpected(mine.error());
    if (*mine) return ParticipantLock(std::move(*file), number);
  }
  return fail_taken(role, count);
}

bool ParticipantLock::is_held(int region_fd, std::uint32_t number) noexcept {
  return is_locked(region_fd, byte_of(number));
}

bool ParticipantLock::any_held(int region_fd) noexcept {
  struct flock all = byte_of(0);
  all.l_len = 0;  // to the end of all files
  return is_locked(region_fd, all);
}

void ParticipantLock::drop() noexcept {
  struct flock range = byte_of(number_);
  range.l_type = F_UNLCK;
  ::fcntl(file_.get(), F_OFD_SETLK, &range);
}

}  // namespace ringbell
