#include "bench/scale/scale.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <nlohmann/json.hpp>

#include "bench/floors/state.hpp"
#include "bench/harness/measured.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/scale/ways.hpp"

namespace ringbell::bench {
namespace {

// For the time left: of each of many its making, and a wake-up with the nap before it.
constexpr double kEachSeconds = 1e-3;
constexpr double kWakeSeconds = 0.2e-3;

std::vector<ManyWay>& all() {
  static std::vector<ManyWay> ways = [] {
    std::vector<ManyWay> made;
    add_channels(made);
    add_groups(made);
    add_pipes(made);
    add_sleepers(made);
    return made;
  }();
  return ways;
}

const char* name_of(Loop loop) noexcept {
  switch (loop) {
    case Loop::polled:
      return "polled";
    case Loop::epoll:
      return "epoll";
    case Loop::uring:
      return "io_uring";
    case Loop::uring_futex:
      return "io_uring-futex";
    case Loop::wait_set:
      return "WaitSet";
    case Loop::poll:
      return "poll";
    case Loop::waiting:
      return "waiting";
    case Loop::none:
      break;
  }
  return "";
}

bool chosen(const std::vector<std::string>& wanted, std::string_view one) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), one) != wanted.end();
}

struct Task {
  ManyWay way;
  ManyPoint point;

  [[nodiscard]] double seconds() const {
    const double duration = std::chrono::duration<double>(point.duration).count();
    const double wakes = kWakeSeconds * static_cast<double>(point.samples);
    const Placement placement = way.two_cpus ? Placement::two_cpus : Placement::one_cpu;
    return 0.01 + kEachSeconds * point.count + state_seconds(placement) +
           std::max(1.1 * duration, way.two_cpus ? 0.0 : wakes);
  }
};

// What is compared stands side by side: all ways of a kind with the same count.
std::vector<Task> tasks_of(const ScaleOptions& options) {
  std::vector<Task> tasks;
  for (const ManyWay& way : many_ways()) {
    if (!chosen(options.transports, way.transport)) continue;
    const auto counts = options.counts.empty() ? way.counts : std::span(options.counts);
    for (const std::uint32_t count : counts) {
      if (count > way.counts.back()) continue;
      tasks.push_back({way,
                       {.count = count,
                        .loop = way.loop,
                        .cpus = options.cpus,
                        .duration = options.duration,
                        .samples = options.samples}});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& one, const Task& other) {
    return std::pair(one.way.kind, one.point.count) < std::pair(other.way.kind, other.point.count);
  });
  return tasks;
}

// A thousand of something take more descriptors than a shell allows at first.
void raise_limit_of_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> run(const Task& task, int repeat, RowSink& sink, Result<void>& verified) {
  const ManyWay& way = task.way;
  const Placement placement = way.two_cpus ? Placement::two_cpus : Placement::one_cpu;
  const std::string title =
      fmt::format("{} {}: {} {}", task.point.count, way.kind, way.transport, name_of(way.loop));
  sink.announce(title, task.seconds());
  Row row{{"bench", "scale"},
          {"kind", way.kind},
          {"transport", way.transport},
          {"wait", name_of(way.loop)},
          {"placement", name_of(placement)},
          {"count", task.point.count},
          {"message_bytes", kLetterBytes},
          {"repeat", repeat}};
  const Result<void> measured =
      add_in_one_state(placement, task.point.cpus, row,
                       [&](Row& figures) { return way.measure(task.point, figures); });
  return add_measured(std::move(row), measured, title, sink, verified);
}

}  // namespace

std::span<const ManyWay> many_ways() { return all(); }

void add_many_ways(std::span<const ManyWay> more) {
  all().insert(all().end(), more.begin(), more.end());
}

std::string many_transport_names() {
  std::vector<std::string_view> names;
  for (const ManyWay& way : many_ways()) {
    if (std::find(names.begin(), names.end(), way.transport) == names.end()) {
      names.push_back(way.transport);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

double scale_seconds(const ScaleOptions& options) {
  double seconds = 0;
  for (const Task& task : tasks_of(options)) seconds += task.seconds();
  return seconds * options.repeats;
}

Result<void> measure_scale(const ScaleOptions& options, RowSink& sink) {
  raise_limit_of_descriptors();
  Result<void> verified;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (const Task& task : tasks_of(options)) {
      if (auto done = run(task, options.first_repeat + repeat, sink, verified); !done) return done;
    }
  }
  return verified;
}

}  // namespace ringbell::bench
