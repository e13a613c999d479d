#include "bench/floors/floors.hpp"

#include <functional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/ends/channel.hpp>

#include "bench/floors/floor.hpp"
#include "bench/floors/hiccups.hpp"
#include "bench/floors/state.hpp"
#include "bench/harness/row_sink.hpp"

namespace ringbell::bench {
namespace {

// For the time left: a trip that sleeps on an idle machine, and one that spins.
constexpr double kSleepingTripSeconds = 45e-6;
constexpr double kSpinningTripSeconds = 400e-9;
constexpr double kStartSeconds = 0.003;

struct Floor {
  const char* name;
  std::size_t message_bytes;  // 0: none
  bool sleeps;
  PairOptions pair;
  double estimated_seconds;
  std::function<Result<FloorFigures>(const PairOptions&)> measure;
};

void add_spinning(const FloorOptions& options, std::vector<Floor>& floors) {
  PairOptions pair;
  pair.placement = Placement::two_cpus;
  pair.cpus = options.cpus;
  const Trips trips{options.spinning_samples / 10, options.spinning_samples};
  const double seconds = static_cast<double>(trips.all()) * kSpinningTripSeconds + kStartSeconds;
  const auto add = [&](const char* name, std::size_t message_bytes, double estimate, auto measure) {
    floors.push_back({name, message_bytes, false, pair, estimate, std::move(measure)});
  };
  if (options.lines) {
    add("two_lines", sizeof(std::uint64_t), seconds,
        [trips](const PairOptions& with) { return two_lines(with, trips); });
    add("one_line", kOneLineMessageBytes, seconds,
        [trips](const PairOptions& with) { return one_line(with, trips); });
    for (const std::size_t bytes : {std::size_t{8}, std::size_t{56}}) {
      add("ring_of_lines", bytes, seconds,
          [trips, bytes](const PairOptions& with) { return ring_of_lines(with, trips, bytes); });
    }
  }
  const double each = options.memcpy_seconds * 1.1;  // warm-up
  if (options.one_way) {
    add("lines_one_way", kLineBytes, each + 3 * kStartSeconds, [&options](const PairOptions& with) {
      return lines_one_way(with, options.memcpy_seconds, ChannelOptions::kDefaultCapacityBytes);
    });
  }
  for (const std::size_t bytes : options.memcpy_sizes) {
    add("memcpy", bytes, each + kStartSeconds, [bytes, &options](const PairOptions& with) {
      return shared_memcpy(with, bytes, options.memcpy_seconds);
    });
  }
}

void add_sleeping(const FloorOptions& options, std::vector<Floor>& floors) {
  const Trips trips{options.sleeping_samples / 10, options.sleeping_samples};
  for (const Placement placement : options.placements) {
    for (const bool quick_wake : options.quick_wakes) {
      PairOptions pair;
      pair.placement = placement;
      pair.cpus = options.cpus;
      pair.quick_wake = quick_wake;
      const bool slow = placement == Placement::two_cpus && !quick_wake;
      const double seconds =
          static_cast<double>(trips.all()) * kSleepingTripSeconds * (slow ? 1 : 0.1);
      floors.push_back({"futex", 0, true, pair, seconds + kStartSeconds,
                        [trips](const PairOptions& with) { return futex_trips(with, trips); }});
      floors.push_back({"eventfd", 0, true, pair, seconds + kStartSeconds,
                        [trips](const PairOptions& with) { return eventfd_trips(with, trips); }});
    }
  }
}

std::vector<Floor> floors_of(const FloorOptions& options) {
  std::vector<Floor> floors;
  add_spinning(options, floors);
  add_sleeping(options, floors);
  return floors;
}

Row row_of(const Floor& floor, const FloorOptions& options) {
  Row row{{"bench", "floor"},
          {"name", floor.name},
          {"placement", name_of(floor.pair.placement)},
          {"message_bytes", floor.message_bytes},
          {"repeat", options.repeat}};
  if (floor.sleeps) row["quick_wake"] = floor.pair.quick_wake;
  return row;
}

void add_figures(const FloorFigures& figures, Row& row) {
  row["samples"] = figures.samples;
  row["p50_ns"] = figures.p50_ns;
  row["p99_ns"] = figures.p99_ns;
  if (figures.bytes_per_s) row["bytes_per_s"] = *figures.bytes_per_s;
}

// On each CPU a row, while the other is idle.
Result<void> measure_all_hiccups(const FloorOptions& options, RowSink& sink) {
  for (const int cpu : options.cpus) {
    if (options.hiccup_seconds <= 0 || cpu < 0) continue;
    sink.announce(fmt::format("hiccups of CPU {}", cpu), options.hiccup_seconds);
    Row row{{"bench", "floor"},
            {"name", "hiccups"},
            {"placement", name_of(Placement::one_cpu)},
            {"cpu", cpu},
            {"repeat", options.repeat}};
    const Result<void> measured = measure_hiccups(cpu, options.hiccup_seconds, row);
    if (!measured && ends_the_run(measured.error())) return measured;
    if (!measured) row["error"] = measured.error().message;
    sink.add(std::move(row));
  }
  return {};
}

}  // namespace

double estimated_seconds(const FloorOptions& options) {
  double seconds = 2 * options.hiccup_seconds;
  for (const Floor& floor : floors_of(options)) {
    seconds += floor.estimated_seconds + state_seconds(floor.pair.placement);
  }
  return seconds;
}

Result<void> measure_floors(const FloorOptions& options, RowSink& sink) {
  for (const Floor& floor : floors_of(options)) {
    sink.announce(fmt::format("floor {}, {} bytes, {}", floor.name, floor.message_bytes,
                              name_of(floor.pair.placement)),
                  floor.estimated_seconds);
    Row row = row_of(floor, options);
    const Result<void> measured = add_in_one_state(
        floor.pair.placement, options.cpus, row, [&](Row& figures) -> Result<void> {
          const Result<FloorFigures> got = floor.measure(floor.pair);
          if (!got) return tl::unexpected(got.error());
          add_figures(*got, figures);
          return {};
        });
    if (!measured && ends_the_run(measured.error())) return measured;
    if (!measured) row["error"] = measured.error().message;
    sink.add(std::move(row));
  }
  return measure_all_hiccups(options, sink);
}

}  // namespace ringbell::bench
