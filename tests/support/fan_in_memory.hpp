// Plain memory for a FanIn, and what its reader keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <ringbell/core/fan_in.hpp>

namespace ringbell::test {

class FanInStorage {
 public:
  FanInStorage(std::uint32_t lanes, std::uint64_t capacity_bytes)
      : control_(std::make_unique<core::ReadyControl>()),
        lanes_(std::make_unique<core::FanInLaneControl[]>(lanes)),
        data_(
            std::make_unique<std::uint64_t[]>(2 * capacity_bytes * lanes / sizeof(std::uint64_t))),
        capacity_bytes_(capacity_bytes),
        lane_count_(lanes),
        reader_lanes_(lanes) {}

  [[nodiscard]] core::FanInMemory memory() const noexcept {
    return {.control = control_.get(),
            .lanes = lanes_.get(),
            .data = reinterpret_cast<std::byte*>(data_.get()),
            .lane_stride_bytes = 2 * capacity_bytes_,
            .capacity_bytes = capacity_bytes_,
            .record_alignment = 8,
            .lane_count = lane_count_};
  }
  // One at a time: they share what a reader keeps.
  [[nodiscard]] core::FanIn<>::Reader reader(core::FanInPace pace = {}) {
    return {memory(), reader_lanes_, pace};
  }

 private:
  std::unique_ptr<core::ReadyControl> control_;
  std::unique_ptr<core::FanInLaneControl[]> lanes_;
  std::unique_ptr<std::uint64_t[]> data_;
  std::uint64_t capacity_bytes_;
  std::uint32_t lane_count_;
  std::vector<core::FanIn<>::ReaderLane> reader_lanes_;
};

}  // namespace ringbell::test
