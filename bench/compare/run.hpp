// Runs what the options ask for: floors, points, files.
#pragma once

#include <span>

#include "bench/compare/options.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Measures them, each with its floor beside it, and adds their rows. What cannot run on this
// machine becomes a row with "error". `verified` becomes the first Error of kind corrupt: what came
// was not what was sent. Errors: what ends the run.
[[nodiscard]] Result<void> run_points(std::span<const Point> points, const CpuPair& cpus,
                                      RowSink& sink, Result<void>& verified);

// All of it, for the progress line.
[[nodiscard]] double planned_seconds(const Options& options);

// Whether the copies of files, which come last, will find their folder and the room in it.
[[nodiscard]] Result<void> check_room(const Options& options);

// Adds the rows. What cannot run on this machine becomes a row with "error", and the rest is run.
// Errors: what ends the run, and corrupt, at the end, if anything that came was not what was sent.
[[nodiscard]] Result<void> run_all(const Options& options, RowSink& sink);

}  // namespace ringbell::bench
