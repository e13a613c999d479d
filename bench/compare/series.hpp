// One transport in one setting at several loads.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/compare/plan.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Shares of the capacity.
inline constexpr std::array<double, 5> kLoads{0.1, 0.25, 0.5, 0.75, 0.9};

struct Series {
  Point like;                       // all but its rate
  std::vector<double> loads;        // shares of the capacity, which is measured first
  std::vector<double> rates_per_s;  // messages per second, whatever the capacity is
};

// The comparison's, of one repeat.
[[nodiscard]] std::vector<Series> planned_series(const PlanOptions& options, int repeat);

[[nodiscard]] double estimated_seconds(const std::vector<Series>& all);

// Adds a row for each load and each rate, as run_points() does.
[[nodiscard]] Result<void> run_series(const std::vector<Series>& all, const CpuPair& cpus,
                                      RowSink& sink, Result<void>& verified);

}  // namespace ringbell::bench
