#include "bench/compare/beside.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/floors/floor.hpp"
#include "bench/floors/state.hpp"

namespace ringbell::bench {
namespace {

constexpr Trips kTrips{2000, 20'000};
constexpr double kMemcpySeconds = 0.2;
// For the time left.
constexpr double kStartSeconds = 0.003;
constexpr double kTripSeconds = 250e-9;
constexpr double kWarmUpShare = 1.1;

}  // namespace

FloorBeside::Floor FloorBeside::floor_of(const Point& point) noexcept {
  if (point.bench == Bench::open_loop || !point.transport.starts_with("ringbell") ||
      point.wait != Wait::spin || point.loaned || point.placement != Placement::two_cpus ||
      point.checksum || point.batch > 1) {
    return Floor::none;
  }
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
  if (floor == Floor::none) return 0;
  const double each = floor == Floor::memcpy ? kWarmUpShare * kMemcpySeconds
                                             : kTripSeconds * static_cast<double>(kTrips.all());
  return 2 * (kStartSeconds + each);
}

void FloorBeside::describe(Row& row) const {
  if (figures_.empty()) return;
  const double sum = std::accumulate(figures_.begin(), figures_.end(), 0.0);
  row[floor_ == Floor::memcpy ? "floor_bytes_per_s" : "floor_p50_ns"] =
      sum / static_cast<double>(figures_.size());
}

double seconds_with_floor(const Point& point) noexcept {
  return point.seconds() + FloorBeside::seconds(point) + state_seconds(point.placement);
}

}  // namespace ringbell::bench
