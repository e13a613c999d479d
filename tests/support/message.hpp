// Messages whose every byte follows from their number: a receiver that knows which is due can check
// the whole content, so a lost, repeated, torn or misplaced message cannot pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <tests/support/seed.hpp>

namespace ringbell::test {

// The number in the first bytes (as many of its 8 as have room), then a stream made from it.
inline void write_message(std::span<std::byte> into, std::uint64_t number) noexcept {
  std::uint64_t word = number;
  for (std::size_t at = 0; at < into.size(); at += sizeof word) {
    std::memcpy(into.data() + at, &word, std::min(sizeof word, into.size() - at));
    word = mix(number + at + into.size());
  }
}

[[nodiscard]] inline bool is_message(std::span<const std::byte> bytes,
                                     std::uint64_t number) noexcept {
  std::uint64_t word = number;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof word) {
    if (std::memcmp(bytes.data() + at, &word, std::min(sizeof word, bytes.size() - at)) != 0) {
      return false;
    }
    word = mix(number + at + bytes.size());
  }
  return true;
}

// 1 … largest, mostly small, now and then anything. The same for the same number.
[[nodiscard]] constexpr std::uint32_t size_of_message(std::uint64_t number,
                                                      std::uint32_t largest) noexcept {
  const std::uint64_t random = mix(number ^ 0x517e);
  const std::uint64_t below = random % 16 == 0 ? largest : std::min<std::uint64_t>(largest, 200);
  return static_cast<std::uint32_t>(1 + (random >> 8) % below);
}

}  // namespace ringbell::test
