#include "tools/command/stream/meter.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/command/quantity.hpp"

namespace ringbell::tools {
namespace {

constexpr std::chrono::milliseconds kBetweenLines{250};

double seconds_between(Meter::Clock::time_point from, Meter::Clock::time_point to) noexcept {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

std::string progress_text(std::uint64_t bytes, double seconds, double rate,
                          std::uint64_t total_bytes) {
  const auto whole_rate = static_cast<std::uint64_t>(std::clamp(rate, 0.0, 1e18));
  std::string text = fmt::format("{}  {}  {}/s", bytes_text(bytes), duration_text(seconds),
                                 bytes_text(whole_rate));
  if (total_bytes == kUnknownSize) return text;
  const double share =
      total_bytes == 0 ? 1.0 : static_cast<double>(bytes) / static_cast<double>(total_bytes);
  text += fmt::format("  {:.0f} %", 100 * std::min(share, 1.0));
  if (bytes < total_bytes && whole_rate > 0) {
    const double left = static_cast<double>(total_bytes - bytes) / rate;
    text += fmt::format("  {} left", duration_text(left));
  }
  return text;
}

Meter::Meter(bool shown) noexcept
    : start_(Clock::now()),
      last_(start_),
      shown_(shown),
      live_(shown && ::isatty(STDERR_FILENO) == 1) {}

void Meter::tick() noexcept {
  if (!live_) return;
  const Clock::time_point now = Clock::now();
  if (now - last_ < kBetweenLines) return;
  // The rate of the last moment; the average comes with the last line.
  const double rate = static_cast<double>(bytes_ - last_bytes_) / seconds_between(last_, now);
  last_ = now;
  last_bytes_ = bytes_;
  print(seconds_between(start_, now), rate, '\r');
}

void Meter::finish() noexcept {
  if (!shown_) return;
  const double seconds = std::max(seconds_between(start_, Clock::now()), 1e-9);
  print(seconds, static_cast<double>(bytes_) / seconds, '\n');
  shown_ = live_ = false;
}

void Meter::print(double seconds, double rate, char end) const noexcept {
  constexpr const char* kToEndOfLine = "\x1b[K";
  const std::string text = progress_text(bytes_, seconds, rate, total_bytes_);
  fmt::print(stderr, "{}{}{}", text, live_ ? kToEndOfLine : "", end);
  std::fflush(stderr);
}

}  // namespace ringbell::tools
