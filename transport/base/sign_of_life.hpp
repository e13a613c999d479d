// A descriptor that tells that a process is gone: a socket that it has the other end of, or its
// pidfd (pidfd_open(2)). It tells so of a process that has not opened its end yet, too, of which a
// region knows nothing.
#pragma once

#include <memory>

#include <poll.h>
#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

// The pidfd of a process, close-on-exec: of a child that this process has not waited for, or of the
// parent, whose numbers are no other process's by now. Errors: not_found, if there is no such
// process; system.
[[nodiscard]] RINGBELL_API Result<FileDescriptor> open_process(pid_t pid);

// Copies share the descriptor.
class RINGBELL_API SignOfLife {
 public:
  // Of none: never over.
  SignOfLife() = default;
  // A socket or pipe is over when its other end is closed, all else when it is readable.
  SignOfLife(FileDescriptor fd);  // NOLINT(google-explicit-constructor): open() takes either

  [[nodiscard]] bool is_over() const noexcept;
  // For poll(2): something is reported once it is over, and never if there is none.
  [[nodiscard]] pollfd polled() const noexcept {
    return {.fd = fd_ ? fd_->get() : -1, .events = events_, .revents = 0};
  }

 private:
  std::shared_ptr<const FileDescriptor> fd_ = nullptr;
  short events_ = 0;  // a hang-up is told unasked
};

}  // namespace ringbell
