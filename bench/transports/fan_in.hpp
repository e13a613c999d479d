// FanIn with one writer that sends and many that have nothing to say, each way.
#pragma once

#include <cstring>
#include <vector>

#include <ringbell/core/fan_in.hpp>
#include "bench/transports/ring_link.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

class FanInWay {
 public:
  explicit FanInWay(std::size_t message_bytes) noexcept
      : capacity_bytes_(Ringbell::ring_bytes(message_bytes)),
        lane_count_(message_bytes <= kSmallBytes ? kManyLanes : kFewLanes) {}

  // Each lane's data is followed by as much that nothing else uses.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(core::ReadyControl) +
           lane_count_ * (sizeof(core::FanInLaneControl) + 2 * capacity_bytes_);
  }
  void describe(Row& row) const {
    set(row, "ring_bytes", capacity_bytes_);
    set(row, "idle_lanes", lane_count_ - 1);
  }

  class Writer {
   public:
    Writer(const FanInWay& way, std::byte* memory) noexcept
        : lane_(way.at(memory), way.lane_count_ / 2) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      const std::span<std::byte> room = lane_.claim(static_cast<std::uint32_t>(message.size()));
      if (room.empty()) return false;
      std::memcpy(room.data(), message.data(), message.size());
      lane_.commit();
      return true;
    }
    [[nodiscard]] bool corrupt() const noexcept { return lane_.corrupt(); }

   private:
    core::FanIn<>::Writer lane_;
  };

  class Reader {
   public:
    Reader(const FanInWay& way, std::byte* memory)
        : lanes_(way.lane_count_), ring_(way.at(memory), lanes_) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      const std::span<const std::byte> record = ring_.peek();
      if (record.size() != into.size()) return wrong_size(record.size());
      std::memcpy(into.data(), record.data(), into.size());
      ring_.release();
      return true;
    }
    [[nodiscard]] bool corrupt() const noexcept { return wrong_ || ring_.corrupt_lanes() != 0; }

   private:
    [[nodiscard]] bool wrong_size(std::size_t size_bytes) noexcept {
      wrong_ = wrong_ || size_bytes != 0;
      return false;
    }

    std::vector<core::FanIn<>::ReaderLane> lanes_;
    core::FanIn<>::Reader ring_;
    bool wrong_ = false;
  };

 private:
  static constexpr std::uint32_t kManyLanes = 65;
  static constexpr std::uint32_t kFewLanes = 5;  // of long messages: they need room
  static constexpr std::size_t kSmallBytes = 4096;

  [[nodiscard]] core::FanInMemory at(std::byte* memory) const noexcept {
    std::byte* const lanes = memory + sizeof(core::ReadyControl);
    return {.control = reinterpret_cast<core::ReadyControl*>(memory),
            .lanes = reinterpret_cast<core::FanInLaneControl*>(lanes),
            .data = lanes + lane_count_ * sizeof(core::FanInLaneControl),
            .lane_stride_bytes = 2 * capacity_bytes_,
            .capacity_bytes = capacity_bytes_,
            .record_alignment = core::kRecordHeaderBytes,
            .lane_count = lane_count_};
  }

  std::uint64_t capacity_bytes_;
  std::uint32_t lane_count_;
};

using ManyLanes = RingLink<TwoWays<FanInWay>>;

}  // namespace ringbell::bench
