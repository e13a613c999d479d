#include <ringbell/transport/names/held_name.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/memory/file.hpp>

namespace ringbell {
namespace {

using Clock = std::chrono::steady_clock;
using Joined = HeldName::Joined;

constexpr std::chrono::microseconds kFirstNap{100};
constexpr std::chrono::microseconds kLongestNap{10000};
// A participant that is about to leave needs the folder's lock once more.
constexpr std::chrono::seconds kLongestGoodbye{2};

std::string file_of(std::string_view name) { return fmt::format("{}.ring", name); }

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

struct Found {
  Joined joined;
  ino_t inode;
};

// Nothing: the name is not in use. REQUIRES: the folder's lock is held.
Result<std::optional<Found>> try_to_join(const NameFolder& folder, const std::string& file,
                                         const HeldName::Join& join) {
  Result<std::optional<FileDescriptor>> found = look_up(folder, file);
  if (!found) return tl::unexpected(std::move(found.error()));
  if (!*found) return std::nullopt;
  const Result<ino_t> inode = inode_of((*found)->get());
  if (!inode) return tl::unexpected(inode.error());
  const Result<Joined> joined = join(std::move(**found));
  if (!joined) return tl::unexpected(joined.error());
  return Found{*joined, *inode};
}

Result<NameFolder> open_folder_for(std::string_view name) {
  if (Result<void> checked = check_name(name); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  return NameFolder::open();
}

void nap(std::chrono::microseconds& length, Clock::time_point deadline) {
  const Clock::duration left = deadline - Clock::now();
  std::this_thread::sleep_for(std::min<Clock::duration>(length, left));
  length = std::min(length * 2, kLongestNap);
}

}  // namespace

HeldName::HeldName(NameFolder folder, std::string file, ino_t inode) noexcept
    : folder_(std::move(folder)), file_(std::move(file)), inode_(inode) {}

// What takes long, making the memory, happens outside of the lock.
Result<HeldName> HeldName::create(std::string_view name, const Join& join, const Make& make) {
  Result<NameFolder> folder = open_folder_for(name);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  const std::string file = file_of(name);
  const Clock::time_point deadline = Clock::now() + kLongestGoodbye;
  std::chrono::microseconds next_nap = kFirstNap;
  std::optional<int> made;
  for (;;) {
    bool wait = false;
    {
      const Result<NameFolder::Lock> lock = folder->lock();
      if (!lock) return tl::unexpected(lock.error());
      const Result<std::optional<Found>> found = try_to_join(*folder, file, join);
      if (!found) return tl::unexpected(found.error());
      if (*found && (*found)->joined == Joined::yes) {
        return HeldName(std::move(*folder), file, (*found)->inode);
      }
      wait = *found && (*found)->joined == Joined::later;
      if (!wait && made) {
        const Result<void> gone = *found ? unlink(*folder, file) : Result<void>{};
        if (!gone) return tl::unexpected(gone.error());
        const Result<bool> linked = memory::file::link(*made, folder->fd(), file);
        if (!linked) return tl::unexpected(linked.error());
        const Result<ino_t> inode = inode_of(*made);
        if (!inode) return tl::unexpected(inode.error());
        if (*linked) return HeldName(std::move(*folder), file, *inode);
      }
    }
    if (wait) {
      if (Clock::now() >= deadline) {
        return fail(ErrorCode::busy, fmt::format("the name '{}' is in use by a process that "
                                                 "has closed it but does not let go",
                                                 name));
      }
      nap(next_nap, deadline);
    } else if (!made) {
      const Result<int> fd = make(folder->path() + "/");
      if (!fd) return tl::unexpected(fd.error());
      made = *fd;
    }
  }
}

Result<HeldName> HeldName::open(std::string_view name, Timeout timeout, const Join& join) {
  Result<NameFolder> folder = open_folder_for(name);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  const std::string file = file_of(name);
  const SteadyTime deadline = end_of(timeout);
  for (std::chrono::microseconds next_nap = kFirstNap;; nap(next_nap, deadline)) {
    const Result<std::optional<FileDescriptor>> there = look_up(*folder, file);
    if (!there) return tl::unexpected(there.error());
    if (*there) {
      const Result<NameFolder::Lock> lock = folder->lock();
      if (!lock) return tl::unexpected(lock.error());
      const Result<std::optional<Found>> found = try_to_join(*folder, file, join);
      if (!found) return tl::unexpected(found.error());
      if (*found && (*found)->joined == Joined::yes) {
        return HeldName(std::move(*folder), file, (*found)->inode);
      }
    }
    if (Clock::now() >= deadline) {
      return fail(ErrorCode::not_found,
                  fmt::format("no process uses the name '{}' in {}{}", name, folder->path(),
                              *there ? ", only the file of a process that is gone" : ""));
    }
  }
}

void HeldName::leave(ParticipantLock& part, int region_fd,
                     const std::function<bool()>& keep) noexcept {
  const Result<NameFolder::Lock> lock = folder_.lock_to_leave();
  if (!lock) return;
  part.drop();
  if (ParticipantLock::anybody(region_fd) || keep()) return;
  // A user may have removed the file by hand, and another process made a new one.
  struct stat status {};
  if (::fstatat(folder_.fd(), file_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_ino == inode_) {
    (void)unlink(folder_, file_);
  }
}

}  // namespace ringbell
