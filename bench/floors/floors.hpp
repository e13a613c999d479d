// What the machine allows: the figures that everything else in a run is set against. Each floor is
// the least that any implementation must do, between two processes as in the other benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

struct FloorOptions {
  CpuPair cpus{0, 1};
  // Cache lines handed to and fro; like memcpy they spin, so they need a CPU for each process.
  bool lines = true;
  bool one_way = true;  // and one way
  // Of the floors that sleep.
  std::vector<Placement> placements{Placement::two_cpus, Placement::one_cpu};
  std::vector<bool> quick_wakes{false, true};
  std::vector<std::size_t> memcpy_sizes{8, 56, 256, 1024, 4096, 65536, 1048576};
  std::uint64_t spinning_samples = 100'000;
  std::uint64_t sleeping_samples = 10'000;
  double memcpy_seconds = 0.5;  // for each size
  double hiccup_seconds = 0;    // on each CPU: how long the clock is read; 0: not at all
  // What the rows say in "repeat".
  int repeat = 0;
};

// How long it should take, for the time left.
[[nodiscard]] double estimated_seconds(const FloorOptions& options);

// Adds a row for each floor; one with "error" where it cannot run on this machine. Errors: only
// those that end the run (ends_the_run()).
[[nodiscard]] Result<void> measure_floors(const FloorOptions& options, RowSink& sink);

}  // namespace ringbell::bench
