#include <ringbell/transport/names/held_name.hpp>

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/names/generations.hpp>

namespace ringbell {

HeldName::HeldName(NameFolder folder, std::string name, ino_t inode) noexcept
    : folder_(std::move(folder)),
      name_(std::move(name)),
      newest_(generations::newest_file(name_)),
      inode_(inode) {}

// A user may have removed the file by hand, and another process made a new one.
HeldName::Stands HeldName::what_is(const std::string& file) const noexcept {
  struct stat status {};
  if (::fstatat(folder_.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    return status.st_ino == inode_ ? Stands::this_one : Stands::another;
  }
  return errno == ENOENT ? Stands::none : Stands::unknown;
}

// Empty: it was not set aside. Nothing: it cannot be known.
std::optional<std::string> HeldName::past_file() const noexcept {
  try {
    const Result<std::vector<generations::Past>> all = generations::past_of(folder_, name_);
    if (!all) return std::nullopt;
    for (const generations::Past& past : *all) {
      if (is_file(past.file())) return past.file();
    }
    return std::string();
  } catch (const std::bad_alloc&) {  // names::remove_dead() finds it
    return std::nullopt;
  }
}

void HeldName::show_in(Region& region) const noexcept {
  FileDescriptor file{
      ::openat(folder_.fd(), newest_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || status.st_ino != inode_) return;
  region.use_file(std::move(file));
}

bool HeldName::is_past() const noexcept {
  return !is_file(newest_) && !past_file().value_or(std::string()).empty();
}

bool HeldName::is_lost() const noexcept {
  switch (what_is(newest_)) {
    case Stands::this_one:
      return folder_.is_replaced();
    case Stands::another:
    case Stands::none: {
      const std::optional<std::string> past = past_file();
      return past && past->empty();
    }
    case Stands::unknown:
      return false;
  }
  return false;
}

void HeldName::leave(ParticipantLock& part, int region_fd,
                     const std::function<bool()>& keep) noexcept {
  try {
    const Result<NameFolder::Lock> lock = folder_.lock_to_leave();
    if (!lock) return;
    part.drop();
    if (ParticipantLock::any_held(region_fd) || keep()) return;
    if (is_file(newest_)) {
      ::unlinkat(folder_.fd(), newest_.c_str(), 0);
    } else if (const auto past = past_file(); past && !past->empty()) {
      ::unlinkat(folder_.fd(), past->c_str(), 0);
    }
  } catch (const std::bad_alloc&) {  // no lock, and no memory for the Error that says so
  }
}

}  // namespace ringbell
