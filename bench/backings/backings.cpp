#include "bench/backings/backings.hpp"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "bench/backings/first_touch.hpp"
#include "bench/backings/setups.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

constexpr double kFirstTouchSeconds = 0.3;

double seconds_of(const BackingOptions& options, Bench bench) noexcept {
  constexpr double kTripSeconds = 5e-6;
  if (bench == Bench::round_trip) return static_cast<double>(options.samples) * kTripSeconds;
  return 1.1 * static_cast<double>(options.window.count()) / 1000;
}

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
    point.samples = options_.samples;
    point.duration = options_.window;
    point.estimated_seconds = seconds_of(options_, bench);
    const std::string title = fmt::format("{}, {}", setup.name, point.title());
    sink_.announce(title, point.estimated_seconds);
    Row row = labelled(point.labels(), setup);
    const Result<void> done = measure(point, options_.cpus, row);
    return add_measured(std::move(row), done, title, sink_, verified_);
  }

  [[nodiscard]] const Result<void>& verified() const noexcept { return verified_; }

 private:
  const BackingOptions& options_;
  RowSink& sink_;
  Result<void> verified_;
};

std::string figure(const Row& row) {
  if (row.contains("error")) return row["error"].get<std::string>();
  const auto number = [&](const char* field) { return row[field].get<double>(); };
  if (row["bench"] == "first_touch") {
    const double pages = number("bytes") / 4096;
    return fmt::format("first touch {:.0f} ns, second image {:.0f} ns per 4 KiB; {} faults",
                       number("touch_ns") / pages, number("again_ns") / pages,
                       row["page_faults"].get<std::uint64_t>());
  }
  if (row["bench"] == "round_trip") {
    return fmt::format("round trip of {} B: {:.0f} ns", row["message_bytes"].get<std::size_t>(),
                       number("p50_ns"));
  }
  return fmt::format("one way {} B: {:.2f} M/s", row["message_bytes"].get<std::size_t>(),
                     number("messages_per_s") / 1e6);
}

}  // namespace

double backings_seconds(const BackingOptions& options) {
  const double points =
      static_cast<double>(options.sizes.size()) *
      (seconds_of(options, Bench::round_trip) + seconds_of(options, Bench::throughput));
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

std::string backings_table(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    if (!row.contains("backing")) continue;
    text += fmt::format("{:<10} {:<8} {}\n", row["backing"].get<std::string>(),
                        row["huge_pages"].get<std::string>(), figure(row));
  }
  return text;
}

}  // namespace ringbell::bench
