#include "bench/harness/open_loop.hpp"

#include <fmt/format.h>

namespace ringbell::bench {

tl::unexpected<Error> fail_too_small() {
  return fail(ErrorCode::invalid_argument,
              fmt::format("a message of the open loop has at least {} bytes: number, time, check",
                          kSmallestOpenLoopBytes));
}

tl::unexpected<Error> fail_behind(double rate_per_s, std::uint64_t behind_ns) {
  return fail(ErrorCode::timed_out,
              fmt::format("{:.3g} messages a second are more than go through: the sender fell "
                          "{:.1f} s behind",
                          rate_per_s, static_cast<double>(behind_ns) * 1e-9));
}

void describe_open_loop(const OpenLoopFigures& figures, Row& row) {
  // From when the first was due: a first one that comes late must not look like a higher rate.
  const double seconds = static_cast<double>(figures.last_ns - figures.record_from_ns) * 1e-9;
  const std::uint64_t messages = figures.latency.count();
  set(row, "rate_achieved_per_s", messages > 0 ? static_cast<double>(messages) / seconds : 0.0);
  describe_latency(figures.latency, row);
  set(row, "verified", true);
}

}  // namespace ringbell::bench
