// One benchmark on what a person chose, where the comparison has a mode's plan: `ringbell bench`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

struct Chosen {
  CpuPair cpus{0, -1};
  std::vector<Placement> placements{Placement::two_cpus};
  // Names of transports(). Empty: all.
  std::vector<std::string> transports;
  std::vector<std::size_t> sizes{56};
  // A transport that does not wait so is measured in its nearest way: polled for spin, blocking for
  // park and eventfd, and the reverse; left out if it has none.
  std::vector<Wait> waits{Wait::spin};
  std::vector<bool> quick_wakes{false};  // of the waits that sleep
  bool spin_first = true;                // of ringbell's waits that sleep
  bool checksum = false;                 // throughput: every byte is filled in and compared
  std::optional<std::uint64_t> samples;  // round trips, in place of the time
  std::chrono::milliseconds duration{1000};
  std::vector<double> loads;        // open_loop: shares of the capacity
  std::vector<double> rates_per_s;  // open_loop: messages
  // open_loop: the group that both sides are in. Ringbell's ends once keep within its quota, and
  // once not. Null: none.
  const CpuGroup* group = nullptr;
  int repeats = 3;
};

// The points of one repeat. What competes stands next to each other in time.
[[nodiscard]] std::vector<Point> chosen_points(const Chosen& chosen, Bench bench, int repeat);

[[nodiscard]] double chosen_seconds(const Chosen& chosen, Bench bench);

// Adds the rows of the floors that belong to it and of all points. Errors as of run_all().
[[nodiscard]] Result<void> measure_chosen(const Chosen& chosen, Bench bench, RowSink& sink);

}  // namespace ringbell::bench
