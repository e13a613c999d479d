// What the single floors have in common.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include "bench/harness/clock.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {

inline constexpr std::size_t kLineBytes = 64;

// Per round trip or per message.
struct FloorFigures {
  double p50_ns;
  double p99_ns;
  std::uint64_t samples;
  std::optional<double> bytes_per_s;
};

struct Trips {
  std::uint64_t warm_up;
  std::uint64_t samples;

  [[nodiscard]] std::uint64_t all() const noexcept { return warm_up + samples; }
};

// `trip(i)` makes the i-th round trip, i = 1, 2, ... One reading of the clock for each, as in the
// round-trip benchmark: the end of one is the beginning of the next.
template <class Trip>
void time_trips(const Trips& trips, Histogram& histogram, Trip&& trip) {
  std::uint64_t i = 1;
  for (; i <= trips.warm_up; ++i) trip(i);
  std::uint64_t previous_ns = now_ns();
  for (; i <= trips.all(); ++i) {
    trip(i);
    const std::uint64_t end_ns = now_ns();
    histogram.record(end_ns - previous_ns);
    previous_ns = end_ns;
  }
}

[[nodiscard]] inline FloorFigures figures_of(const Histogram& histogram) {
  return {histogram.quantile(0.5), histogram.quantile(0.99), histogram.count(), std::nullopt};
}

// Two processes: one times trip(i), the other answers each with answer(i).
template <class Trip, class Answer>
Result<FloorFigures> time_pair(const PairOptions& pair, const Trips& trips, Trip&& trip,
                               Answer&& answer) {
  const Result<Shared<Histogram>> histogram = Shared<Histogram>::create();
  if (!histogram) return tl::unexpected(histogram.error());
  const Result<void> ran = run_pair(
      pair,
      [&]() -> Result<void> {
        time_trips(trips, **histogram, trip);
        return {};
      },
      [&]() -> Result<void> {
        for (std::uint64_t i = 1; i <= trips.all(); ++i) answer(i);
        return {};
      });
  if (!ran) return tl::unexpected(ran.error());
  return figures_of(**histogram);
}

// A floor's atomics, bare: acquire and release, no pause.
inline void store(std::uint64_t& word, std::uint64_t value) noexcept {
  std::atomic_ref<std::uint64_t>(word).store(value, std::memory_order_release);
}
[[nodiscard]] inline std::uint64_t load(std::uint64_t& word) noexcept {
  return std::atomic_ref<std::uint64_t>(word).load(std::memory_order_acquire);
}
inline void await(std::uint64_t& word, std::uint64_t value) noexcept {
  while (load(word) != value) {
  }
}

// Two processes hand a cache line to and fro: one each way, or one for both ways with 48 bytes in
// it.
[[nodiscard]] Result<FloorFigures> two_lines(const PairOptions& pair, const Trips& trips);
[[nodiscard]] Result<FloorFigures> one_line(const PairOptions& pair, const Trips& trips);
inline constexpr std::size_t kOneLineMessageBytes = 48;

// The least that a ring of messages must do. REQUIRES: message_bytes is 8 or 56.
[[nodiscard]] Result<FloorFigures> ring_of_lines(const PairOptions& pair, const Trips& trips,
                                                 std::size_t message_bytes);

// Lines one way, handed over in chunks of a ring of so many bytes: the limit of all that is sent in
// lines. Figures are of a line. REQUIRES: ring_bytes is a power of two, from 128 KiB to
// kLargestRingOfLines.
[[nodiscard]] Result<FloorFigures> lines_one_way(const PairOptions& pair, double seconds,
                                                 std::uint64_t ring_bytes);
inline constexpr std::uint64_t kLargestRingOfLines = 4UL * 1024 * 1024;

// Copying messages in at one end and out at the other.
[[nodiscard]] Result<FloorFigures> shared_memcpy(const PairOptions& pair, std::size_t message_bytes,
                                                 double seconds);

// Two processes wake each other and sleep.
[[nodiscard]] Result<FloorFigures> futex_trips(const PairOptions& pair, const Trips& trips);
[[nodiscard]] Result<FloorFigures> eventfd_trips(const PairOptions& pair, const Trips& trips);

}  // namespace ringbell::bench
