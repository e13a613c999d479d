// A process that has no descriptors left, for a child of fork().
#pragma once

#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::test {

// Every one that this process may still have, of few from here on: each that is let go of is one
// that there is.
[[nodiscard]] inline std::vector<FileDescriptor> all_descriptors() {
  constexpr rlim_t kFew = 256;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = kFew;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<FileDescriptor> all;
  for (;;) {
    FileDescriptor next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!next) return all;
    all.push_back(std::move(next));
  }
}

}  // namespace ringbell::test
