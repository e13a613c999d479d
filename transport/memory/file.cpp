#include <ringbell/transport/memory/file.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::file {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

constexpr std::string_view kTemporary = ".ringbell-";

// Of a file by its number, so that a process that has it open finds the name as well.
std::string temporary_name(int fd) {
  struct stat status {};
  (void)::fstat(fd, &status);
  return fmt::format("{}{}", kTemporary, status.st_ino);
}

// Nothing: errno says why.
NewFile create_temporary(const std::string& folder) {
  static std::atomic<unsigned> count{0};
  const std::string first = fmt::format("{}/{}new-{}-{}", folder, kTemporary, ::getpid(), ++count);
  FileDescriptor file{::open(first.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600)};
  if (!file) return {};
  TemporaryName name(first);
  std::string last = folder + "/" + temporary_name(file.get());
  if (::rename(first.c_str(), last.c_str()) != 0) return {};
  return {std::move(file), TemporaryName(std::move(last))};
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

TemporaryName::~TemporaryName() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool is_temporary(std::string_view name) noexcept { return name.starts_with(kTemporary); }

Result<NewFile> create(const std::string& path, mode_t mode) {
  const std::string folder = folder_of(path);
  NewFile made;
  // Without /proc it could not be given a name.
  if (::access("/proc/self/fd", X_OK) == 0) {
    made.file = FileDescriptor{::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  } else {
    errno = EOPNOTSUPP;
  }
  if (!made.file && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    made = create_temporary(folder);
  }
  if (!made.file) {
    return fail_errno(fmt::format("making a file in {} failed", folder),
                      "the folder must exist and this user may write to it");
  }
  if (::fchmod(made.file.get(), mode & 0777U) != 0) {
    return fail_errno(fmt::format("setting the mode of {} failed", path));
  }
  return made;
}

Result<std::uint32_t> page_bytes(int fd) {
  const Result<struct statfs> status = file_system_of(fd);
  if (!status) return tl::unexpected(status.error());
  if (status->f_type != HUGETLBFS_MAGIC) return small_page();
  if (status->f_bsize == kHugePage) return kHugePage;
  return fail(ErrorCode::unsupported,
              fmt::format("this hugetlbfs has pages of {} bytes; mount one with pagesize=2M",
                          status->f_bsize));
}

Result<void> reserve(int fd, std::uint64_t bytes, const std::string& path, const GiveUp& give_up) {
  const Result<struct statfs> status = file_system_of(fd);
  if (!status) return tl::unexpected(status.error());
  if (status->f_type == HUGETLBFS_MAGIC) {
    return memory::reserve(fd, bytes, "file " + path, huge_page_remedy(bytes), give_up);
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
  return memory::reserve(fd, bytes, "file " + path, remedy, give_up);
}

Result<void> publish(int fd, const std::string& path) {
  const Result<bool> linked = link(fd, AT_FDCWD, path);
  if (!linked) return tl::unexpected(linked.error());
  if (*linked) {
    Result<void> synced = sync_folder(folder_of(path));
    if (!synced) ::unlink(path.c_str());  // else the next try would find the name taken
    return synced;
  }
  errno = EEXIST;
  return fail_errno(fmt::format("giving the file its name {} failed", path),
                    "open it, remove it, or take another name");
}

Result<bool> link(int fd, int folder_fd, const std::string& name) {
  const std::string self = fmt::format("/proc/self/fd/{}", fd);
  int failed = ::linkat(AT_FDCWD, self.c_str(), folder_fd, name.c_str(), AT_SYMLINK_FOLLOW);
  const std::string temporary = folder_of(name) + "/" + temporary_name(fd);
  if (failed != 0 && errno == ENOENT) {  // no /proc
    failed = ::linkat(folder_fd, temporary.c_str(), folder_fd, name.c_str(), 0);
  }
  if (failed == 0) {
    ::unlinkat(folder_fd, temporary.c_str(), 0);  // if it had that one
    return true;
  }
  if (errno == EEXIST) return false;
  return fail_errno(fmt::format("giving the file its name {} failed", name));
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
