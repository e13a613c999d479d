#include "bench/backings/backings.hpp"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "bench/backings/first_touch.hpp"
#include "bench/backings/setups.hpp"
#include "bench/floors/state.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

constexpr double kFirstTouchSeconds = 0.3;

Row labelled(Row row, const Setup& setup) {
  row["backing"] = setup.name;
  row["huge_pages"] = name_of(setup.memory.huge_pages);
  return row;
}

class Run {
 public:
  Run(const BackingOptions& options, RowSink& sink) noexcept : options_(options), sink_(sink) {}

  [[nodiscard]] Result<void> first_touch(const Setup& setup, int repeat) {
    const std::string title = fmt::format("{}, first touch", setup.name);
    sink_.announce(title, kFirstTouchSeconds);
    Row row = labelled({{"bench", "first_touch"}}, setup);
    row["bytes"] = options_.first_touch_bytes;
    row["repeat"] = repeat;
    const PairOptions pair{.placement = Placement::one_cpu, .cpus = options_.cpus};
    const Result<void> done = measure_first_touch(setup, options_.first_touch_bytes, pair, row);
    return add_measured(std::move(row), done, title, sink_, verified_);
  }

  [[nodiscard]] Result<void> point(const Setup& setup, Bench bench, std::size_t bytes, int repeat) {
    Point point{.bench = bench, .transport = "ringbell", .wait = Wait::spin};
    point.message_bytes = bytes;
    point.memory = &setup.memory;
    point.repeat = repeat;
    point.duration = options_.window;
    point.samples = options_.samples;
    const std::string title = fmt::format("{}, {}", setup.name, point.title());
    sink_.announce(title, point.seconds());
    Row row = labelled(point.labels(), setup);
    const Result<void> done =
        add_in_one_state(point.placement, options_.cpus, row,
                         [&](Row& figures) { return measure(point, options_.cpus, figures); });
    return add_measured(std::move(row), done, title, sink_, verified_);
  }

  [[nodiscard]] const Result<void>& verified() const noexcept { return verified_; }

 private:
  const BackingOptions& options_;
  RowSink& sink_;
  Result<void> verified_;
};

}  // namespace

double backings_seconds(const BackingOptions& options) {
  Point point;
  point.duration = options.window;
  const double points = 2 * static_cast<double>(options.sizes.size()) * point.seconds();
  return static_cast<double>(backing_setups(options.folder).size()) *
         (kFirstTouchSeconds + points) * options.repeats;
}

Result<void> measure_backings(const BackingOptions& options, RowSink& sink) {
  Run run(options, sink);
  const std::vector<Setup> setups = backing_setups(options.folder);
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (const Setup& setup : setups) {
      if (Result<void> done = run.first_touch(setup, repeat); !done) return done;
    }
    // What is compared stands next to each other in time: all setups of a size in a row.
    for (const Bench bench : {Bench::round_trip, Bench::throughput}) {
      for (const std::size_t bytes : options.sizes) {
        for (const Setup& setup : setups) {
          if (Result<void> done = run.point(setup, bench, bytes, repeat); !done) return done;
        }
      }
    }
  }
  return run.verified();
}

}  // namespace ringbell::bench
