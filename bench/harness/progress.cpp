#include "bench/harness/progress.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/harness/clock.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kPlainLineEveryNs = 15'000'000'000U;
// The plan's estimates are believed until this much of it has run.
constexpr double kTrustMeasuredAfterSeconds = 5;
constexpr std::size_t kUsualColumns = 80;

// How many characters a line of the terminal takes, as far as it says.
std::size_t columns_of(int fd) noexcept {
  winsize size{};
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::min<std::size_t>(size.ws_col, kUsualColumns) : kUsualColumns;
}

}  // namespace

Progress::Progress(double planned_seconds)
    : enabled_(true),
      terminal_(::isatty(STDERR_FILENO) == 1),
      planned_seconds_(planned_seconds),
      started_ns_(now_ns()),
      last_line_ns_(now_ns()) {}

double Progress::seconds_left() const {
  const double planned = std::max(0.0, planned_seconds_ - completed_seconds_);
  const double elapsed = static_cast<double>(now_ns() - started_ns_) * 1e-9;
  if (completed_seconds_ < kTrustMeasuredAfterSeconds) return planned;
  return planned * std::clamp(elapsed / completed_seconds_, 0.25, 4.0);
}

void Progress::begin(std::string_view what, double estimated_seconds) {
  completed_seconds_ += current_seconds_;
  current_seconds_ = estimated_seconds;
  if (!enabled_) return;
  const auto left = static_cast<std::uint64_t>(seconds_left());
  const std::string line = fmt::format("{}:{:02} left  {}", left / 60, left % 60, what);
  if (terminal_) {
    // A line that reached the last column would be continued, and only its end rewritten.
    fmt::print(stderr, "\r\033[K{:.{}}", line, columns_of(STDERR_FILENO) - 1);
  } else if (now_ns() - last_line_ns_ >= kPlainLineEveryNs) {
    last_line_ns_ = now_ns();
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Progress::tell(std::string_view text) {
  if (!enabled_) return;
  fmt::print(stderr, "{}{}", terminal_ ? "\r\033[K" : "", text);
  std::fflush(stderr);
}

void Progress::finish() {
  if (enabled_ && terminal_) fmt::print(stderr, "\r\033[K");
  enabled_ = false;
}

}  // namespace ringbell::bench
