#include "bench/file_copy/io_counter.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {
namespace {

constexpr const char* kAccount = "/proc/self/io";

struct Look {
  std::uint64_t copied_bytes;  // as the account said, before this look was added to it
  std::uint64_t look_bytes;    // what the look itself added
};

std::optional<std::uint64_t> field(std::string_view account, std::string_view name) {
  const std::size_t found = account.find(name);
  if (found == std::string_view::npos) return std::nullopt;
  const char* const first = account.data() + found + name.size();
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(first, account.data() + account.size(), value);
  return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

Result<Look> look() {
  const FileDescriptor file{::open(kAccount, O_RDONLY | O_CLOEXEC)};
  if (!file) {
    return fail_errno(
        "opening /proc/self/io failed",
        "copies are counted there: mount /proc, with a kernel that has TASK_IO_ACCOUNTING");
  }
  std::array<char, 512> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return fail_errno("reading /proc/self/io failed");
  const std::string_view account(text.data(), static_cast<std::size_t>(got));
  const auto read_bytes = field(account, "rchar: ");
  const auto written_bytes = field(account, "wchar: ");
  if (!read_bytes || !written_bytes) {
    return fail(ErrorCode::unsupported,
                "/proc/self/io has no rchar and wchar; copies cannot be counted");
  }
  return Look{*read_bytes + *written_bytes, static_cast<std::uint64_t>(got)};
}

}  // namespace

Result<IoCounter> IoCounter::start() {
  return look().map(
      [](const Look& first) { return IoCounter(first.copied_bytes + first.look_bytes); });
}

Result<std::uint64_t> IoCounter::stop() const {
  return look().map([this](const Look& last) { return last.copied_bytes - at_start_; });
}

}  // namespace ringbell::bench
