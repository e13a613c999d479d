// Messages of different sizes in slots of one size: a word in front says how long each is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::sized {

using Size = std::uint64_t;

// What a slot must take for messages of up to `message_bytes`, and back. Kept within bounds, so
// that a shape that is too large is still refused as one.
[[nodiscard]] constexpr std::uint32_t slot_message_bytes(std::uint32_t message_bytes) noexcept {
  return message_bytes > UINT32_MAX - sizeof(Size)
             ? UINT32_MAX
             : message_bytes + static_cast<std::uint32_t>(sizeof(Size));
}
[[nodiscard]] constexpr std::uint32_t message_bytes(std::uint32_t slot_message_bytes) noexcept {
  return slot_message_bytes - static_cast<std::uint32_t>(sizeof(Size));
}

// REQUIRES: slot.size() >= sizeof(Size).
inline void write_size(std::span<std::byte> slot, Size size_bytes) noexcept {
  std::memcpy(slot.data(), &size_bytes, sizeof size_bytes);
}
// Atomic, so that what is checked is what is used: a compiler may read a plain word twice.
[[nodiscard]] inline Size size_in(std::span<const std::byte> slot) noexcept {
  return core::HardwareAtomics::load(*core::object_at<Size>(slot.data()), std::memory_order_relaxed,
                                     core::Edge{"sized"});
}
// Nothing: a size that cannot be.
[[nodiscard]] inline std::optional<std::span<const std::byte>> message_in(
    std::span<const std::byte> slot) noexcept {
  const Size size_bytes = size_in(slot);
  if (size_bytes > slot.size() - sizeof size_bytes) return std::nullopt;
  return slot.subspan(sizeof size_bytes, size_bytes);
}

// What message_in() found then, or another value by now: a hostile peer changes it.
[[nodiscard]] inline core::Finding wrong_size(std::span<const std::byte> slot) noexcept {
  return {"a message's size", size_in(slot)};
}

}  // namespace ringbell::sized
