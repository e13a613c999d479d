// BroadcastRing of either policy, with one reader each way. Where a reader can be lapped only round
// trips are measured: one way, messages that are missed are no failure, and not a rate either.
#pragma once

#include <cstring>
#include <optional>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include "bench/transports/mpmc.hpp"
#include "bench/transports/ring_link.hpp"

namespace ringbell::bench {

// The memory of a way: the control lines, which a lossy ring does not use, and the slots.
class BroadcastWay {
 public:
  explicit BroadcastWay(std::size_t message_bytes) noexcept
      : message_bytes_(static_cast<std::uint32_t>(message_bytes)),
        slot_count_(slots_for(message_bytes, slot_bytes())) {}

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(core::BroadcastControl) + slot_count_ * slot_bytes();
  }
  void describe(Row& row) const { set(row, "ring_bytes", slot_count_ * slot_bytes()); }

 protected:
  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> slots(std::byte* memory) const noexcept {
    return {.slots = memory + sizeof(core::BroadcastControl),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_};
  }
  [[nodiscard]] core::BroadcastMemory at(std::byte* memory) const noexcept {
    return {.control = reinterpret_cast<core::BroadcastControl*>(memory),
            .slots = slots<std::byte>(memory),
            .max_readers = kMaxReaders};
  }

 private:
  static constexpr std::uint32_t kMaxReaders = 4;

  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::BroadcastSlots<std::byte>::slot_bytes_for(message_bytes_);
  }

  std::uint32_t message_bytes_;
  std::uint64_t slot_count_;
};

class LosslessWay : public BroadcastWay {
 public:
  using BroadcastWay::BroadcastWay;

  class Writer {
   public:
    // Comes back when the reader has joined: what is sent before that is not waited for.
    Writer(const LosslessWay& way, std::byte* memory) noexcept : ring_(way.at(memory)) {
      const std::uint64_t& first = way.at(memory).control->readers[0].state;
      while (core::HardwareAtomics::load(first, std::memory_order_acquire, kJoined) == 0) {
        core::HardwareAtomics::pause();
      }
    }

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      const std::span<std::byte> room = ring_.claim();
      if (room.empty()) return false;
      std::memcpy(room.data(), message.data(), message.size());
      ring_.commit();
      return true;
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_.corrupt(); }

   private:
    static constexpr core::Edge kJoined{"bench.joined"};

    core::BroadcastLossless<>::Writer ring_;
  };

  class Reader {
   public:
    Reader(const LosslessWay& way, std::byte* memory) noexcept
        : ring_(core::BroadcastLossless<>::Reader::join(way.at(memory), 1)) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      const std::span<const std::byte> message = ring_->peek();
      if (message.empty()) return false;
      std::memcpy(into.data(), message.data(), into.size());
      ring_->release();
      return true;
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_->corrupt() || ring_->evicted(); }

   private:
    std::optional<core::BroadcastLossless<>::Reader> ring_;
  };
};

class LossyWay : public BroadcastWay {
 public:
  using BroadcastWay::BroadcastWay;

  class Writer {
   public:
    Writer(const LossyWay& way, std::byte* memory) noexcept : ring_(way.slots<std::byte>(memory)) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      ring_.publish(message);
      return !ring_.corrupt();
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_.corrupt(); }

   private:
    core::BroadcastLossy<>::Writer ring_;
  };

  class Reader {
   public:
    Reader(const LossyWay& way, std::byte* memory) noexcept
        : ring_(way.slots<const std::byte>(memory)) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      return ring_.receive(into);
    }
    [[nodiscard]] bool corrupt() const noexcept { return ring_.corrupt() || ring_.missed() != 0; }

   private:
    core::BroadcastLossy<>::Reader ring_;
  };
};

using Lossless = RingLink<TwoWays<LosslessWay>>;
using Lossy = RingLink<TwoWays<LossyWay>>;

}  // namespace ringbell::bench
