#include "bench/harness/terminal.hpp"

#include <sys/ioctl.h>

namespace ringbell::bench {

std::size_t terminal_columns(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnlimitedColumns;
  return size.ws_col;
}

}  // namespace ringbell::bench
