// Libraries that are built elsewhere, each with a program of its own that measures it: their rows
// stand in the same run, next in time to ringbell's.
#pragma once

#include <string>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// It is run for one point at a time, as
//
//   PROGRAM round_trip|throughput BYTES CPU CPU
//
// awake, one process on each of the CPUs, one message at a time, copied in and out; and prints one
// JSON object of figures, as the rows have them ("p50_ns", "messages_per_s"), with "peer_version":
// release, commit and build. Nothing, if it has no such point.
struct Guest {
  std::string name;  // of its transport
  std::string program;
};

// What follows `NAME=`, and the name. Errors: invalid_argument.
[[nodiscard]] Result<Guest> parse_guest(const std::string& text);

// Adds the rows of all guests for the point, if it is one that they are measured at: ringbell's,
// awake on two CPUs, copied, one by one. Errors: what ends the run.
[[nodiscard]] Result<void> run_guests(const std::vector<Guest>& guests, const Point& point,
                                      const CpuPair& cpus, RowSink& sink, Result<void>& verified);

}  // namespace ringbell::bench
