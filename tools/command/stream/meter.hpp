// How much went through, how fast, and how long it will take: the progress line on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tools/command/stream/framing.hpp"

namespace ringbell::tools {

class Meter {
 public:
  using Clock = std::chrono::steady_clock;

  // Shows nothing unless `shown`. On a terminal the line is written again four times a second;
  // elsewhere only finish() writes one.
  explicit Meter(bool shown) noexcept;

  void expect(std::uint64_t total_bytes) noexcept { total_bytes_ = total_bytes; }

  void add(std::uint64_t bytes) noexcept {
    bytes_ += bytes;
    if (live_) tick();
  }
  // Call now and then while nothing moves.
  void tick() noexcept;
  // The last line, if any.
  void finish() noexcept;

  [[nodiscard]] bool live() const noexcept { return live_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  void print(double seconds, double rate, char end) const noexcept;

  std::uint64_t bytes_ = 0;
  std::uint64_t total_bytes_ = kUnknownSize;
  Clock::time_point start_;
  Clock::time_point last_;
  std::uint64_t last_bytes_ = 0;
  bool shown_;
  bool live_;
};

// "1.20 GiB  0:03  410 MiB/s  37 %  0:05 left"; the last two only if the total is known.
[[nodiscard]] std::string progress_text(std::uint64_t bytes, double seconds, double rate,
                                        std::uint64_t total_bytes);

}  // namespace ringbell::tools
