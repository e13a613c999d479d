// An owned file descriptor that a child of fork() does not share: what hangs on it (a lock) ends
// with the process that opened it, whatever children it leaves.
//
// In the child its number stays taken, by a descriptor of nothing on which every call fails, so
// that the child's copy of its owner can be destroyed like any other. Handlers of fork() do it
// (pthread_atfork). A child of vfork(), of posix_spawn() or of a bare clone() runs none, and is
// expected to exec: the descriptor must be close-on-exec.
#pragma once

#include <utility>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

class RINGBELL_API OwnDescriptor {
 public:
  // As open(2), with O_CLOEXEC; errno says why there is none. No fork() comes between this and the
  // handlers' knowing of it.
  [[nodiscard]] static OwnDescriptor open(const char* path, int flags);

  OwnDescriptor(OwnDescriptor&&) noexcept = default;
  OwnDescriptor& operator=(OwnDescriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  OwnDescriptor(const OwnDescriptor&) = delete;
  OwnDescriptor& operator=(const OwnDescriptor&) = delete;
  ~OwnDescriptor();

  [[nodiscard]] int get() const noexcept { return file_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return bool(file_); }

 private:
  explicit OwnDescriptor(FileDescriptor file) noexcept : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace ringbell
