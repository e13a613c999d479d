// Memory for a broadcast ring of many writers: plain, with guard bytes behind the last slot, or of
// pages that a child shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <ringbell/core/many_memory.hpp>

#include <tests/support/guarded_bytes.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::test {

class PlainManyMemory {
 public:
  PlainManyMemory(std::uint64_t slot_count, std::uint32_t message_bytes,
                  std::uint32_t max_readers = core::kMaxBroadcastReaders)
      : slot_count_(slot_count), message_bytes_(message_bytes), max_readers_(max_readers) {}

  [[nodiscard]] core::ManyMemory memory() const noexcept {
    return {.control = control_.get(),
            .slots = slots_.data(),
            .slot_count = slot_count_,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes_,
            .max_readers = max_readers_};
  }
  // The state word of a slot, to look at or to damage.
  [[nodiscard]] core::MpmcState& state(std::uint64_t slot) const noexcept {
    return *reinterpret_cast<core::MpmcState*>(slots_.data() + slot * slot_bytes());
  }
  // And the cell of a reader.
  [[nodiscard]] std::uint64_t& cell(std::size_t i) const noexcept {
    return control_->readers.readers[i].state;
  }

 private:
  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return core::MpmcMemory::slot_bytes_for(message_bytes_);
  }

  std::uint64_t slot_count_;
  std::uint32_t message_bytes_;
  std::uint32_t max_readers_;
  std::unique_ptr<core::ManyControl> control_ = std::make_unique<core::ManyControl>();
  GuardedBytes slots_{slot_count_ * slot_bytes()};
};

[[nodiscard]] inline core::ManyMemory take_many_memory(SharedPages& pages, std::uint64_t slot_count,
                                                       std::uint32_t message_bytes,
                                                       std::uint32_t max_readers) noexcept {
  const std::uint32_t slot_bytes = core::MpmcMemory::slot_bytes_for(message_bytes);
  return {.control = pages.take<core::ManyControl>(),
          .slots = pages.take<std::byte>(slot_count * slot_bytes),
          .slot_count = slot_count,
          .slot_bytes = slot_bytes,
          .message_bytes = message_bytes,
          .max_readers = max_readers};
}

}  // namespace ringbell::test
