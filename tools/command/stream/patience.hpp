// How long a stream waits for its other side, and what makes it stop waiting.
#pragma once

#include <chrono>
#include <optional>

#include "tools/command/failure.hpp"
#include "tools/command/stream/meter.hpp"

namespace ringbell::tools {

// Waits are cut into slices, after each of which signals and the meter get their turn.
inline constexpr std::chrono::milliseconds kSlice{50};

class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  // `longest`: until the other side comes; nothing: for ever. Once it is there, only its end or
  // death ends a wait.
  explicit Patience(std::optional<std::chrono::duration<double>> longest) noexcept {
    constexpr std::chrono::hours kAges{24 * 365};
    if (longest && *longest < kAges) {
      deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(*longest);
    }
  }

  // Call after each slice: fails with the signal's status, or with kTimedOut and `absent` if the
  // other side has not come in time.
  [[nodiscard]] Tried<void> after_slice(bool came, const char* absent, Meter& meter) const;

  // How long the next slice may be: no longer than is left.
  [[nodiscard]] std::chrono::nanoseconds slice(bool came) const noexcept;

 private:
  std::optional<Clock::time_point> deadline_;
};

}  // namespace ringbell::tools
