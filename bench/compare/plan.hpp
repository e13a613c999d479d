// What a run measures, in which order, and how long that should take.
//
// Points that are compared with each other stand next to each other in time, because a shared
// machine's mood changes: all transports of one size and setting come in a row, each with its
// variants (loaned, in batches). In each repeat, a whole pass over everything, these rows come in
// an order of its own, or all repeats would meet the same machine at the same point.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/point.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {

enum class Mode {
  quick,  // at most 90 s: a look at everything, a tenth of the time
  plain,  // at most 5 minutes: the sizes and settings that tell most
  full,   // every size, wait and placement, three repeats; at most 45 minutes
};

[[nodiscard]] constexpr const char* name_of(Mode mode) noexcept {
  return mode == Mode::quick ? "quick" : mode == Mode::plain ? "plain" : "full";
}

inline constexpr std::array<std::size_t, 7> kMessageSizes{8, 56, 256, 1024, 4096, 65536, 1048576};
// The size whose content is verified byte by byte too.
inline constexpr std::size_t kChecksumBytes = 1024;

struct PlanOptions {
  Mode mode = Mode::plain;
  // Only these; empty: as the mode has it.
  std::vector<std::size_t> sizes;
  std::vector<std::string> transports;
  // Those that the program has too, which --full measures unasked. Named in `transports` they need
  // no asking either.
  bool peers = false;
  std::uint64_t seed = 0;  // of the order
};

[[nodiscard]] constexpr int repeats_of(Mode mode) noexcept { return mode == Mode::full ? 3 : 1; }

[[nodiscard]] inline bool has_peers(const PlanOptions& options) noexcept {
  return options.peers || !options.transports.empty() || options.mode == Mode::full;
}

// Whether the transport is measured so.
[[nodiscard]] bool suits(const TransportEntry& transport, Bench bench, Wait wait,
                         Placement placement) noexcept;

// The points of one repeat, shuffled; the first repeat begins with what tells most.
[[nodiscard]] std::vector<Point> plan(const PlanOptions& options, int repeat);
// How many of them that is.
[[nodiscard]] std::size_t first_points(const std::vector<Point>& points);

[[nodiscard]] double estimated_seconds(const std::vector<Point>& points);

}  // namespace ringbell::bench
