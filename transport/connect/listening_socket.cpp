#include <ringbell/transport/connect/listening_socket.hpp>

#include <cerrno>
#include <new>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringbell {
namespace {

// Peers at the door. One that means well stands behind so many of a flood at most; where there is
// no room it comes again.
constexpr int kBacklog = 256;

std::string file_of(std::string_view name) { return fmt::format("{}.sock", name); }

tl::unexpected<Error> in_use(std::string_view name, const std::optional<Peer>& by) {
  const std::string who = by ? fmt::format("pid {} of uid {}", by->pid, by->uid)
                             : "a process that is too busy to say its pid";
  return fail(ErrorCode::busy, fmt::format("the listener's name '{}' is in use by {}", name, who));
}

// The Error that names the process that listens there; nothing: none does.
Result<std::optional<Error>> living_listener(const unix_socket::Address& address,
                                             std::string_view name) {
  Result<FileDescriptor> probe = unix_socket::create();
  if (!probe) return tl::unexpected(std::move(probe.error()));
  const Result<unix_socket::Reached> reached = unix_socket::connect(probe->get(), address);
  if (!reached) return tl::unexpected(reached.error());
  if (*reached == unix_socket::Reached::none) return std::nullopt;
  if (*reached == unix_socket::Reached::later) return in_use(name, std::nullopt).value();
  const Result<Peer> by = unix_socket::peer_of(probe->get());
  return in_use(name, by ? std::optional(*by) : std::nullopt).value();
}

Result<ino_t> inode_of_socket(const NameFolder& folder, const std::string& file) {
  struct stat status {};
  if (::fstatat(folder.fd(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno(fmt::format("looking at {}/{} failed", folder.path(), file));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorCode::system,
                fmt::format("{}/{} is in the way and no socket; remove it", folder.path(), file));
  }
  return status.st_ino;
}

// Whatever the umask left. Another member of the group could have put something else in this place:
// the mode is changed of what was looked at, and of the socket of that inode only.
Result<void> open_to_group(const NameFolder& folder, const std::string& file, ino_t inode) {
  constexpr mode_t kForGroup = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;
  const FileDescriptor socket{::openat(folder.fd(), file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  struct stat status {};
  const bool is_seen = socket && ::fstat(socket.get(), &status) == 0;
  if (is_seen && (!S_ISSOCK(status.st_mode) || status.st_ino != inode)) {
    return fail(ErrorCode::busy,
                fmt::format("another process replaced {}/{} at once", folder.path(), file));
  }
  const std::string self = fmt::format("/proc/self/fd/{}", socket.get());
  if (is_seen && ::chmod(self.c_str(), kForGroup) == 0) return {};
  return fail_errno(fmt::format("opening {}/{} to its group failed", folder.path(), file),
                    errno == ENOENT ? "it takes /proc: mount it" : "");
}

Result<void> remove(const NameFolder& folder, const std::string& file) {
  if (::unlinkat(folder.fd(), file.c_str(), 0) != 0 && errno != ENOENT) {
    return fail_errno(fmt::format("removing {}/{} failed", folder.path(), file));
  }
  return {};
}

}  // namespace

Result<void> check_group_folder(const NameFolder& folder) {
  if (folder.group()) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("no group shares the folder of names, {}: make one (install -d -m 2770 -o "
                  "root -g GROUP FOLDER) and set RINGBELL_DIR to it",
                  folder.path()));
}

unix_socket::Address address_in(const NameFolder& folder, std::string_view name) {
  return {.name = folder.path_of(file_of(name)), .abstract = false};
}

unix_socket::Address abstract_address(uid_t listener, std::string_view name) {
  return {.name = fmt::format("ringbell/{}/{}", listener, name), .abstract = true};
}

ListeningSocket::ListeningSocket(FileDescriptor socket) noexcept
    : socket_(std::move(socket)), owner_pid_(::getpid()) {}

Result<ListeningSocket> ListeningSocket::open(std::string_view name, Place place) {
  if (Result<void> checked = check_name(name); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<FileDescriptor> socket = unix_socket::create();
  if (!socket) return tl::unexpected(std::move(socket.error()));
  ListeningSocket listening(std::move(*socket));
  Result<void> taken;
  if (place == Place::abstract) {
    taken = listening.take_abstract(name);
  } else if (Result<NameFolders> folders = NameFolders::open(NameFolders::NewNames::yes)) {
    taken = listening.take_in(std::move(*folders), name, place);
  } else {
    taken = tl::unexpected(std::move(folders.error()));
  }
  if (!taken) return tl::unexpected(std::move(taken.error()));
  return listening;
}

Result<void> ListeningSocket::take_abstract(std::string_view name) {
  const unix_socket::Address address = abstract_address(::geteuid(), name);
  const Result<bool> bound = unix_socket::bind(fd(), address);
  if (!bound) return tl::unexpected(bound.error());
  if (*bound) return unix_socket::listen(fd(), kBacklog);
  Result<std::optional<Error>> living = living_listener(address, name);
  if (!living) return tl::unexpected(std::move(living.error()));
  return *living ? tl::unexpected(std::move(**living)) : in_use(name, std::nullopt);
}

// A socket that is bound but does not listen yet looks dead: hence the locks around both.
Result<void> ListeningSocket::take_in(NameFolders folders, std::string_view name, Place place) {
  if (place == Place::group) {
    if (Result<void> shared = check_group_folder(*folders.at(0)); !shared) return shared;
  }
  const Result<std::vector<NameFolder::Lock>> locks = folders.lock_all();
  if (!locks) return tl::unexpected(locks.error());
  for (std::size_t number = 1; number < folders.count(); ++number) {
    const NameFolder* const other = folders.at(number);
    if (other == nullptr) continue;
    Result<std::optional<Error>> living = living_listener(address_in(*other, name), name);
    if (!living) return tl::unexpected(std::move(living.error()));
    if (*living) return tl::unexpected(std::move(**living));
  }
  NameFolder folder = folders.take(0);
  const std::string file = file_of(name);
  const unix_socket::Address address = address_in(folder, name);
  Result<bool> bound = unix_socket::bind(fd(), address);
  if (bound && !*bound) {
    if (const Result<ino_t> socket = inode_of_socket(folder, file); !socket) {
      return tl::unexpected(socket.error());
    }
    Result<std::optional<Error>> living = living_listener(address, name);
    if (!living) return tl::unexpected(std::move(living.error()));
    if (*living) return tl::unexpected(std::move(**living));
    if (Result<void> removed = remove(folder, file); !removed) return removed;
    bound = unix_socket::bind(fd(), address);
  }
  if (!bound) return tl::unexpected(bound.error());
  if (!*bound) return in_use(name, std::nullopt);
  if (Result<void> opened = open_to_peers(folder, file, place); !opened) {
    if (is_own_socket(folder, file)) (void)remove(folder, file);
    return opened;
  }
  file_ = file;
  folder_.emplace(std::move(folder));
  return {};
}

Result<void> ListeningSocket::open_to_peers(const NameFolder& folder, const std::string& file,
                                            Place place) {
  const Result<ino_t> inode = inode_of_socket(folder, file);
  if (!inode) return tl::unexpected(inode.error());
  inode_ = *inode;
  if (place == Place::group) {
    if (Result<void> open = open_to_group(folder, file, inode_); !open) return open;
  }
  return unix_socket::listen(fd(), kBacklog);
}

bool ListeningSocket::is_own_socket(const NameFolder& folder,
                                    const std::string& file) const noexcept {
  struct stat there {};
  return ::fstatat(folder.fd(), file.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISSOCK(there.st_mode) && there.st_ino == inode_;
}

bool ListeningSocket::name_lost() const noexcept {
  if (!folder_) return false;
  struct stat there {};
  if (::fstatat(folder_->fd(), file_.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT;
  }
  return there.st_ino != inode_ || folder_->is_replaced();
}

// If the file was removed by hand, another listener may have taken its place: look first.
ListeningSocket::~ListeningSocket() {
  if (!socket_ || !folder_ || ::getpid() != owner_pid_) return;
  try {
    const Result<NameFolder::Lock> lock = folder_->lock_to_leave();
    if (!lock) return;  // a leftover, which the next listener takes over
    if (is_own_socket(*folder_, file_)) ::unlinkat(folder_->fd(), file_.c_str(), 0);
  } catch (const std::bad_alloc&) {  // a leftover, too
  }
}

}  // namespace ringbell
