// Libraries that are built elsewhere, each with a program of its own that measures it: their rows
// stand in the same run, next in time to ringbell's.
#pragma once

#include <span>
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
// awake, one process on each of the CPUs, one message at a time, copied in and out; verifies what
// came, and prints one JSON object of figures, as the rows have them: "p50_ns" or "messages_per_s"
// at least, "verified", and "peer_version": release, commit and build. Nothing, if it has no such
// point. It ends within a minute, and leaves nothing running.
struct Guest {
  std::string name;  // of its transport
  std::string program;
};

// Each is NAME=PROGRAM. Errors: invalid_argument, also of a name that another one has.
[[nodiscard]] Result<std::vector<Guest>> parse_guests(const std::vector<std::string>& texts);

// What the guests take for these points, as far as it is known.
[[nodiscard]] double guests_seconds(const std::vector<Guest>& guests,
                                    std::span<const Point> points);

// Adds the rows of all guests for the point, if it is one that they are measured at: ringbell's,
// awake on two CPUs, copied, one by one. Errors: what ends the run.
[[nodiscard]] Result<void> run_guests(const std::vector<Guest>& guests, const Point& point,
                                      const CpuPair& cpus, RowSink& sink, Result<void>& verified);

}  // namespace ringbell::bench
