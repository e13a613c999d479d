#include <ringbell/transport/names/name_search.hpp>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/memory/file.hpp>

namespace ringbell {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kFirstNap{100};
constexpr std::chrono::microseconds kLongestNap{10000};

// Nothing: the name is not in use.
Result<std::optional<FileDescriptor>> look_up(const NameFolder& folder, const std::string& file) {
  FileDescriptor found{
      ::openat(folder.fd(), file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  if (!found && errno == ENOENT) return std::nullopt;
  if (!found) {
    return fail_errno(fmt::format("opening {}/{} failed", folder.path(), file),
                      "it is in the way of a name; remove it");
  }
  return std::optional(std::move(found));
}

Result<ino_t> inode_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno("looking at a region's file failed");
  return status.st_ino;
}

Result<void> unlink(const NameFolder& folder, const std::string& file) {
  if (::unlinkat(folder.fd(), file.c_str(), 0) == 0 || errno == ENOENT) return {};
  return fail_errno(fmt::format("removing {}/{} failed", folder.path(), file));
}

}  // namespace

NameSearch::NameSearch(NameFolder folder, std::string name, SteadyTime deadline)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      file_(name_ + ".ring"),
      deadline_(deadline),
      next_nap_(kFirstNap) {}

Result<NameSearch> NameSearch::begin(std::string_view name, SteadyTime deadline) {
  if (Result<void> checked = check_name(name); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<NameFolder> folder = NameFolder::open();
  if (!folder) return tl::unexpected(std::move(folder.error()));
  return NameSearch(std::move(*folder), std::string(name), deadline);
}

Result<void> NameSearch::lock() {
  if (lock_) return {};
  Result<NameFolder::Lock> lock = folder_.lock();
  if (!lock) return tl::unexpected(std::move(lock.error()));
  lock_.emplace(std::move(*lock));
  return {};
}

// The lock is taken only when there is something: those that wait for a name hold no other up.
Result<std::optional<FileDescriptor>> NameSearch::look() {
  Result<std::optional<FileDescriptor>> file = look_up(folder_, file_);
  if (file && *file) {
    if (Result<void> locked = lock(); !locked) return tl::unexpected(std::move(locked.error()));
    file = look_up(folder_, file_);
  }
  if (!file) return file;
  found_ = file->has_value();
  if (!found_) return file;
  const Result<ino_t> inode = inode_of((*file)->get());
  if (!inode) return tl::unexpected(inode.error());
  inode_ = *inode;
  return file;
}

bool NameSearch::wait() {
  let_go();
  const Clock::duration left = deadline_ - Clock::now();
  if (left <= left.zero()) return false;
  std::this_thread::sleep_for(std::min<Clock::duration>(next_nap_, left));
  next_nap_ = std::min(next_nap_ * 2, kLongestNap);
  return true;
}

Result<bool> NameSearch::give_name(int fd) {
  if (Result<void> locked = lock(); !locked) return tl::unexpected(std::move(locked.error()));
  if (found_) {
    if (Result<void> gone = unlink(folder_, file_); !gone) {
      return tl::unexpected(std::move(gone.error()));
    }
  }
  const Result<bool> linked = memory::file::link(fd, folder_.fd(), file_);
  if (!linked) return linked;
  const Result<ino_t> inode = inode_of(fd);
  if (!inode) return tl::unexpected(inode.error());
  inode_ = *inode;
  if (!*linked) let_go();
  return linked;
}

HeldName NameSearch::hold() && {
  let_go();
  return {std::move(folder_), std::move(file_), inode_};
}

tl::unexpected<Error> NameSearch::fail_not_found() const {
  return fail(ErrorCode::not_found,
              fmt::format("no process uses the name '{}' in {}{}", name_, folder_.path(),
                          found_ ? ", only the file of a process that is gone" : ""));
}

tl::unexpected<Error> NameSearch::fail_not_let_go() const {
  return fail(ErrorCode::busy,
              fmt::format("the name '{}' is in use by a process that has closed it "
                          "but does not let go",
                          name_));
}

}  // namespace ringbell
