#include "bench/compare/chosen.hpp"

#include <algorithm>
#include <span>

#include "bench/compare/beside.hpp"
#include "bench/compare/plan.hpp"
#include "bench/compare/run.hpp"
#include "bench/compare/series.hpp"
#include "bench/floors/floors.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

template <class T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool any_awake(const Chosen& chosen) {
  return std::any_of(chosen.waits.begin(), chosen.waits.end(), [](Wait w) { return !sleeps(w); });
}
bool any_asleep(const Chosen& chosen) {
  return std::any_of(chosen.waits.begin(), chosen.waits.end(), sleeps);
}

// How this transport waits where `asked` is wanted.
std::optional<Wait> nearest(const TransportEntry& transport, Bench bench, Wait asked,
                            Placement placement) {
  const auto has = [&](Wait wait) { return suits(transport, bench, wait, placement); };
  if (has(asked)) return asked;
  const Wait other = sleeps(asked) ? (asked == Wait::blocking ? Wait::park : Wait::blocking)
                                   : (asked == Wait::polled ? Wait::spin : Wait::polled);
  return has(other) ? std::optional(other) : std::nullopt;
}

// In the order in which they were asked for, each once.
std::vector<Wait> waits_of(const TransportEntry& transport, Bench bench, const Chosen& chosen,
                           Placement placement, bool asleep) {
  std::vector<Wait> waits;
  for (const Wait asked : chosen.waits) {
    const std::optional<Wait> wait = nearest(transport, bench, asked, placement);
    if (wait && sleeps(*wait) == asleep && !contains(waits, *wait)) waits.push_back(*wait);
  }
  return waits;
}

void set_amount(Point& point, const Chosen& chosen) {
  point.duration = chosen.duration;
  if (!chosen.samples || point.bench != Bench::round_trip) return;
  point.samples = *chosen.samples;
  point.duration = std::chrono::hours(24);
}

// All transports in one placement, awake or asleep, at one size.
void add_group(const Chosen& chosen, const Point& like, bool asleep, std::vector<Point>& points) {
  for (const TransportEntry& transport : transports()) {
    const std::string name(transport.name);
    const bool unfit = like.message_bytes < transport.smallest_bytes;
    if (chosen.transports.empty() ? unfit : !contains(chosen.transports, name)) continue;
    for (const Wait wait : waits_of(transport, like.bench, chosen, like.placement, asleep)) {
      Point point = like;
      point.transport = name;
      point.wait = wait;
      point.spin_first = chosen.spin_first || !asleep || transport.family != Family::ringbell;
      set_amount(point, chosen);
      point.group = chosen.group;
      if (chosen.group != nullptr && transport.family == Family::ringbell) {
        points.push_back(point);
        point.within_quota = false;
      }
      points.push_back(std::move(point));
    }
  }
}

FloorOptions floors_of(const Chosen& chosen, Bench bench, int repeat) {
  const bool spinning = any_awake(chosen) && contains(chosen.placements, Placement::two_cpus);
  FloorOptions floors;
  floors.cpus = chosen.cpus;
  floors.lines = spinning && bench == Bench::round_trip;
  floors.one_way = spinning && bench == Bench::throughput;
  floors.memcpy_sizes.clear();
  if (spinning && bench == Bench::throughput) floors.memcpy_sizes = chosen.sizes;
  floors.placements.clear();
  if (any_asleep(chosen) && bench == Bench::round_trip) floors.placements = chosen.placements;
  floors.quick_wakes = chosen.quick_wakes;
  floors.spinning_samples = chosen.samples.value_or(floors.spinning_samples);
  floors.sleeping_samples = chosen.samples.value_or(floors.sleeping_samples);
  floors.memcpy_seconds =
      std::min(floors.memcpy_seconds, std::chrono::duration<double>(chosen.duration).count());
  floors.repeat = repeat;
  return floors;
}

std::vector<Series> series_of(const Chosen& chosen, int repeat) {
  std::vector<Series> all;
  for (Point& point : chosen_points(chosen, Bench::open_loop, repeat)) {
    all.push_back({std::move(point), chosen.loads, chosen.rates_per_s});
  }
  return all;
}

}  // namespace

std::vector<Point> chosen_points(const Chosen& chosen, Bench bench, int repeat) {
  std::vector<Point> points;
  for (const Placement placement : chosen.placements) {
    for (const bool asleep : {false, true}) {
      const std::vector<bool> quick_wakes = asleep ? chosen.quick_wakes : std::vector<bool>{false};
      for (const bool quick_wake : quick_wakes) {
        for (const std::size_t size : chosen.sizes) {
          Point point;
          point.bench = bench;
          point.placement = placement;
          point.quick_wake = quick_wake;
          point.message_bytes = size;
          point.checksum = chosen.checksum && bench == Bench::throughput;
          point.repeat = repeat;
          add_group(chosen, point, asleep, points);
        }
      }
    }
  }
  return points;
}

double chosen_seconds(const Chosen& chosen, Bench bench) {
  if (bench == Bench::open_loop) return chosen.repeats * estimated_seconds(series_of(chosen, 0));
  return chosen.repeats * (estimated_seconds(floors_of(chosen, bench, 0)) +
                           estimated_seconds(chosen_points(chosen, bench, 0)));
}

Result<void> measure_chosen(const Chosen& chosen, Bench bench, RowSink& sink) {
  Result<void> verified;
  for (int repeat = 0; repeat < chosen.repeats; ++repeat) {
    if (auto done = measure_floors(floors_of(chosen, bench, repeat), sink); !done) return done;
    const Result<void> done =
        bench == Bench::open_loop
            ? run_series(series_of(chosen, repeat), chosen.cpus, sink, verified)
            : run_points(chosen_points(chosen, bench, repeat), chosen.cpus, sink, verified);
    if (!done) return done;
  }
  return verified;
}

}  // namespace ringbell::bench
