#include <ringbell/transport/base/file_descriptor.hpp>

#include <unistd.h>

namespace ringbell {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace ringbell
