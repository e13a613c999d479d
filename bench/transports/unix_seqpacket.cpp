#include "bench/transports/unix_seqpacket.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "bench/transports/entry.hpp"
#include "bench/transports/stream.hpp"
#include "bench/transports/unix_stream.hpp"

namespace ringbell::bench {
namespace {

// The kernel keeps 32 bytes of the send buffer; two packets should fit, so that the sides overlap.
std::size_t packet_limit(int fd) noexcept {
  int buffer_bytes = 0;
  socklen_t length = sizeof buffer_bytes;
  if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, &length) != 0) return 0;
  return static_cast<std::size_t>(std::max(0, buffer_bytes - 64)) / 2;
}

}  // namespace

Result<UnixSeqpacket> UnixSeqpacket::open(const LinkOptions& options) {
  Result<OneWay> pair = make_unix_pair(SOCK_SEQPACKET, options.message_bytes);
  if (!pair) return tl::unexpected(pair.error());
  for (const FileDescriptor& socket : *pair) {
    if (options.wait != Wait::polled) break;
    if (Result<void> done = make_non_blocking(socket.get()); !done) {
      return tl::unexpected(done.error());
    }
  }
  const Result<Parts> parts = Parts::of(options.message_bytes, packet_limit((*pair)[0].get()));
  if (!parts) return tl::unexpected(parts.error());
  return UnixSeqpacket(std::move(*pair), *parts, Polling{options.yield});
}

Result<UnixSeqpacket::End> UnixSeqpacket::end(Party party) const {
  return End(sockets_[party == Party::first ? 0 : 1].get(), parts_, polling_);
}

bool UnixSeqpacket::End::send(std::span<const std::byte> message) {
  while (!message.empty()) {
    const std::size_t part = std::min(parts_.part_bytes, message.size());
    const ssize_t put = ::send(fd_, message.data(), part, MSG_NOSIGNAL);
    if (put > 0) {
      message = message.subspan(part);
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      return failed("send failed");
    }
  }
  return true;
}

std::size_t UnixSeqpacket::End::receive(std::span<std::byte> into) {
  std::size_t done = 0;
  for (std::size_t part = 0; part < parts_.count;) {
    const ssize_t got = ::recv(fd_, into.data() + done, into.size() - done, 0);
    if (got > 0) {
      done += static_cast<std::size_t>(got);
      ++part;
    } else if (got == 0) {
      failed(ErrorCode::closed, "the other side closed the socket");
      return 0;
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      failed("recv failed");
      return 0;
    }
  }
  return done;
}

namespace {

// One header for each of the messages that stand one behind the other.
template <std::size_t most>
struct Headers {
  std::array<iovec, most> parts{};
  std::array<mmsghdr, most> headers{};

  Headers(std::byte* bytes, std::size_t count, std::size_t part_bytes) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = {.iov_base = bytes + i * part_bytes, .iov_len = part_bytes};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

}  // namespace

void UnixSeqpacket::End::flush() {
  std::byte* next = outbox_.data();
  for (std::size_t left = outbox_.size() / parts_.part_bytes; left > 0 && !broken_;) {
    const std::size_t count = std::min(left, kMostAtOnce);
    Headers<kMostAtOnce> all(next, count, parts_.part_bytes);
    const int sent =
        ::sendmmsg(fd_, all.headers.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
    if (sent > 0) {
      left -= static_cast<std::size_t>(sent);
      next += static_cast<std::size_t>(sent) * parts_.part_bytes;
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      broken_ = !failed("sendmmsg failed");
    }
  }
  outbox_.clear();
}

std::size_t UnixSeqpacket::End::receive_some(std::size_t limit) {
  inbox_.resize(kMostAtOnce * parts_.part_bytes);
  for (;;) {
    Headers<kMostAtOnce> all(inbox_.data(), limit, parts_.part_bytes);
    const int came =
        ::recvmmsg(fd_, all.headers.data(), static_cast<unsigned>(limit), MSG_WAITFORONE, nullptr);
    if (came > 0) {
      const auto count = static_cast<std::size_t>(came);
      const bool whole =
          std::all_of(all.headers.begin(), all.headers.begin() + came,
                      [&](const mmsghdr& one) { return one.msg_len == parts_.part_bytes; });
      if (whole) return count;
      failed(ErrorCode::closed, "the other side closed the socket");
      return 0;
    }
    if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      failed("recvmmsg failed");
      return 0;
    }
  }
}

template TransportEntry entry<UnixSeqpacket>(std::string_view name, Family family);

}  // namespace ringbell::bench
