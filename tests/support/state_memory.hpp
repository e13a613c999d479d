// Plain memory for a State, with guard bytes behind the last buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <ringbell/core/state_memory.hpp>

#include <tests/support/guarded_bytes.hpp>

namespace ringbell::test {

class PlainStateMemory {
  using Memory = core::StateMemory<std::byte>;

 public:
  explicit PlainStateMemory(std::uint32_t value_bytes, std::uint32_t keys = 1,
                            std::uint32_t readers = 0)
      : value_bytes_(value_bytes), keys_(keys), pins_(1 + readers) {}

  template <class Byte>
  [[nodiscard]] core::StateMemory<Byte> memory() const noexcept {
    return {.values = values_.data(),
            .pins = const_cast<core::ParticipantLine*>(pins_.data()),
            .participants = static_cast<std::uint32_t>(pins_.size()),
            .keys = keys_,
            .value_bytes = value_bytes_};
  }
  [[nodiscard]] std::uint32_t buffers() const noexcept {
    return Memory::buffers_for(static_cast<std::uint32_t>(pins_.size()));
  }
  // To look at or to damage.
  [[nodiscard]] std::uint64_t& newest(std::uint32_t key = 0) const noexcept {
    return places().newest(key);
  }
  [[nodiscard]] core::StateBuffer& buffer(std::uint32_t key, std::uint32_t number) const noexcept {
    return places().buffer(key, number);
  }
  [[nodiscard]] std::uint64_t& pin(std::uint32_t reader) const noexcept {
    return places().pin(reader);
  }

 private:
  [[nodiscard]] core::StatePlaces<std::byte> places() const noexcept {
    return core::StatePlaces<std::byte>(memory<std::byte>());
  }

  std::uint32_t value_bytes_;
  std::uint32_t keys_;
  std::vector<core::ParticipantLine> pins_;
  GuardedBytes values_{keys_ * Memory::key_bytes_for(value_bytes_, buffers())};
};

}  // namespace ringbell::test
