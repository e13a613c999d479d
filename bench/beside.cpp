#include "bench/beside.hpp"

#include <algorithm>
#include <numeric>

#include "bench/floors/floor.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kMostTrips = 50'000;
constexpr double kMemcpySeconds = 0.2;

}  // namespace

bool FloorBeside::is_judged() const noexcept {
  if (point_.transport != "ringbell" || point_.wait != Wait::spin || point_.loaned ||
      point_.placement != Placement::two_cpus || point_.checksum || point_.batch > 1) {
    return false;
  }
  const std::size_t size = point_.message_bytes;
  return point_.bench == Bench::round_trip ? size <= 56 : size >= 4096;
}

void FloorBeside::measure() {
  if (!is_judged()) return;
  PairOptions pair = point_.pair_options(cpus_);
  const std::uint64_t trips = std::min(point_.samples, kMostTrips);
  const Result<FloorFigures> figures =
      point_.bench == Bench::round_trip
          ? ring_of_lines(pair, {trips / 10, trips}, point_.message_bytes)
          : shared_memcpy(pair, point_.message_bytes, kMemcpySeconds);
  if (!figures) return;
  figures_.push_back(point_.bench == Bench::round_trip ? figures->p50_ns
                                                       : figures->bytes_per_s.value_or(0));
}

void FloorBeside::describe(Row& row) const {
  if (figures_.empty()) return;
  const double sum = std::accumulate(figures_.begin(), figures_.end(), 0.0);
  row[point_.bench == Bench::round_trip ? "floor_p50_ns" : "floor_bytes_per_s"] =
      sum / static_cast<double>(figures_.size());
}

}  // namespace ringbell::bench
