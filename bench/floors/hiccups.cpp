#include "bench/floors/hiccups.hpp"

#include <fstream>
#include <limits>
#include <string>

#include "bench/harness/clock.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kPauseNs = 1000;

struct Hiccups {
  Histogram gaps;
  std::uint64_t lost_ns{0};
  std::uint64_t elapsed_ns{0};
};

}  // namespace

Result<void> measure_hiccups(int cpu, double seconds, Row& row) {
  const Result<Shared<Hiccups>> hiccups = Shared<Hiccups>::create();
  if (!hiccups) return tl::unexpected(hiccups.error());
  const auto wanted_ns = static_cast<std::uint64_t>(seconds * 1e9);
  const auto read_the_clock = [&]() -> Result<void> {
    Hiccups& seen = **hiccups;
    const std::uint64_t begin = now_ns();
    for (std::uint64_t before = begin; before - begin < wanted_ns;) {
      const std::uint64_t now = now_ns();
      seen.gaps.record(now - before);
      if (now - before >= kPauseNs) seen.lost_ns += now - before;
      before = now;
    }
    seen.elapsed_ns = now_ns() - begin;
    return {};
  };
  const Result<void> ran = run_pair({.placement = Placement::one_cpu, .cpus = {cpu, -1}},
                                    read_the_clock, [] { return Result<void>{}; });
  if (!ran) return ran;
  describe_latency((*hiccups)->gaps, row);
  set(row, "lost_share",
      static_cast<double>((*hiccups)->lost_ns) / static_cast<double>((*hiccups)->elapsed_ns));
  return {};
}

CpuTimes cpu_times(const CpuPair& cpus) {
  constexpr int kSteal = 7;  // behind user, nice, system, idle, iowait, irq, softirq
  CpuTimes times;
  std::ifstream file("/proc/stat");
  for (std::string name; file >> name;) {
    const bool wanted =
        name == "cpu" + std::to_string(cpus[0]) || name == "cpu" + std::to_string(cpus[1]);
    std::uint64_t ticks = 0;
    for (int field = 0; wanted && field <= kSteal && file >> ticks; ++field) {
      times.all += ticks;
      if (field == kSteal) times.stolen += ticks;
    }
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return times;
}

}  // namespace ringbell::bench
