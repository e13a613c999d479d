#include "bench/compare/plan.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <random>
#include <utility>

#include "bench/compare/beside.hpp"

namespace ringbell::bench {
namespace {

using std::chrono::milliseconds;

// Of one point; the repeats of --full share a second.
[[nodiscard]] constexpr milliseconds duration_of(Mode mode) noexcept {
  return mode == Mode::quick ? milliseconds(100) : milliseconds(1000 / repeats_of(mode) + 1);
}

// One way to run a transport: how the sides wait, where they are and what stands apart.
struct Setting {
  Wait wait;
  Placement placement;
  bool quick_wake;
};

// In the order in which they are measured.
constexpr std::array kSettings{
    Setting{Wait::spin, Placement::two_cpus, false},
    Setting{Wait::polled, Placement::two_cpus, false},
    Setting{Wait::park, Placement::one_cpu, false},
    Setting{Wait::eventfd, Placement::one_cpu, false},
    Setting{Wait::blocking, Placement::one_cpu, false},
    Setting{Wait::park, Placement::two_cpus, false},
    Setting{Wait::eventfd, Placement::two_cpus, false},
    Setting{Wait::blocking, Placement::two_cpus, false},
    Setting{Wait::park, Placement::two_cpus, true},
    Setting{Wait::eventfd, Placement::two_cpus, true},
    Setting{Wait::blocking, Placement::two_cpus, true},
    Setting{Wait::spin, Placement::one_cpu, false},
    Setting{Wait::polled, Placement::one_cpu, false},
};

// Settings in which the same transports compete stand in one group.
[[nodiscard]] bool same_group(const Setting& a, const Setting& b) noexcept {
  return sleeps(a.wait) == sleeps(b.wait) && a.placement == b.placement &&
         a.quick_wake == b.quick_wake;
}

// Whether a mode has this point, unless the user chose the sizes. README.md has it as a table.
[[nodiscard]] bool has_point(Mode mode, Family family, const Point& point) {
  const std::size_t size = point.message_bytes;
  const bool two_cpus = point.placement == Placement::two_cpus;
  // Of other libraries what is asked first.
  if (family == Family::peer) {
    return (size == 56 || size == 4096 || size == 65536) && !point.quick_wake &&
           (two_cpus || sleeps(point.wait));
  }
  if (mode == Mode::full) return true;
  if (family == Family::ring) return size == 8 || size == 56;
  const bool ours_or_pipe =
      point.transport == "ringbell" || point.transport == "pipe" || point.transport == "vmsplice";
  if (two_cpus && !sleeps(point.wait)) {
    return ours_or_pipe || size == 8 || size == 56 || size == 4096 || size == 65536;
  }
  // Sides that share a CPU sleep, if they may.
  if (!two_cpus && !sleeps(point.wait)) return false;
  // A CPU that is never idle needs no waking, nor does a stream's receiver.
  if (point.quick_wake && (!two_cpus || point.bench == Bench::throughput)) return false;
  return size == 56 || (ours_or_pipe && size == 4096);
}

// The user's sizes stand for the mode's.
[[nodiscard]] bool wanted(const PlanOptions& options, Family family, const Point& point) {
  if (!options.transports.empty() && std::find(options.transports.begin(), options.transports.end(),
                                               point.transport) == options.transports.end()) {
    return false;
  }
  if (family == Family::peer && !has_peers(options)) return false;
  if (options.sizes.empty()) return has_point(options.mode, family, point);
  return std::find(options.sizes.begin(), options.sizes.end(), point.message_bytes) !=
         options.sizes.end();
}

// What a user wants to know first, and of that what can be had in some seconds.
[[nodiscard]] bool is_in_first_row(const Point& point) {
  return point.bench == Bench::round_trip && point.placement == Placement::two_cpus &&
         !sleeps(point.wait) && point.message_bytes == 56;
}
[[nodiscard]] bool is_first(const Point& point) {
  return is_in_first_row(point) && (point.transport == "ringbell" || point.transport == "pipe");
}

// The rows of a transport that stand apart from the plain one.
[[nodiscard]] std::vector<Point> variants_of(const Point& plain, const TransportEntry& transport) {
  std::vector<Point> points{plain};
  const auto add = [&](auto change) {
    Point variant = plain;
    change(variant);
    points.push_back(variant);
  };
  const bool throughput = plain.bench == Bench::throughput;
  if (throughput && plain.message_bytes == kChecksumBytes) {
    add([](Point& point) { point.checksum = true; });
  }
  if (transport.loans && (transport.family != Family::ringbell || plain.wait == Wait::spin)) {
    add([](Point& point) { point.loaned = true; });
  }
  if (transport.batches && throughput && !sleeps(plain.wait) &&
      (plain.message_bytes == 8 || plain.message_bytes == 56)) {
    add([](Point& point) { point.batch = 16; });
  }
  if (transport.family != Family::ringbell) return points;
  if (!throughput && sleeps(plain.wait)) {
    add([](Point& point) { point.spin_first = false; });
  }
  return points;
}

// All transports at one size in one group of settings, each with its variants.
[[nodiscard]] std::vector<std::vector<Point>> competitors(const PlanOptions& options,
                                                          const Setting& group, Point point) {
  std::vector<std::vector<Point>> all;
  for (const TransportEntry& transport : transports()) {
    if (point.message_bytes < transport.smallest_bytes) continue;
    for (const Setting& setting : kSettings) {
      if (!same_group(group, setting) ||
          !suits(transport, point.bench, setting.wait, setting.placement))
        continue;
      point.transport = transport.name;
      point.wait = setting.wait;
      std::vector<Point> variants = variants_of(point, transport);
      std::erase_if(variants, [&](const Point& variant) {
        return !wanted(options, transport.family, variant);
      });
      all.push_back(std::move(variants));
    }
  }
  return all;
}

template <class T>
[[nodiscard]] std::vector<T> flattened(std::vector<std::vector<T>> parts) {
  std::vector<T> all;
  for (std::vector<T>& part : parts) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

}  // namespace

bool suits(const TransportEntry& transport, Bench bench, Wait wait, Placement placement) noexcept {
  if (bench == Bench::throughput && transport.throughput == nullptr) return false;
  if (bench == Bench::open_loop && transport.open_loop == nullptr) return false;
  const bool is_kernels = wait == Wait::polled || wait == Wait::blocking;
  switch (transport.family) {
    case Family::kernels:
    case Family::peer:
      return is_kernels;
    case Family::ringbell:
      return !is_kernels;
    case Family::ring:
      return wait == Wait::spin && placement == Placement::two_cpus;
  }
  return false;
}

std::vector<Point> plan(const PlanOptions& options, int repeat) {
  std::mt19937_64 random(options.seed + static_cast<std::uint64_t>(repeat));
  std::vector<std::vector<Point>> rows;
  for (const Bench bench : {Bench::round_trip, Bench::throughput}) {
    for (auto group = kSettings.begin(); group != kSettings.end(); ++group) {
      if (group != kSettings.begin() && same_group(*group, *std::prev(group))) continue;
      for (const std::size_t size : kMessageSizes) {
        Point point;
        point.bench = bench;
        point.placement = group->placement;
        point.quick_wake = group->quick_wake;
        point.message_bytes = size;
        point.repeat = repeat;
        point.duration = duration_of(options.mode);
        std::vector<std::vector<Point>> all = competitors(options, *group, std::move(point));
        std::shuffle(all.begin(), all.end(), random);
        rows.push_back(flattened(std::move(all)));
      }
    }
  }
  std::shuffle(rows.begin(), rows.end(), random);
  std::vector<Point> points = flattened(std::move(rows));
  if (repeat > 0) return points;
  std::stable_partition(points.begin(), points.end(), is_in_first_row);
  std::stable_partition(points.begin(), points.end(), is_first);
  return points;
}

std::size_t first_points(const std::vector<Point>& points) {
  return static_cast<std::size_t>(std::find_if_not(points.begin(), points.end(), is_first) -
                                  points.begin());
}

double estimated_seconds(const std::vector<Point>& points) {
  return std::accumulate(points.begin(), points.end(), 0.0, [](double sum, const Point& point) {
    return sum + seconds_with_floor(point);
  });
}

}  // namespace ringbell::bench
