#include "bench/transports/pipe.hpp"

#include <array>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

Result<OneWay> make_pipe(int buffer_bytes) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return fail_errno("pipe2 failed");
  OneWay ends{FileDescriptor(fds[0]), FileDescriptor(fds[1])};
  if (::fcntl(ends[1].get(), F_SETPIPE_SZ, buffer_bytes) != buffer_bytes) {
    return fail_errno(
        fmt::format("giving a pipe a buffer of {} bytes failed", buffer_bytes),
        "sysctl fs.pipe-max-size and fs.pipe-user-pages-soft say how much is allowed");
  }
  return ends;
}

template TransportEntry entry<Pipe>(std::string_view name, Family family);
template TransportEntry entry<LargePipe>(std::string_view name, Family family);

}  // namespace ringbell::bench
