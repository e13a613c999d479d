// What it costs where a ring's pages come from (`ringbell-compare --backings`).
//
// For each backing and size of pages: the first touch, and round trips and one-way throughput of a
// channel, spinning on two CPUs, in rings of 4 MiB, so that pages of 4 KiB are more than
// the first level of the TLB holds. The rows are those of the comparison, with "backing",
// "huge_pages" (what was asked for), "page_bytes" and "huge_bytes" (what was got).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

struct BackingOptions {
  CpuPair cpus{0, 1};
  // Where the regular files go.
  std::string folder = ".";
  std::vector<std::size_t> sizes{56, 4096, 65536};
  std::uint64_t first_touch_bytes = 64UL << 20;
  std::uint64_t samples = UINT64_MAX;      // no more round trips than these
  std::chrono::milliseconds window{1000};  // of each
  int repeats = 1;
};

[[nodiscard]] double backings_seconds(const BackingOptions& options);

// Adds the rows; one with "error" for what this machine does not have. Errors: what ends the run;
// corrupt, at the end, if anything that came was not what was sent.
[[nodiscard]] Result<void> measure_backings(const BackingOptions& options, RowSink& sink);

}  // namespace ringbell::bench
