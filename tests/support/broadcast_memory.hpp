// Plain memory for a broadcast ring, with guard bytes behind the last slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_memory.hpp>

namespace ringbell::test {

class PlainBroadcastMemory {
 public:
  PlainBroadcastMemory(std::uint64_t slot_count, std::uint32_t message_bytes,
                       std::uint32_t max_readers = core::kMaxBroadcastReaders)
      : slot_count_(slot_count), message_bytes_(message_bytes), max_readers_(max_readers) {
    slots_.reset(static_cast<std::byte*>(
        ::operator new (used_bytes() + kGuardBytes, std::align_val_t{core::kFalseSharingBytes})));
    std::memset(slots_.get(), 0, used_bytes());
    std::memset(slots_.get() + used_bytes(), kGuard, kGuardBytes);
  }
  PlainBroadcastMemory(const PlainBroadcastMemory&) = delete;
  PlainBroadcastMemory& operator=(const PlainBroadcastMemory&) = delete;
  ~PlainBroadcastMemory() {
    for (std::size_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(std::to_integer<int>(slots_.get()[used_bytes() + i]), kGuard) << "guard byte " << i;
    }
  }

  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> slots() const noexcept {
    return {.slots = slots_.get(),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_};
  }
  [[nodiscard]] core::BroadcastMemory memory() const noexcept {
    return {.control = control_.get(), .slots = slots<std::byte>(), .max_readers = max_readers_};
  }
  // The sequence of a slot, to look at or to damage.
  [[nodiscard]] core::BroadcastSequence& sequence(std::uint64_t slot) const noexcept {
    return *reinterpret_cast<core::BroadcastSequence*>(slots_.get() + slot * slot_bytes());
  }
  [[nodiscard]] std::byte* payload(std::uint64_t slot) const noexcept {
    return slots_.get() + slot * slot_bytes() + sizeof(core::BroadcastSequence);
  }

 private:
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr int kGuard = 0xa5;
  struct Free {
    void operator()(std::byte* bytes) const {
      ::operator delete (bytes, std::align_val_t{core::kFalseSharingBytes});
    }
  };

  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::BroadcastSlots<std::byte>::slot_bytes_for(message_bytes_);
  }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return slot_count_ * slot_bytes(); }

  std::uint64_t slot_count_;
  std::uint32_t message_bytes_;
  std::uint32_t max_readers_;
  std::unique_ptr<core::BroadcastControl> control_ = std::make_unique<core::BroadcastControl>();
  std::unique_ptr<std::byte, Free> slots_;
};

}  // namespace ringbell::test
