#include "bench/compare/plan.hpp"

#include <algorithm>
#include <numeric>

#include "bench/compare/beside.hpp"
#include "bench/compare/cost.hpp"

namespace ringbell::bench {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kSamplesAwake = 100'000;
constexpr std::uint64_t kSamplesAsleep = 10'000;
constexpr std::uint64_t kQuickDivisor = 10;
constexpr std::size_t kLargestBytes = kMessageSizes.back();
constexpr milliseconds kTime{1000};
constexpr milliseconds kQuickTime{150};
// A round trip point of --full that would take longer shares its samples among the repeats.
constexpr double kLongSeconds = 0.5;

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
    Setting{Wait::park, Placement::one_cpu, true},
    Setting{Wait::eventfd, Placement::one_cpu, true},
    Setting{Wait::blocking, Placement::one_cpu, true},
};

// Settings in which the same transports compete stand in one group.
[[nodiscard]] bool same_group(const Setting& a, const Setting& b) noexcept {
  return sleeps(a.wait) == sleeps(b.wait) && a.placement == b.placement &&
         a.quick_wake == b.quick_wake;
}

// Whether a message of any size takes as long as one of 8 bytes. Peers' loans may be carried
// through the kernel.
[[nodiscard]] bool loaned_is_free(const Point& point) {
  return point.loaned && point.transport == "ringbell";
}

// Whether a mode has this point, unless the user chose the sizes. README.md has it as a table.
[[nodiscard]] bool has_point(Mode mode, Family family, const Point& point) {
  if (mode == Mode::full) return true;
  const std::size_t size = point.message_bytes;
  const bool quick = mode == Mode::quick;
  const bool two_cpus = point.placement == Placement::two_cpus;
  if (family == Family::ring) return size == 8 || size == 56 || (size == 4096 && !quick);
  const bool ours_or_pipe = point.transport == "ringbell" || point.transport == "pipe";
  if (point.quick_wake && !two_cpus) return false;  // a CPU that is never idle needs no waking
  if (two_cpus && !sleeps(point.wait)) {
    // 100,000 round trips of 1 MiB take up to two minutes for each transport.
    if (size == kLargestBytes && point.bench == Bench::round_trip) return loaned_is_free(point);
    if (mode == Mode::plain || ours_or_pipe) return true;
    return size == 8 || size == 56 || size == 4096 || size == 65536;
  }
  if (quick) return size == 56 || (ours_or_pipe && size == 4096);
  if (point.bench == Bench::throughput) {
    return size == 56 || (ours_or_pipe && (size == 4096 || size == 65536));
  }
  return size == 56 || size == 4096 || (ours_or_pipe && (size == 8 || size == 65536));
}

// The user's sizes stand for the mode's.
[[nodiscard]] bool wanted(const PlanOptions& options, Family family, const Point& point) {
  if (!options.transports.empty() && std::find(options.transports.begin(), options.transports.end(),
                                               point.transport) == options.transports.end()) {
    return false;
  }
  if (family == Family::peer && !options.peers && options.transports.empty()) return false;
  if (options.sizes.empty()) return has_point(options.mode, family, point);
  return std::find(options.sizes.begin(), options.sizes.end(), point.message_bytes) !=
         options.sizes.end();
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
  if (transport.family == Family::peer && transport.loans) {
    add([](Point& point) { point.loaned = true; });
  }
  if (transport.family != Family::ringbell) return points;
  if (plain.wait == Wait::spin) {
    add([](Point& point) { point.loaned = true; });
    if (throughput && (plain.message_bytes == 8 || plain.message_bytes == 56)) {
      add([](Point& point) { point.batch = 16; });
    }
  }
  if (!throughput && sleeps(plain.wait)) {
    add([](Point& point) { point.spin_first = false; });
  }
  return points;
}

// How much each of --full's repeats measures where they share what one point should have.
template <class T>
[[nodiscard]] constexpr T share_of(T whole) noexcept {
  const T repeats{repeats_of(Mode::full)};
  return (whole + repeats - 1) / repeats;
}

void set_round_trip(Point& point, Mode mode) {
  // A copied round trip of 1 MiB takes longer than one that sleeps, awake or not.
  const bool slow =
      sleeps(point.wait) || (point.message_bytes == kLargestBytes && !loaned_is_free(point));
  const std::uint64_t whole = slow ? kSamplesAsleep : kSamplesAwake;
  point.samples = mode == Mode::quick ? whole / kQuickDivisor : whole;
  point.shared = mode == Mode::full && cost_seconds(point) > kLongSeconds;
  if (point.shared) point.samples = share_of(whole);
}

void set_throughput(Point& point, Mode mode) {
  const bool fair_fight = point.placement == Placement::two_cpus && !sleeps(point.wait);
  point.shared = mode == Mode::full && !fair_fight;
  point.duration = mode == Mode::quick ? kQuickTime : kTime;
  if (point.shared) point.duration = milliseconds(share_of(kTime.count()));
}

void set_amount(Point& point, Mode mode) {
  if (point.bench == Bench::round_trip) {
    set_round_trip(point, mode);
  } else {
    set_throughput(point, mode);
  }
  point.estimated_seconds = cost_seconds(point) + FloorBeside::estimated_seconds(point);
}

// All transports at one size in one group of settings.
void add_points(const PlanOptions& options, const Setting& group, Point point,
                std::vector<Point>& points) {
  for (const TransportEntry& transport : transports()) {
    for (const Setting& setting : kSettings) {
      if (!same_group(group, setting) ||
          !suits(transport, point.bench, setting.wait, setting.placement))
        continue;
      point.transport = transport.name;
      point.wait = setting.wait;
      for (Point& variant : variants_of(point, transport)) {
        if (!wanted(options, transport.family, variant)) continue;
        set_amount(variant, options.mode);
        points.push_back(std::move(variant));
      }
    }
  }
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
  std::vector<Point> points;
  for (const Bench bench : {Bench::round_trip, Bench::throughput}) {
    for (auto group = kSettings.begin(); group != kSettings.end(); ++group) {
      if (group != kSettings.begin() && same_group(*group, *std::prev(group))) continue;
      const auto first = static_cast<std::ptrdiff_t>(points.size());
      for (const std::size_t size : kMessageSizes) {
        Point point;
        point.bench = bench;
        point.placement = group->placement;
        point.quick_wake = group->quick_wake;
        point.message_bytes = size;
        point.repeat = repeat;
        add_points(options, *group, std::move(point), points);
      }
      // What is compared across sizes stands together in time.
      std::stable_partition(points.begin() + first, points.end(),
                            [](const Point& point) { return !point.loaned; });
    }
  }
  return points;
}

double estimated_seconds(const std::vector<Point>& points) {
  return std::accumulate(points.begin(), points.end(), 0.0, [](double sum, const Point& point) {
    return sum + point.estimated_seconds;
  });
}

}  // namespace ringbell::bench
