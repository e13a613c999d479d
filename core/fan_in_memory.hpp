// Where a FanIn (fan_in.hpp) lives: the memory as a side sees it, and which bit is a lane's.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_memory.hpp>

namespace ringbell::core {

// The memory of a FanIn, zeroed when it is new. REQUIRES: 1 to kMaxFanInLanes lanes, and what
// SpscMemory requires of each: behind a lane's capacity_bytes, before the next lane's data, come
// its mirror image or at least max_record_bytes() that nothing else uses.
struct FanInMemory {
  FanInControl* control;
  FanInLaneControl* lanes;          // lane_count of them
  std::byte* data;                  // of lane 0
  std::uint64_t lane_stride_bytes;  // from the data of one lane to that of the next
  std::uint64_t capacity_bytes;     // of each lane
  std::uint32_t record_alignment;
  std::uint32_t lane_count;

  [[nodiscard]] SpscMemory ring(std::uint32_t lane) const noexcept {
    assert(lane < lane_count && lane_count <= kMaxFanInLanes);
    return {&lanes[lane].ring, data + lane * lane_stride_bytes, capacity_bytes, record_alignment};
  }
  // The word that has the lane's bit.
  [[nodiscard]] std::uint64_t& ready(std::uint32_t lane) const noexcept {
    return control->ready[lane / kLanesInWord].bits;
  }

  static constexpr std::uint32_t kLanesInWord = 64;
  [[nodiscard]] static constexpr std::uint64_t bit_of(std::uint32_t lane) noexcept {
    return std::uint64_t{1} << (lane % kLanesInWord);
  }
};

// How a reader divides its attention. REQUIRES: burst and patience are not 0.
struct FanInPace {
  // So many records of a lane, then it is the next one's turn.
  std::uint32_t burst = 16;
  // A lane that was found empty in so many visits in a row is told that it will not be polled, and
  // after as many again it is not. Polling an empty lane costs about 1 ns, waking it about 100.
  std::uint32_t patience = 64;
  // So many of the active lanes are polled however long they are empty: what they send next comes
  // without a signal.
  std::uint32_t kept_lanes = 4;
};

}  // namespace ringbell::core
