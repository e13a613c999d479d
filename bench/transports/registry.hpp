// The transports of the comparison by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness/point.hpp"

namespace ringbell::bench {

// Adds the figures of the point to the row.
using Measure = Result<void> (*)(const Point& point, const CpuPair& cpus, Row& row);

enum class Family {
  ringbell,  // a channel: every way to wait
  ring,      // a ring of core, bare: it spins, on two CPUs
  kernels,
};

struct TransportEntry {
  std::string_view name;  // as in the rows and on the command line
  Family family;
  Measure round_trip;
  Measure throughput;  // null: has none
};

[[nodiscard]] std::span<const TransportEntry> transports() noexcept;

// Nothing if there is none of this name.
[[nodiscard]] const TransportEntry* find_transport(std::string_view name) noexcept;

// "ringbell, pipe, ...": for messages.
[[nodiscard]] std::string transport_names();

// REQUIRES: point.transport is the name of one.
[[nodiscard]] Result<void> measure(const Point& point, const CpuPair& cpus, Row& row);

}  // namespace ringbell::bench
