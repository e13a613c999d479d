#include "bench/compare/series.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "bench/floors/state.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/open_loop.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kUsualBytes = 56;
// Rates that mean the same for each transport, over windows in which a pause of milliseconds is
// one of many; of the transports that a user would choose among.
constexpr std::array<double, 3> kRates{10e3, 100e3, 1e6};
constexpr std::array<std::string_view, 4> kAtRates{"ringbell", "pipe", "unix_stream", "posix_mq"};

Point capacity_point(const Series& series) {
  constexpr std::chrono::nanoseconds kLongest = milliseconds(200);
  Point point = series.like;
  point.rate_per_s = 0;
  point.duration = std::min(point.duration, kLongest);
  return point;
}

std::vector<Point> points_of(const Series& series, double capacity_per_s) {
  std::vector<Point> points;
  const auto add = [&](double load, double rate_per_s) {
    Point point = series.like;
    point.load = load;
    point.rate_per_s = rate_per_s;
    points.push_back(std::move(point));
  };
  for (const double load : series.loads) add(load, load * capacity_per_s);
  for (const double rate : series.rates_per_s) add(0, rate);
  return points;
}

tl::unexpected<Error> fail_over(double rate_per_s, double capacity_per_s) {
  return fail(ErrorCode::timed_out,
              fmt::format("{:.3g} messages a second are more than go through: {:.3g}", rate_per_s,
                          capacity_per_s));
}

Result<void> run_one(const Series& series, const CpuPair& cpus, RowSink& sink,
                     Result<void>& verified) {
  const Point most = capacity_point(series);
  sink.announce(most.title(), most.seconds());
  Row found;
  Result<void> measured = measure(most, cpus, found);
  if (measured && found["samples"] == 0) {
    measured = fail(ErrorCode::timed_out, "no message came while the capacity was measured");
  }
  if (!measured) {
    return add_measured(most.labels(), measured, most.title(), sink, verified);
  }
  const auto capacity_per_s = found["rate_achieved_per_s"].get<double>();
  for (const Point& point : points_of(series, capacity_per_s)) {
    sink.announce(point.title(), point.seconds() + state_seconds(point.placement));
    Row row = point.labels();
    row["capacity_per_s"] = capacity_per_s;
    const Result<void> done = point.rate_per_s > capacity_per_s
                                  ? fail_over(point.rate_per_s, capacity_per_s)
                                  : add_in_one_state(point.placement, cpus, row, [&](Row& figures) {
                                      return measure(point, cpus, figures);
                                    });
    const Result<void> added = add_measured(std::move(row), done, point.title(), sink, verified);
    if (!added) return added;
  }
  return {};
}

// Pipes with a larger buffer differ from pipes only where much is under way.
bool wanted(const PlanOptions& options, const TransportEntry& transport) {
  const auto among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), transport.name) != names.end();
  };
  if (transport.open_loop == nullptr || transport.family == Family::ring) return false;
  if (!options.transports.empty()) return among(options.transports);
  if (transport.family == Family::peer && !options.peers) return false;
  constexpr std::array<std::string_view, 1> kLikePipe{"pipe_1m"};
  constexpr std::array<std::string_view, 4> kQuick{"ringbell", "pipe", "unix_stream", "posix_mq"};
  return options.mode == Mode::quick ? among(kQuick) : !among(kLikePipe);
}

bool at_rates(const TransportEntry& transport) {
  return std::find(kAtRates.begin(), kAtRates.end(), transport.name) != kAtRates.end();
}

std::vector<std::size_t> sizes_of(const PlanOptions& options) {
  if (options.sizes.empty()) return {kUsualBytes};
  std::vector<std::size_t> sizes;
  std::copy_if(options.sizes.begin(), options.sizes.end(), std::back_inserter(sizes),
               [](std::size_t size) { return size >= kSmallestOpenLoopBytes; });
  return sizes;
}

}  // namespace

std::vector<Series> planned_series(const PlanOptions& options, int repeat) {
  std::vector<Series> all;
  Series series;
  series.loads = {kLoads.begin(), kLoads.end()};
  if (options.mode == Mode::quick) series.loads = {0.1, 0.5, 0.9};
  series.like.bench = Bench::open_loop;
  series.like.repeat = repeat;
  series.like.duration = milliseconds(options.mode == Mode::quick   ? 100
                                      : options.mode == Mode::plain ? 300
                                                                    : 400);
  std::vector<Wait> waits{Wait::spin, Wait::polled};
  if (options.mode == Mode::full) waits = {Wait::spin, Wait::polled, Wait::park, Wait::blocking};
  for (const bool asleep : {false, true}) {
    for (const std::size_t size : sizes_of(options)) {
      for (const TransportEntry& transport : transports()) {
        if (!wanted(options, transport) || size < transport.smallest_bytes) continue;
        for (const Wait wait : waits) {
          if (sleeps(wait) != asleep) continue;
          if (!suits(transport, Bench::open_loop, wait, Placement::two_cpus)) continue;
          series.like.transport = transport.name;
          series.like.wait = wait;
          series.like.message_bytes = size;
          all.push_back(series);
          if (size != kUsualBytes || options.mode == Mode::quick || !at_rates(transport)) continue;
          Series steady = series;
          steady.loads.clear();
          steady.rates_per_s = {kRates.begin(), kRates.end()};
          if (options.mode == Mode::full) steady.like.duration = std::chrono::seconds(5);
          all.push_back(std::move(steady));
        }
      }
    }
  }
  return all;
}

double estimated_seconds(const std::vector<Series>& all) {
  double seconds = 0;
  for (const Series& series : all) {
    const double loads = static_cast<double>(series.loads.size() + series.rates_per_s.size());
    const double each = series.like.seconds() + state_seconds(series.like.placement);
    seconds += capacity_point(series).seconds() + loads * each;
  }
  return seconds;
}

Result<void> run_series(const std::vector<Series>& all, const CpuPair& cpus, RowSink& sink,
                        Result<void>& verified) {
  for (const Series& series : all) {
    if (auto done = run_one(series, cpus, sink, verified); !done) return done;
  }
  return {};
}

}  // namespace ringbell::bench
