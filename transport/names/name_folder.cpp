#include <ringbell/transport/names/name_folder.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/known_ids.hpp>
#include <ringbell/transport/names/lock_table.hpp>

namespace ringbell {
namespace {

constexpr std::chrono::seconds kLongestLock{5};
constexpr std::chrono::microseconds kLockNap{200};

constexpr bool allowed_in_name(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '.' ||
         letter == '_' || letter == '-';
}

// Not from the environment of the user that started a set-user-id program.
std::string from_environment(const char* variable) {
  const char* const value = ::secure_getenv(variable);
  return value == nullptr ? std::string{} : std::string{value};
}

// A link with a slash behind it would be followed.
std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// A program that runs under another user than the one that logged in (su, sudo -E) still has that
// one's variable: what it made there would be in the other's way.
bool is_folder_of(uid_t user, const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == user;
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0 || errno == EEXIST) return {};
  return fail_errno(fmt::format("making the folder {} failed", path),
                    "set RINGBELL_DIR to a folder of this user");
}

// Nothing: there is none.
Result<std::optional<FileDescriptor>> open_folder(const std::string& path) {
  FileDescriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (folder) return std::optional(std::move(folder));
  if (errno == ENOENT) return std::nullopt;
  if (errno == ENOTDIR || errno == ELOOP) {
    return fail(ErrorCode::permission,
                fmt::format("{} is not a folder, or a symbolic link to one; names live in a real "
                            "folder: remove it or set RINGBELL_DIR",
                            path));
  }
  return fail_errno(
      fmt::format("opening the folder {} failed", path),
      "set RINGBELL_DIR to a folder of this user, or to one of a group that it is in");
}

// One that a group shares.
Result<std::optional<gid_t>> check_group(const struct stat& status, const std::string& path,
                                         uid_t user) {
  if ((status.st_uid != 0 && status.st_uid != user) || !is_one_user(status.st_uid)) {
    return fail(ErrorCode::permission,
                fmt::format("the folder {}, which a group shares, belongs to uid {}; it must "
                            "belong to root or to this user (uid {}): chown root {}",
                            path, status.st_uid, user, path));
  }
  if (!is_one_group(status.st_gid)) {
    return fail(ErrorCode::permission,
                fmt::format("the group of the folder {} is not known in this user namespace (gid "
                            "{}): map it",
                            path, status.st_gid));
  }
  return std::optional(status.st_gid);
}

// The group that shares it. Asked of the descriptor: what is checked is what is used.
Result<std::optional<gid_t>> check_folder(int fd, const std::string& path, uid_t user) {
  constexpr mode_t kShared = S_ISGID | S_IRWXG;
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(fmt::format("fstat on {} failed", path));
  if ((status.st_mode & (kShared | S_IRWXO)) == kShared) return check_group(status, path, user);
  if (status.st_uid != user) {
    return fail(ErrorCode::permission,
                fmt::format("the folder {} belongs to uid {}, not to this user (uid {}); set "
                            "RINGBELL_DIR to a folder of this user",
                            path, status.st_uid, user));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::permission,
                fmt::format("the folder {} is open to others (mode {:04o}); chmod 700 {}, or chmod "
                            "2770 if its group is to share it",
                            path, status.st_mode & 07777, path));
  }
  return std::nullopt;
}

// For people.
std::string holder_of(int fd) {
  struct stat status {};
  const auto locks = ::fstat(fd, &status) == 0 ? lock_table::locks_on(status) : std::nullopt;
  for (const lock_table::Lock& lock : locks.value_or(std::vector<lock_table::Lock>())) {
    if (lock.type == "FLOCK" && lock.pid != "0") return "pid " + lock.pid;
  }
  return "another process";
}

}  // namespace

Result<void> check_name(std::string_view name) {
  const char* wrong = nullptr;
  if (name.empty()) wrong = "it is empty";
  if (name.size() > kMaxNameBytes) wrong = "it has more than 64 letters";
  if (!name.empty() && name.front() == '.') wrong = "it begins with a dot";
  if (name.find("..") != std::string_view::npos) wrong = "it has two dots in a row";
  for (const char letter : name) {
    if (!allowed_in_name(letter)) wrong = "only a-z, 0-9, '.', '_' and '-' are allowed";
  }
  if (wrong == nullptr) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' cannot be a name: {}", name.substr(0, kMaxNameBytes), wrong));
}

NameFolder::NameFolder(FileDescriptor folder, std::string path, std::optional<gid_t> group) noexcept
    : folder_(std::move(folder)), path_(std::move(path)), group_(group) {}

