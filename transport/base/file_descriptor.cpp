#include <ringbell/transport/base/file_descriptor.hpp>

#include <cerrno>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/transport/base/private_descriptors.hpp>

namespace ringbell {

int above_standard(int fd) noexcept {
  if (fd < 0 || fd >= kFirstOwnDescriptor) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOwnDescriptor);
  const int error = errno;
  ::close(fd);
  errno = error;
  return moved;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ < 0) return;
  is_private_ ? PrivateDescriptors::instance().close(fd_) : void(::close(fd_));
}

FileDescriptor FileDescriptor::make_private(const std::function<FileDescriptor()>& open) {
  FileDescriptor made;
  PrivateDescriptors::instance().make([&] {
    made = open();
    return std::span<const FileDescriptor>(&made, 1);
  });
  made.is_private_ = bool(made);
  return made;
}

void FileDescriptor::make_private(std::vector<FileDescriptor>& made,
                                  const std::function<void()>& open) {
  PrivateDescriptors::instance().make([&] {
    open();
    return std::span<const FileDescriptor>(made);
  });
  for (FileDescriptor& each : made) each.is_private_ = bool(each);
}

Result<FileDescriptor> duplicate(int fd) {
  FileDescriptor copy{::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOwnDescriptor)};
  if (copy) return copy;
  return fail_errno(fmt::format("duplicating descriptor {} failed", fd),
                    errno == EBADF ? "it must be open in this process"
                                   : "raise the limit of open files (ulimit -n)");
}

}  // namespace ringbell
