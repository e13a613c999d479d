// The folder in which names live, what a name may look like, and the lock under which names change
// hands.
//
// $RINGBELL_DIR, else $XDG_RUNTIME_DIR/ringbell, else /dev/shm/ringbell-UID. It is its user's
// alone: a process that can enter it can open every channel in it. So a folder that is a symbolic
// link, that belongs to another user or that others may enter is refused, and everything in it is
// reached through the descriptor that was checked, never by its path again.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

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

  // Makes the folder, mode 0700, if it is not there. Errors: permission, if it is not this user's
  // alone; invalid_argument, if $RINGBELL_DIR is no absolute path or no folder; system.
  [[nodiscard]] static Result<NameFolder> open();

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

 private:
  NameFolder(FileDescriptor folder, std::string path) noexcept;
  [[nodiscard]] Result<Lock> lock_within(std::chrono::nanoseconds longest) const;

  FileDescriptor folder_;
  std::string path_;
};

}  // namespace ringbell
