// Plain memory for an MpmcRing, with guard bytes behind the last slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include <ringbell/core/mpmc_ring.hpp>

namespace ringbell::test {

class PlainMpmcMemory {
 public:
  PlainMpmcMemory(std::uint64_t slot_count, std::uint32_t message_bytes)
      : slot_count_(slot_count), message_bytes_(message_bytes) {
    slots_.reset(static_cast<std::byte*>(
        ::operator new (used_bytes() + kGuardBytes, std::align_val_t{core::kFalseSharingBytes})));
    std::memset(slots_.get(), 0, used_bytes());
    std::memset(slots_.get() + used_bytes(), kGuard, kGuardBytes);
  }
  PlainMpmcMemory(const PlainMpmcMemory&) = delete;
  PlainMpmcMemory& operator=(const PlainMpmcMemory&) = delete;
  ~PlainMpmcMemory() {
    for (std::size_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(std::to_integer<int>(slots_.get()[used_bytes() + i]), kGuard) << "guard byte " << i;
    }
  }

  [[nodiscard]] core::MpmcMemory memory() const noexcept {
    return {.control = control_.get(),
            .slots = slots_.get(),
            .slot_count = slot_count_,
            .slot_bytes = core::MpmcMemory::slot_bytes_for(message_bytes_),
            .message_bytes = message_bytes_};
  }
  // The state word of a slot, to look at or to damage.
  [[nodiscard]] core::MpmcState& state(std::uint64_t slot) const noexcept {
    return *reinterpret_cast<core::MpmcState*>(
        slots_.get() + slot * core::MpmcMemory::slot_bytes_for(message_bytes_));
  }

 private:
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr int kGuard = 0xa5;
  struct Free {
    void operator()(std::byte* bytes) const {
      ::operator delete (bytes, std::align_val_t{core::kFalseSharingBytes});
    }
  };

  [[nodiscard]] std::uint64_t used_bytes() const noexcept {
    return slot_count_ * core::MpmcMemory::slot_bytes_for(message_bytes_);
  }

  std::uint64_t slot_count_;
  std::uint32_t message_bytes_;
  std::unique_ptr<core::MpmcControl> control_ = std::make_unique<core::MpmcControl>();
  std::unique_ptr<std::byte, Free> slots_;
};

}  // namespace ringbell::test
