#include "bench/transports/stream.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

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
    } else if (got == 0) {
      failed(ErrorCode::closed, "the other side closed the stream");
      return 0;
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      failed("read failed");
      return 0;
    }
  }
  return done;
}

Result<void> make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    return fail_errno("making a descriptor non-blocking failed");
  }
  return {};
}

Result<StreamLink> StreamLink::over(Ways first, Ways second, const LinkOptions& options) {
  StreamLink link(std::move(first), std::move(second), Polling{options.yield});
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
  return StreamEnd(ways.in.get(), (ways.out ? ways.out : ways.in).get(), polling_);
}

Result<StreamLink> duplex(OneWay to_second, OneWay to_first, const LinkOptions& options) {
  return StreamLink::over({std::move(to_first[0]), std::move(to_second[1])},
                          {std::move(to_second[0]), std::move(to_first[1])}, options);
}

}  // namespace ringbell::bench
