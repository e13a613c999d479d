// An owned file descriptor, never one of the first three: whatever a program writes to its standard
// output goes to descriptor 1, which may be closed when the library asks the kernel for a number.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>

namespace ringbell {

inline constexpr int kFirstOwnDescriptor = 3;

// `fd` itself, or, in place of 0, 1 and 2, another number for the same open file, close-on-exec;
// `fd` is closed then. -1 if there is no number left (errno says so); -1 stays -1.
[[nodiscard]] RINGBELL_API int above_standard(int fd) noexcept;

class RINGBELL_API FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  // Takes it. get() is above_standard(fd).
  explicit FileDescriptor(int fd) noexcept
      : fd_(fd < 0 || fd >= kFirstOwnDescriptor ? fd : above_standard(fd)) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), is_private_(other.is_private_) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(is_private_, other.is_private_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  // What `open` returns, which must be close-on-exec, as one that a child of fork() does not share:
  // what hangs on it (a lock, a socket that listens or is connected) ends with this process,
  // whatever children it leaves. In the child its number stays taken, by a descriptor of nothing on
  // which every call fails, so that the child's copy of its owner can be destroyed like any other.
  // Handlers of fork() do it (pthread_atfork). A child of vfork(), of posix_spawn() or of a bare
  // clone() runs none, and is expected to exec. No fork() comes between `open` and the handlers'
  // knowing of it. errno is what `open` left.
  [[nodiscard]] static FileDescriptor make_private(const std::function<FileDescriptor()>& open);
  // The same for all that `open` leaves in `made`.
  static void make_private(std::vector<FileDescriptor>& made, const std::function<void()>& open);

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
  bool is_private_ = false;
};

// Another number for the same open file, close-on-exec.
[[nodiscard]] RINGBELL_API Result<FileDescriptor> duplicate(int fd);

}  // namespace ringbell
