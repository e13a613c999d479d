#include "bench/compare/beside.hpp"

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

#include <ringbell/core/layout.hpp>

#include "bench/floors/floor.hpp"
#include "bench/floors/state.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {
namespace {

constexpr Trips kTrips{2000, 20'000};
constexpr double kMemcpySeconds = 0.2;
constexpr double kLinesSeconds = 0.03;
// For the time left.
constexpr double kStartSeconds = 0.003;
constexpr double kTripSeconds = 250e-9;
constexpr double kWarmUpShare = 1.1;

}  // namespace

bool FloorBeside::is_plain(const Point& point) noexcept {
  return point.bench != Bench::open_loop && point.transport.starts_with("ringbell") &&
         point.wait == Wait::spin && !point.loaned && point.placement == Placement::two_cpus &&
         !point.checksum && point.batch == 1;
}

bool FloorBeside::has_limit(const Point& point) noexcept {
  return is_plain(point) && point.bench == Bench::throughput && point.transport == "ringbell";
}

FloorBeside::Floor FloorBeside::floor_of(const Point& point) noexcept {
  if (!is_plain(point)) return Floor::none;
  const std::size_t size = point.message_bytes;
  const bool one_way = point.bench == Bench::throughput;
  if (point.transport == "ringbell") {
    if (one_way) return size >= 4096 ? Floor::memcpy : Floor::none;
    return size <= 56 ? Floor::ring_of_lines : Floor::none;
  }
  if (one_way || size > 56) return Floor::none;
  if (point.transport != "ringbell_call") return Floor::ring_of_lines;
  return size <= kOneLineMessageBytes ? Floor::one_line : Floor::none;
}

void FloorBeside::measure() {
  const PairOptions pair = point_.pair_options(cpus_);
  if (has_limit(point_)) {
    if (const Result<FloorFigures> lines =
            lines_one_way(pair, kLinesSeconds, Ringbell::ring_bytes(point_.message_bytes))) {
      limits_.push_back(*lines->bytes_per_s);
    }
  }
  Result<FloorFigures> figures = FloorFigures{};
  switch (floor_) {
    case Floor::none:
      return;
    case Floor::ring_of_lines:
      figures = ring_of_lines(pair, kTrips, point_.message_bytes);
      break;
    case Floor::one_line:
      figures = one_line(pair, kTrips);
      break;
    case Floor::memcpy:
      figures = shared_memcpy(pair, point_.message_bytes, kMemcpySeconds);
      break;
  }
  if (figures) figures_.push_back(figures->bytes_per_s.value_or(figures->p50_ns));
}

double FloorBeside::seconds(const Point& point) noexcept {
  const Floor floor = floor_of(point);
  const double limit =
      has_limit(point) ? 2 * (3 * kStartSeconds + kWarmUpShare * kLinesSeconds) : 0;
  if (floor == Floor::none) return limit;
  const double each = floor == Floor::memcpy ? kWarmUpShare * kMemcpySeconds
                                             : kTripSeconds * static_cast<double>(kTrips.all());
  return limit + 2 * (kStartSeconds + each);
}

void FloorBeside::describe(Row& row) const {
  const auto mean = [](const std::vector<double>& figures) {
    return std::accumulate(figures.begin(), figures.end(), 0.0) /
           static_cast<double>(figures.size());
  };
  if (!figures_.empty()) {
    row[floor_ == Floor::memcpy ? "floor_bytes_per_s" : "floor_p50_ns"] = mean(figures_);
  }
  if (!limits_.empty()) {
    const std::uint64_t record = core::kRecordHeaderBytes + point_.message_bytes;
    const std::uint64_t footprint = (record + core::kRecordHeaderBytes - 1) /
                                    core::kRecordHeaderBytes * core::kRecordHeaderBytes;
    row["limit_per_s"] = mean(limits_) / static_cast<double>(footprint);
  }
}

double seconds_with_floor(const Point& point) noexcept {
  return point.seconds() + FloorBeside::seconds(point) + state_seconds(point.placement);
}

}  // namespace ringbell::bench
