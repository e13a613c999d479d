// What moves all the time is timed in batches: one reading of the clock is nothing beside each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/floors/floor.hpp"

namespace ringbell::bench {

inline constexpr std::uint64_t kBatchBytes = 256UL * 1024;
inline constexpr std::uint64_t kLargestBatch = 4096;

inline FloorFigures figures_of(std::vector<double>& batches_ns, std::uint64_t messages,
                               std::size_t message_bytes, std::uint64_t elapsed_ns) {
  const auto at = [&batches_ns](double share) {
    const auto place =
        static_cast<std::ptrdiff_t>(share * static_cast<double>(batches_ns.size() - 1));
    std::nth_element(batches_ns.begin(), batches_ns.begin() + place, batches_ns.end());
    return batches_ns[static_cast<std::size_t>(place)];
  };
  const double bytes = static_cast<double>(messages) * static_cast<double>(message_bytes);
  return {at(0.5), at(0.99), messages, bytes * 1e9 / static_cast<double>(elapsed_ns)};
}

// Calls `batch(count)` until the time is up, after a tenth as much of warm-up; `count` is the
// same each time. Figures are of one message.
template <class Batch>
FloorFigures time_batches(std::size_t message_bytes, double seconds, Batch&& batch) {
  const std::uint64_t count =
      std::clamp<std::uint64_t>(kBatchBytes / message_bytes, 1, kLargestBatch);
  const auto wanted_ns = static_cast<std::uint64_t>(seconds * 1e9);
  std::vector<double> batches_ns;
  const std::uint64_t warm_until_ns = now_ns() + wanted_ns / 10;
  while (now_ns() < warm_until_ns) batch(count);
  const std::uint64_t begin_ns = now_ns();
  std::uint64_t previous_ns = begin_ns;
  while (previous_ns - begin_ns < wanted_ns) {
    batch(count);
    const std::uint64_t end_ns = now_ns();
    batches_ns.push_back(static_cast<double>(end_ns - previous_ns) / static_cast<double>(count));
    previous_ns = end_ns;
  }
  return figures_of(batches_ns, batches_ns.size() * count, message_bytes, previous_ns - begin_ns);
}

}  // namespace ringbell::bench
