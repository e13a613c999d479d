// Lines of the table of ways.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "bench/scale/many.hpp"

namespace ringbell::bench {

[[nodiscard]] constexpr const char* name_of(Shape shape) noexcept {
  return shape == Shape::channels      ? "channels"
         : shape == Shape::subscribers ? "subscribers"
                                       : "writers";
}

// A message's cost, and a wake-up's.
template <class M>
void add_streams(std::vector<ManyWay>& ways, std::string_view transport, Loop loop,
                 std::span<const std::uint32_t> counts) {
  ways.push_back({name_of(M::kShape), transport, loop, counts, true, &measure_stream<M>});
  ways.push_back({name_of(M::kShape), transport, loop, counts, false, &measure_wake<M>});
}
// Memory, descriptors, coming and going.
template <class M>
void add_ends(std::vector<ManyWay>& ways, std::string_view transport, Loop loop,
              std::span<const std::uint32_t> counts) {
  ways.push_back({name_of(M::kShape), transport, loop, counts, false, &measure_ends<M>});
}

// How often longer than other points those of ends that sleep are watched.
inline constexpr int kSleepersTimes = 5;

// One function for each source, each of which compiles its own loops.
void add_channels(std::vector<ManyWay>& ways);
void add_groups(std::vector<ManyWay>& ways);
void add_pipes(std::vector<ManyWay>& ways);
void add_sleepers(std::vector<ManyWay>& ways);

}  // namespace ringbell::bench
