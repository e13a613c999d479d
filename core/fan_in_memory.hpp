// Where a FanIn (fan_in.hpp) lives: the memory as a side sees it.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/ready_lanes.hpp>
#include <ringbell/core/spsc_ring.hpp>

namespace ringbell::core {

// The memory of a FanIn, zeroed when it is new. REQUIRES: 1 to kMaxLanes lanes, and what
// SpscMemory requires of each: behind a lane's capacity_bytes, before the next lane's data, come
// its mirror image or at least max_record_bytes() that nothing else uses.
struct FanInMemory {
  ReadyControl* control;
  FanInLaneControl* lanes;          // lane_count of them
  std::byte* data;                  // of lane 0
  std::uint64_t lane_stride_bytes;  // from the data of one lane to that of the next
  std::uint64_t capacity_bytes;     // of each lane
  std::uint32_t record_alignment;
  std::uint32_t lane_count;
  std::uint32_t payload_alignment = 8;
  std::uint32_t user_header_bytes = 0;

  [[nodiscard]] SpscMemory ring(std::uint32_t lane) const noexcept {
    assert(lane < lane_count && lane_count <= kMaxLanes);
    return {.control = &lanes[lane].ring,
            .data = data + lane * lane_stride_bytes,
            .capacity_bytes = capacity_bytes,
            .record_alignment = record_alignment,
            .payload_alignment = payload_alignment,
            .user_header_bytes = user_header_bytes};
  }

  // An empty lane. Relaxed: the next writer comes by something that orders.
  template <AtomicsPolicy Atomics>
  void clear(std::uint32_t lane) const noexcept {
    constexpr Edge kClear{"fan_in.R"};
    const SpscMemory cleared = ring(lane);
    Atomics::store(SpscPlaces(cleared).header_at(0), RecordHeader{0}, std::memory_order_relaxed,
                   kClear);
    Atomics::store(cleared.control->head, std::uint64_t{0}, std::memory_order_relaxed, kClear);
  }

  // As ReadyLanes wants it.
  template <AtomicsPolicy Atomics>
  using Handle = typename SpscRing<Atomics>::Reader;
  template <AtomicsPolicy Atomics>
  [[nodiscard]] Handle<Atomics> handle(std::uint32_t lane) const noexcept {
    return Handle<Atomics>(ring(lane));
  }
  template <class Reader>
  [[nodiscard]] static bool has_something(Reader& reader) noexcept {
    return reader.peek().data() != nullptr;
  }
  [[nodiscard]] std::uint64_t& quiet(std::uint32_t lane) const noexcept {
    return lanes[lane].quiet;
  }
};

// How a reader divides its attention. REQUIRES: burst is not 0.
struct FanInPace {
  // So many records of a lane, then it is the next one's turn.
  std::uint32_t burst = 16;
  LanePace lanes = {};
};

}  // namespace ringbell::core
