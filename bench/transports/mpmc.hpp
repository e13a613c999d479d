// MpmcRing, one writer and one reader of it each way.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>

#include <ringbell/core/mpmc_ring.hpp>
#include "bench/transports/ring_link.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

// How many slots make a ring of fixed slots as large as the records' is for such messages.
[[nodiscard]] inline std::uint64_t slots_for(std::size_t message_bytes, std::uint32_t slot_bytes) {
  constexpr std::uint64_t kFewest = 4;
  return std::max(std::bit_floor(Ringbell::ring_bytes(message_bytes) / slot_bytes), kFewest);
}

class MpmcWay {
 public:
  explicit MpmcWay(std::size_t message_bytes) noexcept
      : message_bytes_(static_cast<std::uint32_t>(message_bytes)),
        slot_count_(slots_for(message_bytes, slot_bytes())) {}

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(core::MpmcControl) + slot_count_ * slot_bytes();
  }
  void describe(Row& row) const { set(row, "ring_bytes", slot_count_ * slot_bytes()); }

  class Writer {
   public:
    Writer(const MpmcWay& way, std::byte* memory) noexcept : ring_(way.at(memory), 1) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      const std::span<std::byte> room = ring_.claim();
      if (room.empty()) return false;
      std::memcpy(room.data(), message.data(), message.size());
      return ring_.commit();
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_.corrupt() || ring_.evicted() != 0; }

   private:
    core::MpmcRing<>::Writer ring_;
  };

  class Reader {
   public:
    Reader(const MpmcWay& way, std::byte* memory) noexcept : ring_(way.at(memory), 2) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      const std::span<const std::byte> message = ring_.peek();
      if (message.empty()) return false;
      std::memcpy(into.data(), message.data(), into.size());
      return ring_.release();
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_.corrupt() || ring_.evicted() != 0; }

   private:
    core::MpmcRing<>::Reader ring_;
  };

 private:
  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::MpmcMemory::slot_bytes_for(message_bytes_);
  }
  [[nodiscard]] core::MpmcMemory at(std::byte* memory) const noexcept {
    return {.control = reinterpret_cast<core::MpmcControl*>(memory),
            .slots = memory + sizeof(core::MpmcControl),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_};
  }

  std::uint32_t message_bytes_;
  std::uint64_t slot_count_;
};

using Mpmc = RingLink<TwoWays<MpmcWay>>;

}  // namespace ringbell::bench
