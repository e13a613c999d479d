#include "bench/floors/state.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "bench/floors/floor.hpp"

namespace ringbell::bench {
namespace {

constexpr Trips kTrips{1000, 10'000};  // 1 to 5 ms
constexpr int kMostTries = 3;

}  // namespace

bool same_state(double one_ns, double other_ns) noexcept {
  constexpr double kFactor = 2;
  return std::max(one_ns, other_ns) < kFactor * std::min(one_ns, other_ns);
}

double state_seconds(Placement placement) noexcept {
  return placement == Placement::two_cpus ? 2 * 0.008 : 0;
}

Result<void> add_in_one_state(const std::function<Result<double>()>& line, Row& row,
                              const AddFigures& add) {
  for (int tries = 1;; ++tries) {
    const Result<double> before = line();
    if (!before) return tl::unexpected(before.error());
    Row tried = row;
    Result<void> done = add(tried);
    const Result<double> after = done ? line() : before;
    if (!after) return tl::unexpected(after.error());
    if (done && !same_state(*before, *after) && tries < kMostTries) continue;
    tried["line_ns_before"] = *before;
    tried["line_ns_after"] = *after;
    if (tries > 1) tried["tries"] = tries;
    row = std::move(tried);
    return done;
  }
}

Result<void> add_in_one_state(Placement placement, const CpuPair& cpus, Row& row,
                              const AddFigures& add) {
  if (placement == Placement::one_cpu) return add(row);
  const auto line = [&]() -> Result<double> {
    const Result<FloorFigures> figures = one_line({.placement = placement, .cpus = cpus}, kTrips);
    if (!figures) return tl::unexpected(figures.error());
    return figures->p50_ns;
  };
  return add_in_one_state(line, row, add);
}

}  // namespace ringbell::bench
