#include <ringbell/transport/role_lock.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

namespace ringbell {
namespace {

struct flock byte_of(Role role, short type) noexcept {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(role);
  range.l_len = 1;
  return range;
}

}  // namespace

RoleLock::RoleLock(FileDescriptor file) noexcept : file_(std::move(file)) {}

Result<RoleLock> RoleLock::take(int region_fd, Role role) {
  const char* const name = role == Role::writer ? "writer" : "reader";
  const std::string path = fmt::format("/proc/self/fd/{}", region_fd);
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  if (!file) return fail_errno(fmt::format("reopening the region ({}) failed", path));
  struct flock range = byte_of(role, F_WRLCK);
  if (::fcntl(file.get(), F_OFD_SETLK, &range) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return fail_errno(fmt::format("locking the {}'s role failed", name));
    }
    return fail(ErrorCode::busy,
                fmt::format("this channel has a living {} already; it takes one at a time", name));
  }
  return RoleLock(std::move(file));
}

bool RoleLock::is_held(Role role) const noexcept {
  struct flock range = byte_of(role, F_WRLCK);
  return ::fcntl(file_.get(), F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

}  // namespace ringbell
