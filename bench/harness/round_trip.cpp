#include "bench/harness/round_trip.hpp"

namespace ringbell::bench {

tl::unexpected<Error> fail_wrong_message(std::uint64_t due, std::uint64_t came) {
  return fail(
      ErrorCode::corrupt,
      fmt::format("verification failed: message {} was due, {} came (or one of another size)", due,
                  came));
}

void describe_round_trip(const Histogram& histogram, Row& row) {
  set(row, "samples", histogram.count());
  set(row, "p50_ns", histogram.quantile(0.5));
  set(row, "p90_ns", histogram.quantile(0.9));
  set(row, "p99_ns", histogram.quantile(0.99));
  set(row, "p999_ns", histogram.quantile(0.999));
  set(row, "max_ns", histogram.max());
}

}  // namespace ringbell::bench
