// Plain memory for a broadcast ring, with guard bytes behind the last slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <ringbell/core/broadcast_memory.hpp>

#include <tests/support/guarded_bytes.hpp>

namespace ringbell::test {

class PlainBroadcastMemory {
 public:
  PlainBroadcastMemory(std::uint64_t slot_count, std::uint32_t message_bytes,
                       std::uint32_t max_readers = core::kMaxBroadcastReaders)
      : slot_count_(slot_count), message_bytes_(message_bytes), max_readers_(max_readers) {}

  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> slots() const noexcept {
    return {.slots = slots_.data(),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_};
  }
  [[nodiscard]] core::BroadcastMemory memory() const noexcept {
    return {.control = control_.get(), .slots = slots<std::byte>(), .max_readers = max_readers_};
  }
  // The sequence of a slot, to look at or to damage.
  [[nodiscard]] core::BroadcastSequence& sequence(std::uint64_t slot) const noexcept {
    return *reinterpret_cast<core::BroadcastSequence*>(slots_.data() + slot * slot_bytes());
  }
  [[nodiscard]] std::byte* payload(std::uint64_t slot) const noexcept {
    return slots_.data() + slot * slot_bytes() + sizeof(core::BroadcastSequence);
  }

 private:
  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::BroadcastSlots<std::byte>::slot_bytes_for(message_bytes_);
  }

  std::uint64_t slot_count_;
  std::uint32_t message_bytes_;
  std::uint32_t max_readers_;
  std::unique_ptr<core::BroadcastControl> control_ = std::make_unique<core::BroadcastControl>();
  GuardedBytes slots_{slot_count_ * slot_bytes()};
};

}  // namespace ringbell::test
