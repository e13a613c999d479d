// What a run is doing and how long it will still take, on stderr.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringbell::bench {

// On a terminal one line that is rewritten; elsewhere a plain line now and then.
class Progress {
 public:
  // Says nothing.
  Progress() = default;
  // `planned_seconds`: the estimates of everything that begin() will be told of.
  explicit Progress(double planned_seconds);

  // Ends what ran before and begins something that should take `estimated_seconds`.
  void begin(std::string_view what, double estimated_seconds);
  // Lines that stay, in front of the progress line.
  void tell(std::string_view text);
  // Wipes the line.
  void finish();

 private:
  [[nodiscard]] double seconds_left() const;

  bool enabled_ = false;
  bool terminal_ = false;
  double planned_seconds_ = 0;    // of everything
  double completed_seconds_ = 0;  // of the plan, that has ended
  double current_seconds_ = 0;    // of the plan, that runs
  std::uint64_t started_ns_ = 0;
  std::uint64_t last_line_ns_ = 0;
};

}  // namespace ringbell::bench
