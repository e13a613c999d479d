#include <ringbell/transport/names/held_name.hpp>

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringbell {

HeldName::HeldName(NameFolder folder, std::string file, ino_t inode) noexcept
    : folder_(std::move(folder)), file_(std::move(file)), inode_(inode) {}

void HeldName::leave(ParticipantLock& part, int region_fd,
                     const std::function<bool()>& keep) noexcept {
  const Result<NameFolder::Lock> lock = folder_.lock_to_leave();
  if (!lock) return;
  part.drop();
  if (ParticipantLock::any_held(region_fd) || keep()) return;
  // A user may have removed the file by hand, and another process made a new one.
  struct stat status {};
  if (::fstatat(folder_.fd(), file_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_ino == inode_) {
    ::unlinkat(folder_.fd(), file_.c_str(), 0);
  }
}

}  // namespace ringbell
