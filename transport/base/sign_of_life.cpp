#include <ringbell/transport/base/sign_of_life.hpp>

#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell {

Result<FileDescriptor> open_process(pid_t pid) {
  FileDescriptor fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (fd) return fd;
  if (errno == ESRCH) {
    return fail(ErrorCode::not_found, fmt::format("there is no process of pid {}", pid));
  }
  return fail_errno(fmt::format("pidfd_open of pid {} failed", pid));
}

SignOfLife::SignOfLife(FileDescriptor fd) {
  if (!fd) return;
  fd_ = std::make_shared<const FileDescriptor>(std::move(fd));
  struct stat about {};
  const bool hangs_up =
      ::fstat(fd_->get(), &about) == 0 && (S_ISSOCK(about.st_mode) || S_ISFIFO(about.st_mode));
  if (!hangs_up) events_ = POLLIN;
}

bool SignOfLife::is_over() const noexcept {
  if (!fd_) return false;
  const NoCancellation whole;
  pollfd sign = polled();
  return ::poll(&sign, 1, 0) > 0;
}

}  // namespace ringbell
