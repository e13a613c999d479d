#include <ringbell/transport/memory/file.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <ringbell/transport/memory/mapping.hpp>
#include <ringbell/transport/memory/reserve.hpp>

namespace ringbell::memory::file {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<struct statfs> file_system_of(int fd) {
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return fail_errno("asking for the file system failed");
  return status;
}

Result<void> sync_folder(const std::string& path) {
  const FileDescriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) return fail_errno(fmt::format("opening the folder {} failed", path));
  // Memory has nothing to sync, and some file systems say so by EINVAL.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) {
    return fail_errno(fmt::format("syncing the folder {} failed", path));
  }
  return {};
}

}  // namespace

Result<std::string> posix_shm_path(const std::string& name) {
  const std::string bare = name.starts_with('/') ? name.substr(1) : name;
  if (bare.empty() || bare == "." || bare == ".." || bare.find('/') != std::string::npos) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("\"{}\" is no name of POSIX shared memory: one '/' and a file name", name));
  }
  return "/dev/shm/" + bare;
}

Result<FileDescriptor> create(const std::string& path, mode_t mode) {
  const std::string folder = folder_of(path);
  FileDescriptor file{::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (!file) {
    const bool old = errno == EOPNOTSUPP || errno == EISDIR;
    return fail_errno(fmt::format("making a file in {} failed", folder),
                      old ? "this file system has no O_TMPFILE; take a tmpfs, ext4, xfs or btrfs"
                          : "the folder must exist and this user may write to it");
  }
  if (::fchmod(file.get(), mode & 0777U) != 0) {
    return fail_errno(fmt::format("setting the mode of {} failed", path));
  }
  return file;
}

Result<std::uint32_t> page_bytes(int fd) {
  const Result<struct statfs> status = file_system_of(fd);
  if (!status) return tl::unexpected(status.error());
  if (status->f_type != HUGETLBFS_MAGIC) return kSmallPage;
  if (status->f_bsize == kHugePage) return kHugePage;
  return fail(ErrorCode::unsupported,
              fmt::format("this hugetlbfs has pages of {} bytes; mount one with pagesize=2M",
                          status->f_bsize));
}

Result<void> reserve(int fd, std::uint64_t bytes, const std::string& path) {
  const Result<struct statfs> status = file_system_of(fd);
  if (!status) return tl::unexpected(status.error());
  if (status->f_type == HUGETLBFS_MAGIC) {
    return memory::reserve(fd, bytes, "file " + path, huge_page_remedy(bytes));
  }
  if (status->f_type == TMPFS_MAGIC) {
    if (Result<void> enough = check_memory(bytes); !enough) return enough;
  }
  const std::uint64_t left = status->f_bavail * static_cast<std::uint64_t>(status->f_bsize);
  const std::string remedy = fmt::format(
      "{} has {} bytes free: ask for a smaller capacity, make room, or enlarge it (a "
      "tmpfs: mount -o remount,size=...)",
      folder_of(path), left);
  // Asking the file system for too much would fill it for a moment, for all its users. A tmpfs
  // without a limit has no blocks.
  if (status->f_blocks > 0 && bytes > left) {
    return fail(ErrorCode::no_space,
                fmt::format("no room for {} bytes in {}; {}", bytes, path, remedy));
  }
  return memory::reserve(fd, bytes, "file " + path, remedy);
}

Result<void> publish(int fd, const std::string& path) {
  const std::string self = fmt::format("/proc/self/fd/{}", fd);
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return fail_errno(fmt::format("giving the file its name {} failed", path),
                      errno == EEXIST ? "open it, remove it, or take another name" : "");
  }
  return sync_folder(folder_of(path));
}

Result<FileDescriptor> open(const std::string& path, Access access) {
  const int mode = access == Access::read_only ? O_RDONLY : O_RDWR;
  FileDescriptor file{::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (file) return file;
  return fail_errno(fmt::format("opening {} failed", path),
                    errno == ENOENT  ? "it is not created yet, or was removed"
                    : errno == ELOOP ? "it is a symbolic link, which is not followed"
                                     : "");
}

Result<void> remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return fail_errno(fmt::format("removing {} failed", path));
  return {};
}

}  // namespace ringbell::memory::file
