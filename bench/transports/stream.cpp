#include "bench/transports/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

bool StreamEnd::send(std::span<const std::byte> message) {
  while (!message.empty()) {
    const ssize_t put = ::write(out_, message.data(), message.size());
    if (put > 0) {
      message = message.subspan(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      return failed("write failed");
    }
  }
  return true;
}

std::size_t StreamEnd::receive(std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::read(in_, into.data() + done, into.size() - done);
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (!may_read_again(got)) {
      return 0;
    }
  }
  return done;
}

bool StreamEnd::may_read_again(ssize_t got) {
  if (got == 0) return failed(ErrorCode::closed, "the other side closed the stream");
  if (errno == EAGAIN) {
    polling_.not_now();
  } else if (errno != EINTR) {
    return failed("read failed");
  }
  return true;
}

bool StreamEnd::fill_inbox() {
  constexpr std::size_t kReadBytes = 64UL * 1024;
  inbox_.resize(std::max(kReadBytes, message_bytes_));
  std::memmove(inbox_.data(), inbox_.data() + used_, waiting());
  filled_ = waiting();
  used_ = 0;
  while (filled_ < message_bytes_) {
    const ssize_t got = ::read(in_, inbox_.data() + filled_, inbox_.size() - filled_);
    if (got > 0) {
      filled_ += static_cast<std::size_t>(got);
    } else if (!may_read_again(got)) {
      return false;
    }
  }
  return true;
}

Result<void> make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    return fail_errno("making a descriptor non-blocking failed");
  }
  return {};
}

void enlarge_buffers(int socket, std::size_t message_bytes) noexcept {
  const auto bytes = static_cast<int>(Ringbell::ring_bytes(message_bytes));
  for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
    ::setsockopt(socket, SOL_SOCKET, option, &bytes, sizeof bytes);
  }
}

void StreamLink::describe_buffer(Party party, Row& row) const {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  const int socket = ways_[party == Party::first ? 0 : 1].in.get();
  if (::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) != 0) return;
  set(row, "buffer_bytes", bytes);
}

Result<StreamLink> StreamLink::over(Ways first, Ways second, const LinkOptions& options) {
  StreamLink link(std::move(first), std::move(second), options);
  if (options.wait != Wait::polled) return link;
  for (const Ways& ways : link.ways_) {
    for (const FileDescriptor* fd : {&ways.in, &ways.out}) {
      if (!*fd) continue;
      if (Result<void> done = make_non_blocking(fd->get()); !done) {
        return tl::unexpected(done.error());
      }
    }
  }
  return link;
}

Result<StreamEnd> StreamLink::end(Party party) const {
  const Ways& ways = ways_[party == Party::first ? 0 : 1];
  return StreamEnd(ways.in.get(), (ways.out ? ways.out : ways.in).get(), polling_, message_bytes_);
}

Result<StreamLink> duplex(OneWay to_second, OneWay to_first, const LinkOptions& options) {
  return StreamLink::over({std::move(to_first[0]), std::move(to_second[1])},
                          {std::move(to_second[0]), std::move(to_first[1])}, options);
}

}  // namespace ringbell::bench
