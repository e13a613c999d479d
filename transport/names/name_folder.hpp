// The folder in which names live, what a name may look like, and the lock under which names change
// hands.
//
// $RINGBELL_DIR, else $XDG_RUNTIME_DIR/ringbell, else /dev/shm/ringbell-UID (names of processes of
// another environment are found too: name_folders.hpp). It is its user's alone: a process that can
// enter it can open every channel in it. So a folder that is a symbolic link, that belongs to
// another user or that others may enter is refused, and everything in it is reached through the
// descriptor that was checked, never by its path again.
//
// But for one that a group shares, by its mode, 2770 (names/README.md, Two users): it belongs to
// root or this user, and each file in it is for those that its own mode admits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/options.hpp>

namespace ringbell {

inline constexpr std::size_t kMaxNameBytes = 64;

// 1 to 64 of a-z 0-9 . _ -, not beginning with a dot, no two dots in a row. Errors:
// invalid_argument.
RINGBELL_API [[nodiscard]] Result<void> check_name(std::string_view name);

class RINGBELL_API NameFolder {
 public:
  // While it lives, no other process adds or removes a name that was there before. The kernel drops
  // it with its holder, whatever children that one has. Move-only.
  class RINGBELL_API Lock {
   private:
    friend class NameFolder;
    explicit Lock(FileDescriptor file) noexcept : file_(std::move(file)) {}

    FileDescriptor file_;
  };

  // Makes the folder, mode 0700, if it is not there. Errors: permission, if it is neither this
  // user's alone nor a group's; invalid_argument, if $RINGBELL_DIR is no absolute path or no
  // folder; system.
  [[nodiscard]] static Result<NameFolder> open();

  // Where names of a user can be: the path of open() first, for this one. Errors: invalid_argument,
  // if $RINGBELL_DIR is no absolute path.
  [[nodiscard]] static Result<std::vector<std::string>> candidates(uid_t user = ::geteuid());
  // The folder there, which must be that user's, or a group's. Nothing: there is none, and `make`
  // is false. Errors: as open().
  [[nodiscard]] static Result<std::optional<NameFolder>> open_at(std::string path, bool make,
                                                                 uid_t user = ::geteuid());
  // The group that shares it. Nothing: it is one user's alone.
  [[nodiscard]] std::optional<gid_t> group() const noexcept { return group_; }
  // Of a file that is to get a name here. Errors: invalid_argument, if it is open to others, and
  // the folder is not: no process would trust it.
  [[nodiscard]] Result<void> check_mode(mode_t mode) const;
  // How a file that was found in it is to be attached to: those in a group's folder may be other
  // users', and written by the group. What is open to all, of another group, or of a user that
  // is not known here (known_ids.hpp) is trusted no further than elsewhere.
  [[nodiscard]] AttachOptions trust(int file) const noexcept;
  // Device and inode, which are the same whatever the path is.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> identity() const noexcept;
  // Whether path() leads to another folder by now. False if it leads nowhere: this process may have
  // changed its root.
  [[nodiscard]] bool is_replaced() const noexcept;

  // Waits a few seconds at most: it is held for microseconds. Errors: busy, naming the holder;
  // system.
  [[nodiscard]] Result<Lock> lock() const;
  // The same for a process that gives names up. After one wait in vain the later ones of this
  // process are not waited for, so that its end takes seconds and not seconds for each name.
  [[nodiscard]] Result<Lock> lock_to_leave() const;

  // For people: where it was when it was opened.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return folder_.get(); }
  // A path to something in this folder, whatever has become of path(). Short enough for a socket,
  // unless /proc is not mounted.
  [[nodiscard]] std::string path_of(std::string_view file) const;
  // What is in it, through its own descriptor. Errors: system.
  [[nodiscard]] Result<std::vector<std::string>> files() const;

 private:
  NameFolder(FileDescriptor folder, std::string path, std::optional<gid_t> group) noexcept;
  [[nodiscard]] Result<Lock> lock_within(std::chrono::nanoseconds longest) const;

  FileDescriptor folder_;
  std::string path_;
  std::optional<gid_t> group_;
};

}  // namespace ringbell
