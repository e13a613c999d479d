// What the machine takes away: the pauses of a process that only reads the clock, and steal time.
#pragma once

#include <cstdint>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Reads the clock on this CPU for so long. Adds to the row the gaps between two readings
// (describe_latency()), and "lost_share": of the time, what gaps of 1 us and more took. Errors: as
// run_pair.
[[nodiscard]] Result<void> measure_hiccups(int cpu, double seconds, Row& row);

struct CpuTimes {
  std::uint64_t all = 0;     // ticks, since the machine started
  std::uint64_t stolen = 0;  // that the host gave to others while this CPU wanted to run

  // Of the time since `before`.
  [[nodiscard]] double stolen_since(const CpuTimes& before) const noexcept {
    return all == before.all ? 0
                             : static_cast<double>(stolen - before.stolen) /
                                   static_cast<double>(all - before.all);
  }
};

// Of these CPUs together, by /proc/stat.
[[nodiscard]] CpuTimes cpu_times(const CpuPair& cpus);

}  // namespace ringbell::bench
