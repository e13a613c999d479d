// Plain memory for an MpmcRing, with guard bytes behind the last slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <ringbell/core/mpmc_ring.hpp>

#include <tests/support/guarded_bytes.hpp>

namespace ringbell::test {

class PlainMpmcMemory {
 public:
  PlainMpmcMemory(std::uint64_t slot_count, std::uint32_t message_bytes)
      : slot_count_(slot_count), message_bytes_(message_bytes) {}

  [[nodiscard]] core::MpmcMemory memory() const noexcept {
    return {.control = control_.get(),
            .slots = slots_.data(),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_};
  }
  // The state word of a slot, to look at or to damage.
  [[nodiscard]] core::MpmcState& state(std::uint64_t slot) const noexcept {
    return *reinterpret_cast<core::MpmcState*>(slots_.data() + slot * slot_bytes());
  }

 private:
  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::MpmcMemory::slot_bytes_for(message_bytes_);
  }

  std::uint64_t slot_count_;
  std::uint32_t message_bytes_;
  std::unique_ptr<core::MpmcControl> control_ = std::make_unique<core::MpmcControl>();
  GuardedBytes slots_{slot_count_ * slot_bytes()};
};

}  // namespace ringbell::test
