// What an inbound bridge leaves in its channel with each flush, for its successor.
//
//   61 bits   | check 16 | number in the stream, its low 21 | from 12 | to 12 |
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/nats/frame.hpp"

namespace ringbell::bridge {

struct InboundTag {
  static constexpr unsigned kNumberBits = 21;
  static_assert(kMostRecords < 1U << 12U);

  std::uint64_t check;   // of the stream: a later one of that name has another
  std::uint64_t number;  // of the message, modulo 2^21
  std::uint64_t from;    // the first of its records that the flush shows
  std::uint64_t to;      // one past the last

  [[nodiscard]] std::uint64_t word() const noexcept {
    return check << 45U | number << 24U | from << 12U | to;
  }
  [[nodiscard]] static InboundTag of(std::uint64_t word) noexcept {
    return {word >> 45U & 0xffffU, word >> 24U & 0x1fffffU, word >> 12U & 0xfffU, word & 0xfffU};
  }
  // The message's whole number, if it is one of the next 2^20 after `floor`.
  [[nodiscard]] std::optional<std::uint64_t> number_after(std::uint64_t floor) const noexcept {
    constexpr std::uint64_t kWrap = std::uint64_t{1} << kNumberBits;
    const std::uint64_t ahead = (number - floor) & (kWrap - 1);
    if (ahead == 0 || ahead > kWrap / 2) return std::nullopt;
    return floor + ahead;
  }
};

}  // namespace ringbell::bridge
