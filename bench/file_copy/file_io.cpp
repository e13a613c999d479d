#include "bench/file_copy/file_io.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace ringbell::bench {

Result<std::size_t> read_at(int fd, std::span<std::byte> into, std::uint64_t offset) {
  const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
  if (got < 0) return fail_errno("reading the source failed");
  if (got == 0) return fail_source_became_shorter(offset);
  return static_cast<std::size_t>(got);
}

Result<void> write_at(int fd, std::span<const std::byte> from, std::uint64_t offset) {
  while (!from.empty()) {
    const ssize_t put = ::pwrite(fd, from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0) return fail_errno("writing the destination failed", "is there room on the disk?");
    from = from.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

tl::unexpected<Error> fail_source_became_shorter(std::uint64_t offset) {
  return fail(
      ErrorCode::system,
      fmt::format("the source ended at byte {}, before the size it had when the copy began; "
                  "copy a file that is not being written to",
                  offset));
}

}  // namespace ringbell::bench
