#include "bench/compare/cost.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "bench/harness/round_trip.hpp"

namespace ringbell::bench {
namespace {

// Two forks, a link, the pinning.
constexpr double kPointSeconds = 0.003;
constexpr double kWarmUpShare = 1.1;

// A round trip, no side asleep, each process on its own CPU: so much, and so much for each byte;
// for all transports whose names begin so.
struct Cost {
  std::string_view transport;
  double base_ns;
  double byte_ns;
};

constexpr std::array kCosts{
    Cost{"ringbell", 300, 0.2},     Cost{"pipe", 1400, 0.4},     Cost{"fifo", 1600, 0.5},
    Cost{"unix_", 4500, 0.25},      Cost{"posix_mq", 3500, 1.0}, Cost{"sysv_mq", 3500, 1.1},
    Cost{"tcp", 9500, 0.6},         Cost{"zeromq", 30'000, 1.0}, Cost{"nng", 40'000, 1.0},
    Cost{"boost_queue", 1500, 0.5}, Cost{"iceoryx", 2000, 0.3},
};

constexpr double kSwitchNs = 3000;      // both on one CPU: to the other and back
constexpr double kWakeNs = 42'000;      // of two sleepers on halted CPUs
constexpr double kQuickWakeNs = 5'000;  // on CPUs that may not halt
constexpr double kWakesOfByteNs = 0.7;  // more wake-ups of halted CPUs while a large message passes

double round_trip_ns(const Point& point) {
  const auto* const found = std::find_if(kCosts.begin(), kCosts.end(), [&](const Cost& cost) {
    return point.transport.starts_with(cost.transport);
  });
  Cost cost = found != kCosts.end() ? *found : kCosts.back();
  if (point.loaned) cost.byte_ns = 0;
  const bool ours_spinning = point.transport == "ringbell" && point.spin_first;
  if (point.placement == Placement::one_cpu) {
    cost.base_ns += kSwitchNs;
  } else if (sleeps(point.wait) && !ours_spinning) {
    cost.base_ns += point.quick_wake ? kQuickWakeNs : kWakeNs;
    if (point.transport != "ringbell" && !point.quick_wake) cost.byte_ns += kWakesOfByteNs;
  }
  return cost.base_ns + cost.byte_ns * static_cast<double>(point.message_bytes);
}

}  // namespace

double cost_seconds(const Point& point) {
  if (point.bench != Bench::round_trip) {
    return kPointSeconds + kWarmUpShare * std::chrono::duration<double>(point.duration).count();
  }
  const auto round_trips = static_cast<double>(point.samples + warm_ups_of(point.samples));
  return kPointSeconds + round_trips * round_trip_ns(point) * 1e-9;
}

}  // namespace ringbell::bench
