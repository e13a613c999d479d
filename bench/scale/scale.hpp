// What it costs to have many: channels in one reader, subscribers of a topic, writers of a
// collector and of a queue, ends that sleep. Beside them pipes, and what was added.
//
// Each line of the result is a way, at several counts; each point is measured as many.hpp says.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// How the side that reads learns that something has come.
enum class Loop : std::uint8_t {
  polled,       // it looks at each in turn, and never sleeps
  epoll,        // on a descriptor of each
  uring,        // UringLoop on eventfds
  uring_futex,  // and on futexes
  wait_set,     // WaitSet
  poll,         // another library's
  waiting,      // the waiting call of the one end that it has
  none,         // what does not depend on it
};

struct ManyPoint {
  std::uint32_t count = 1;
  Loop loop = Loop::polled;
  CpuPair cpus{0, -1};
  std::chrono::nanoseconds duration{0};
  std::uint64_t samples = 0;  // of wake-ups
};

// Adds the figures of the point to the row.
using MeasureMany = Result<void> (*)(const ManyPoint& point, Row& row);

struct ManyWay {
  std::string_view kind;  // of what there are many
  std::string_view transport;
  Loop loop;
  std::span<const std::uint32_t> counts;  // ascending
  bool two_cpus;                          // each side has its own; else both share one
  MeasureMany measure;
};

// Ringbell's and the kernel's, then what was added. What is compared stands side by side.
[[nodiscard]] std::span<const ManyWay> many_ways();
// What a program was built with besides. Call it before anything else looks.
void add_many_ways(std::span<const ManyWay> more);
// "ringbell, pipe, ...".
[[nodiscard]] std::string many_transport_names();

struct ScaleOptions {
  CpuPair cpus{0, -1};
  std::vector<std::string> transports;  // empty: all
  std::vector<std::uint32_t> counts;    // as far as a way has so many; empty: those of each
  std::chrono::milliseconds duration{200};
  std::uint64_t samples = 500;
  int first_repeat = 0;  // what the rows say in "repeat"
  int repeats = 1;
};

// How long it should take, for the time left.
[[nodiscard]] double scale_seconds(const ScaleOptions& options);

// Adds a row for each way and count; one with "error" where it cannot run on this machine. Errors:
// what ends the run, and corrupt, at the end, if what came was not what was sent.
[[nodiscard]] Result<void> measure_scale(const ScaleOptions& options, RowSink& sink);

}  // namespace ringbell::bench
