#include "tools/command/standard_streams.hpp"

#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "tools/command/command.hpp"

namespace ringbell::tools::standard_streams {
namespace {

constexpr std::array kModeWhenMissing{O_WRONLY, O_RDONLY, O_WRONLY};

bool is_open_for(int fd, int mode) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  return (flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == mode;
}

}  // namespace

Tried<void> fill() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is `fd`: those below it are open by now.
    const int mode = kModeWhenMissing[static_cast<std::size_t>(fd)];
    if (::open("/dev/null", mode) < 0) return give_up_errno("opening /dev/null failed");
  }
  return {};
}

Tried<void> require_input() {
  if (is_open_for(STDIN_FILENO, O_RDONLY)) return {};
  return give_up(kFailed, "standard input is closed, or not open for reading");
}

Tried<void> require_output() {
  if (is_open_for(STDOUT_FILENO, O_WRONLY)) return {};
  return give_up(kFailed, "standard output is closed, or not open for writing");
}

}  // namespace ringbell::tools::standard_streams
