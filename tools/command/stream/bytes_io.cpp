#include "tools/command/stream/bytes_io.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"

namespace ringbell::tools {
namespace {

constexpr int kTickMs = 250;

// Returns when a call on `fd` would not block, or when the caller should look again.
bool poll_once(int fd, short events, int timeout_ms) noexcept {
  pollfd waiting{fd, events, 0};
  return ::poll(&waiting, 1, timeout_ms) > 0;
}

Tried<void> wait_for(int fd, short events, Meter& meter) {
  while (!poll_once(fd, events, kTickMs)) {
    if (auto on = interruption::check(); !on) return on;
    meter.tick();
  }
  return {};
}

std::span<iovec> without(std::span<iovec> pieces, std::size_t written) noexcept {
  while (!pieces.empty() && written >= pieces.front().iov_len) {
    written -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + written;
    pieces.front().iov_len -= written;
  }
  return pieces;
}

}  // namespace

Tried<std::size_t> read_some(int fd, std::span<std::byte> into, Meter& meter) {
  for (;;) {
    if (meter.live()) {
      if (auto ready = wait_for(fd, POLLIN, meter); !ready) return tl::unexpected(ready.error());
    }
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      if (auto ready = wait_for(fd, POLLIN, meter); !ready) return tl::unexpected(ready.error());
    } else if (errno != EINTR) {
      return give_up_errno("reading the input failed");
    }
    if (auto on = interruption::check(); !on) return tl::unexpected(on.error());
  }
}

Tried<void> write_all(int fd, std::span<iovec> pieces, Meter& meter) {
  constexpr std::size_t kMostPieces = 1024;  // IOV_MAX
  while (!pieces.empty()) {
    const auto count = static_cast<int>(std::min(pieces.size(), kMostPieces));
    const ssize_t put = ::writev(fd, pieces.data(), count);
    if (put >= 0) {
      pieces = without(pieces, static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EPIPE) return give_up(status_of_signal(SIGPIPE));
    if (errno == EAGAIN) {
      if (auto ready = wait_for(fd, POLLOUT, meter); !ready) return ready;
    } else if (errno != EINTR) {
      return give_up_errno("writing the output failed");
    }
    if (auto on = interruption::check(); !on) return on;
  }
  return {};
}

void enlarge_if_pipe(int fd) noexcept {
  constexpr int kPipeBytes = 1 << 20;  // what users other than root may have
  const int size = ::fcntl(fd, F_GETPIPE_SZ);
  if (size > 0 && size < kPipeBytes) ::fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
}

std::uint64_t bytes_to_come(int fd) noexcept {
  struct stat about {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return kUnknownSize;
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  // Files of /proc say 0 and have something.
  if (offset < 0 || about.st_size == 0 || offset > about.st_size) return kUnknownSize;
  return static_cast<std::uint64_t>(about.st_size - offset);
}

}  // namespace ringbell::tools
