#include "bench/transports/vmsplice.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/transports/entry.hpp"
#include "bench/transports/pipe.hpp"

namespace ringbell::bench {
namespace {

constexpr int kBufferBytes = 1024 * 1024;

}  // namespace

Result<Vmsplice> Vmsplice::open(const LinkOptions& options) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (options.message_bytes % page_bytes != 0) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("vmsplice gives whole pages: messages of a multiple of {} bytes", page_bytes));
  }
  Result<OneWay> there = make_pipe(kBufferBytes);
  if (!there) return tl::unexpected(there.error());
  Result<OneWay> back = make_pipe(kBufferBytes);
  if (!back) return tl::unexpected(back.error());
  if (options.wait == Wait::polled) {
    for (const int fd : {(*there)[0].get(), (*back)[0].get()}) {
      if (Result<void> done = make_non_blocking(fd); !done) return tl::unexpected(done.error());
    }
  }
  return Vmsplice({std::move(*there), std::move(*back)}, options);
}

Result<Vmsplice::End> Vmsplice::end(Party party) const {
  const std::size_t size = options_.message_bytes;
  // The pipe's, the one that is written to, and one of which only a part is in the pipe.
  const std::size_t places = kBufferBytes / size + 2;
  Result<SharedPages> pages = SharedPages::create((places + 1) * size);
  if (!pages) return tl::unexpected(pages.error());
  const OneWay& out = pipes_[party == Party::first ? 0 : 1];
  const OneWay& in = pipes_[party == Party::first ? 1 : 0];
  const Polling polling{options_.yield};
  return End(StreamEnd(in[0].get(), -1, polling, size), out[1].get(), options_.wait == Wait::polled,
             polling, std::move(*pages), size, places);
}

void Vmsplice::describe(Row& row) const { set(row, "buffer_bytes", kBufferBytes); }

bool Vmsplice::End::send(std::span<const std::byte> message) {
  std::memcpy(place(next_).data(), message.data(), message_bytes_);
  return commit();
}

std::span<std::byte> Vmsplice::End::claim(std::uint32_t /*size_bytes*/) noexcept {
  return place(next_);
}

bool Vmsplice::End::commit() {
  std::span<std::byte> rest = place(next_);
  next_ = next_ + 1 == places_ ? 0 : next_ + 1;
  while (!rest.empty()) {
    const iovec given{.iov_base = rest.data(), .iov_len = rest.size()};
    const ssize_t put = ::vmsplice(out_, &given, 1, polled_ ? SPLICE_F_NONBLOCK : 0);
    if (put > 0) {
      rest = rest.subspan(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      polling_.not_now();
    } else if (errno != EINTR) {
      return failed("vmsplice failed");
    }
  }
  return true;
}

std::span<const std::byte> Vmsplice::End::peek() {
  const std::span<std::byte> into = place(places_);
  return receive(into) == into.size() ? into : std::span<std::byte>();
}

template TransportEntry entry<Vmsplice>(std::string_view name, Family family);

}  // namespace ringbell::bench