Result<NameFolder> NameFolder::open() {
  Result<std::vector<std::string>> paths = candidates();
  if (!paths) return tl::unexpected(std::move(paths.error()));
  Result<std::optional<NameFolder>> folder = open_at(std::move(paths->front()), true);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  if (*folder) return std::move(**folder);
  errno = ENOENT;  // removed again at once
  return fail_errno("making the folder of names failed");
}

Result<std::vector<std::string>> NameFolder::candidates(uid_t user) {
  std::vector<std::string> paths;
  if (std::string path = from_environment("RINGBELL_DIR"); !path.empty()) {
    if (path.front() != '/') {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("RINGBELL_DIR is '{}'; it must be an absolute path", path));
    }
    paths.push_back(without_trailing_slashes(std::move(path)));
    return paths;
  }
  const std::string shared = fmt::format("/dev/shm/ringbell-{}", user);
  const std::string usual = fmt::format("/run/user/{}", user);
  const std::string runtime = without_trailing_slashes(from_environment("XDG_RUNTIME_DIR"));
  const bool is_told = !runtime.empty() && runtime.front() == '/' && is_folder_of(user, runtime);
  if (is_told) paths.push_back(runtime + "/ringbell");
  paths.push_back(shared);
  if (runtime != usual && is_folder_of(user, usual)) paths.push_back(usual + "/ringbell");
  return paths;
}

Result<std::optional<NameFolder>> NameFolder::open_at(std::string path, bool make, uid_t user) {
  if (make) {
    if (Result<void> made = make_folder(path); !made) {
      return tl::unexpected(std::move(made.error()));
    }
  }
  Result<std::optional<FileDescriptor>> folder = open_folder(path);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  if (!*folder) return std::nullopt;
  Result<std::optional<gid_t>> group = check_folder((*folder)->get(), path, user);
  if (!group) return tl::unexpected(std::move(group.error()));
  return std::optional(NameFolder(std::move(**folder), std::move(path), *group));
}

AttachOptions NameFolder::trust(int file) const noexcept {
  struct stat status {};
  const bool is_of_group = group_ && ::fstat(file, &status) == 0 && status.st_gid == *group_ &&
                           (status.st_mode & S_IRWXO) == 0 && is_one_user(status.st_uid);
  return {.trust_others = is_of_group};
}

Result<void> NameFolder::check_mode(mode_t mode) const {
  if (group_ || (mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("mode {:o} is for the users of a group, and the folder of names {} is this "
                  "user's alone: set RINGBELL_DIR to one that they share (mode 2770)",
                  mode & 07777U, path_));
}

std::pair<std::uint64_t, std::uint64_t> NameFolder::identity() const noexcept {
  struct stat status {};
  ::fstat(folder_.get(), &status);
  return {status.st_dev, status.st_ino};
}

bool NameFolder::is_replaced() const noexcept {
  struct stat there {};
  return ::stat(path_.c_str(), &there) == 0 && std::pair(there.st_dev, there.st_ino) != identity();
}

Result<NameFolder::Lock> NameFolder::lock() const { return lock_within(kLongestLock); }

Result<NameFolder::Lock> NameFolder::lock_to_leave() const {
  static std::atomic<bool> waited_in_vain{false};
  Result<Lock> lock = lock_within(waited_in_vain ? std::chrono::seconds(0) : kLongestLock);
  waited_in_vain = !lock;
  return lock;
}

Result<NameFolder::Lock> NameFolder::lock_within(std::chrono::nanoseconds longest) const {
  const SteadyTime deadline = end_of(longest);
  FileDescriptor file = FileDescriptor::make_private([&] {
    return FileDescriptor{::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  });
  if (!file) return fail_errno(fmt::format("opening the folder {} failed", path_));
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail_errno(fmt::format("locking the folder {} failed", path_));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(ErrorCode::busy,
                  fmt::format("{} holds the lock of {} for more than {} s; is it stopped?",
                              holder_of(file.get()), path_, kLongestLock.count()));
    }
    std::this_thread::sleep_for(kLockNap);
  }
  return Lock(std::move(file));
}

std::string NameFolder::path_of(std::string_view file) const {
  const std::string self = fmt::format("/proc/self/fd/{}", folder_.get());
  return fmt::format("{}/{}", ::access(self.c_str(), F_OK) == 0 ? self : path_, file);
}

// Not by std::filesystem, whose iterator ends the process where there is no memory.
Result<std::vector<std::string>> NameFolder::files() const {
  struct Close {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> entries(::opendir(path_of("").c_str()));
  if (!entries) return fail_errno(fmt::format("reading the folder {} failed", path_));
  std::vector<std::string> files;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr && errno == 0) return files;
    if (entry == nullptr) return fail_errno(fmt::format("reading the folder {} failed", path_));
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") files.emplace_back(name);
  }
}

}  // namespace ringbell
