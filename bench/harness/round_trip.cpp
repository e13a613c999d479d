#include "bench/harness/round_trip.hpp"

#include <array>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace ringbell::bench {

tl::unexpected<Error> fail_wrong_message(std::uint64_t due, std::uint64_t came) {
  return fail(
      ErrorCode::corrupt,
      fmt::format("verification failed: message {} was due, {} came (or one of another size)", due,
                  came));
}

void describe_latency(const Histogram& latency, Row& row) {
  constexpr double kFewestBeyond = 100;
  static const auto step_ns = static_cast<double>(clock_step_ns());
  const auto count = static_cast<double>(latency.count());
  row["samples"] = latency.count();
  row["mean_ns"] = latency.mean();
  constexpr std::array kPercentiles{std::pair{"p50_ns", 0.5}, std::pair{"p90_ns", 0.9},
                                    std::pair{"p99_ns", 0.99}, std::pair{"p999_ns", 0.999},
                                    std::pair{"p9999_ns", 0.9999}};
  for (const auto& [name, share] : kPercentiles) {
    if (share > 0.5 && count * (1 - share) < kFewestBeyond * (1 - 1e-9)) break;
    row[name] = std::round(latency.quantile(share) / step_ns) * step_ns;
  }
  row["max_ns"] = latency.max();
  Row buckets = Row::array();
  latency.for_each_bucket([&](double value_ns, std::uint64_t samples) {
    buckets.push_back({value_ns, samples});
  });
  row["buckets"] = std::move(buckets);
}

void describe_usage(const Usage& usage, std::uint64_t messages, Row& row) {
  const auto of_each = [&](std::uint64_t all) {
    return static_cast<double>(all) / static_cast<double>(messages);
  };
  row["cpu_ns_per_message"] = of_each(usage.cpu_ns);
  row["switches_per_message"] = of_each(usage.switches);
}

}  // namespace ringbell::bench
