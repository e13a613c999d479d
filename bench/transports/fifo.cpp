#include "bench/transports/fifo.hpp"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

// A name that was free a moment ago.
Result<std::string> make_named() {
  std::error_code none;
  std::filesystem::path folder = std::filesystem::temp_directory_path(none);
  if (none) folder = "/tmp";
  for (int number = 0; number < 1000; ++number) {
    std::string path =
        (folder / fmt::format("ringbell-compare-{}-{}.fifo", ::getpid(), number)).string();
    if (::mkfifo(path.c_str(), 0600) == 0) return path;
    if (errno != EEXIST) return fail_errno(fmt::format("mkfifo({}) failed", path), "set TMPDIR");
  }
  return fail(ErrorCode::system, fmt::format("no free name for a FIFO in {}", folder.string()));
}

}  // namespace

Result<OneWay> make_fifo() {
  Result<std::string> path = make_named();
  if (!path) return tl::unexpected(path.error());
  // A reader that does not wait for a writer can be opened first; then the writer need not wait.
  FileDescriptor in(::open(path->c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  FileDescriptor out(in ? ::open(path->c_str(), O_WRONLY | O_CLOEXEC) : -1);
  const int errno_value = errno;
  // Both ends hold it open: the name is not needed any more and must not outlive this process.
  ::unlink(path->c_str());
  errno = errno_value;
  if (!out || ::fcntl(in.get(), F_SETFL, 0) != 0) {
    return fail_errno(fmt::format("opening the FIFO {} failed", *path));
  }
  return OneWay{std::move(in), std::move(out)};
}

Result<Fifo> Fifo::open(const LinkOptions& options) {
  Result<OneWay> there = make_fifo();
  if (!there) return tl::unexpected(there.error());
  Result<OneWay> back = make_fifo();
  if (!back) return tl::unexpected(back.error());
  Result<StreamLink> link = duplex(std::move(*there), std::move(*back), options);
  if (!link) return tl::unexpected(link.error());
  return Fifo(std::move(*link));
}

template TransportEntry entry<Fifo>(std::string_view name, Family family);

}  // namespace ringbell::bench
