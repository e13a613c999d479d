// A second mapping of a region, as another process would have it.
#pragma once

#include <fcntl.h>

#include <ringbell/transport/memory/region.hpp>

namespace ringbell::test {

[[nodiscard]] inline Region copy_of(const Region& region, Access access = Access::read_write) {
  return Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0)), access).value();
}

}  // namespace ringbell::test
