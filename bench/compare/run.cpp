#include "bench/compare/run.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "bench/backings/backings.hpp"
#include "bench/compare/beside.hpp"
#include "bench/compare/guest.hpp"
#include "bench/compare/series.hpp"
#include "bench/compare/summary.hpp"
#include "bench/file_copy/file_copy.hpp"
#include "bench/file_copy/files.hpp"
#include "bench/floors/floors.hpp"
#include "bench/floors/state.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/scale/scale.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

FloorOptions floor_options(const Options& options, int repeat) {
  FloorOptions floors;
  floors.cpus = options.cpus;
  floors.repeat = repeat;
  floors.hiccup_seconds = options.plan.mode == Mode::quick ? 0.2 : 1;
  if (!options.plan.sizes.empty()) floors.memcpy_sizes = options.plan.sizes;
  if (options.plan.mode == Mode::quick) {
    floors.spinning_samples /= 10;
    floors.sleeping_samples /= 10;
    floors.memcpy_seconds = 0.1;
  }
  return floors;
}

// Nothing is left to copy through if the user's transports do not carry files.
std::vector<std::string> for_files(const std::vector<std::string>& names) {
  const std::vector<std::string>& known = file_copy_transports();
  if (names.empty()) return known;
  std::vector<std::string> chosen;
  for (const std::string& name : known) {
    const bool is_ours = name.starts_with("ringbell_");
    const std::string asked = is_ours ? "ringbell" : name;
    if (std::find(names.begin(), names.end(), name) != names.end() ||
        std::find(names.begin(), names.end(), asked) != names.end()) {
      chosen.push_back(name);
    }
  }
  return chosen;
}

FileCopyOptions file_options(const Options& options, int repeat) {
  FileCopyOptions files;
  files.file = options.file;
  files.folder = options.out;
  files.transports = for_files(options.plan.transports);
  files.cpus = options.cpus;
  files.repeat = repeat;
  if (options.plan.mode == Mode::quick) {
    files.placements = {Placement::two_cpus};
    files.runs = 1;
  }
  return files;
}

std::uint64_t file_bytes(const FileCopyOptions& files) {
  std::error_code none;
  return files.file.empty() ? files.assembled_bytes : std::filesystem::file_size(files.file, none);
}

Result<void> run_point(const Point& point, const CpuPair& cpus, RowSink& sink,
                       Result<void>& verified) {
  sink.announce(point.title(), seconds_with_floor(point));
  Row row = point.labels();
  const Result<void> measured =
      add_in_one_state(point.placement, cpus, row, [&](Row& figures) -> Result<void> {
        FloorBeside floor(point, cpus);
        floor.measure();
        const Result<void> done = measure(point, cpus, figures);
        if (done) floor.measure();
        floor.describe(figures);
        return done;
      });
  const Result<void> added = add_measured(std::move(row), measured, point.title(), sink, verified);
  if (added || !sink.written()) return added;
  return tl::unexpected(titled(added.error(), point.title()));
}

// And the guests', each beside ringbell's.
Result<void> run_with_guests(std::span<const Point> points, const Options& options, RowSink& sink,
                             Result<void>& verified) {
  for (const Point& point : points) {
    Result<void> done = run_point(point, options.cpus, sink, verified);
    if (done) done = run_guests(options.guests, point, options.cpus, sink, verified);
    if (!done) return done;
  }
  return {};
}

// What came wrong does not end the run: it is kept for its end.
Result<void> kept(const Result<void>& done, Result<void>& verified) {
  if (done || done.error().code != ErrorCode::corrupt) return done;
  if (verified) verified = done;
  return {};
}

bool is_peer(const ManyWay& way) {
  return std::any_of(kKnownPeers.begin(), kKnownPeers.end(),
                     [&](const KnownPeer& peer) { return peer.name == way.transport; });
}

// What the user chose of sizes and transports leaves nothing to have many of.
ScaleOptions scale_options(const Options& options, int repeat) {
  using std::chrono::milliseconds;
  const Mode mode = options.plan.mode;
  ScaleOptions scale;
  scale.cpus = options.cpus;
  scale.duration = milliseconds(mode == Mode::quick ? 20 : mode == Mode::plain ? 50 : 100);
  scale.samples = mode == Mode::quick ? 50 : mode == Mode::plain ? 100 : 300;
  if (mode != Mode::full) scale.counts = {1, 64};
  for (const ManyWay& way : many_ways()) {
    if (has_peers(options.plan) || !is_peer(way)) scale.transports.emplace_back(way.transport);
  }
  scale.first_repeat = repeat;
  if (!options.plan.sizes.empty() || !options.plan.transports.empty()) scale.repeats = 0;
  return scale;
}

BackingOptions backing_options(const Options& options) {
  BackingOptions backings;
  backings.cpus = options.cpus;
  backings.folder = options.out;
  if (!options.plan.sizes.empty()) backings.sizes = options.plan.sizes;
  backings.repeats = repeats_of(options.plan.mode);
  if (options.plan.mode == Mode::quick) {
    backings.first_touch_bytes = 8UL << 20;
    backings.window = std::chrono::milliseconds(100);
  }
  return backings;
}

}  // namespace

Result<void> run_points(std::span<const Point> points, const CpuPair& cpus, RowSink& sink,
                        Result<void>& verified) {
  for (const Point& point : points) {
    if (auto done = run_point(point, cpus, sink, verified); !done) return done;
  }
  return {};
}

double planned_seconds(const Options& options) {
  if (options.backings) return backings_seconds(backing_options(options));
  const std::vector<Point> points = plan(options.plan, 0);
  const double one =
      estimated_seconds(floor_options(options, 0)) + estimated_seconds(points) +
      guests_seconds(options.guests, points) + estimated_seconds(planned_series(options.plan, 0)) +
      scale_seconds(scale_options(options, 0)) + estimated_seconds(file_options(options, 0));
  return one * repeats_of(options.plan.mode);
}

Result<void> check_room(const Options& options) {
  if (options.backings) return {};
  const FileCopyOptions files = file_options(options, 0);
  if (files.transports.empty()) return {};
  const Result<FileDescriptor> made = create_destination(files.folder, file_bytes(files));
  if (!made) return tl::unexpected(made.error());
  return {};
}

Result<void> run_all(const Options& options, RowSink& sink) {
  if (options.backings) return measure_backings(backing_options(options), sink);
  Result<void> verified;
  for (int repeat = 0; repeat < repeats_of(options.plan.mode); ++repeat) {
    const std::vector<Point> points = plan(options.plan, repeat);
    const std::span<const Point> first = std::span(points).first(first_points(points));
    const std::span<const Point> rest = std::span(points).subspan(first.size());
    if (auto done = run_with_guests(first, options, sink, verified); !done) return done;
    if (repeat == 0 && !first.empty()) sink.tell(summary_of(sink.rows()));
    if (auto done = measure_floors(floor_options(options, repeat), sink); !done) return done;
    if (auto done = run_with_guests(rest, options, sink, verified); !done) return done;
    const std::vector<Series> series = planned_series(options.plan, repeat);
    if (auto done = run_series(series, options.cpus, sink, verified); !done) return done;
    const FileCopyOptions files = file_options(options, repeat);
    if (!files.transports.empty()) {
      if (auto done = kept(measure_file_copies(files, sink), verified); !done) return done;
    }
    const Result<void> scaled = measure_scale(scale_options(options, repeat), sink);
    if (auto done = kept(scaled, verified); !done) return done;
  }
  return verified;
}

}  // namespace ringbell::bench
