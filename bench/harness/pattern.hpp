// What messages contain, so that the receiver can tell a wrong one.
//
//   | sequence number, 8 bytes | word(sequence, 1) | word(sequence, 2) | ...
//
// Every message is checked for its length and its sequence number: eight bytes, so that the check
// costs nothing beside the smallest message. In rows with "checksum" the sender fills in the whole
// pattern and the receiver compares FNV-1a over the words that came with that of the words due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringbell::bench {

inline constexpr std::size_t kSequenceBytes = sizeof(std::uint64_t);

// Stands in place of a sequence number in the last message of a stream.
inline constexpr std::uint64_t kEndOfStream = UINT64_MAX;

// REQUIRES: message.size() >= kSequenceBytes, here and below.
inline void stamp(std::span<std::byte> message, std::uint64_t sequence) noexcept {
  std::memcpy(message.data(), &sequence, kSequenceBytes);
}

[[nodiscard]] inline std::uint64_t sequence_of(std::span<const std::byte> message) noexcept {
  std::uint64_t sequence = 0;
  std::memcpy(&sequence, message.data(), kSequenceBytes);
  return sequence;
}

// The index-th word of a message: splitmix64's finalizer, cheap and different in every bit.
[[nodiscard]] constexpr std::uint64_t pattern_word(std::uint64_t sequence,
                                                   std::uint64_t index) noexcept {
  std::uint64_t word = sequence * 0x9E3779B97F4A7C15U + index;
  word = (word ^ (word >> 30U)) * 0xBF58476D1CE4E5B9U;
  return word ^ (word >> 27U);
}

// The whole message. Bytes behind the last whole word are 0.
inline void fill(std::span<std::byte> message, std::uint64_t sequence) noexcept {
  stamp(message, sequence);
  const std::size_t words = message.size() / sizeof(std::uint64_t);
  for (std::size_t i = 1; i < words; ++i) {
    const std::uint64_t word = pattern_word(sequence, i);
    std::memcpy(message.data() + i * sizeof word, &word, sizeof word);
  }
  const std::size_t rest = message.size() % sizeof(std::uint64_t);
  std::memset(message.data() + message.size() - rest, 0, rest);
}

// FNV-1a's step over a 64-bit word in place of a byte.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::uint64_t hash, std::uint64_t word) noexcept {
  return (hash ^ word) * 0x100000001B3U;
}
inline constexpr std::uint64_t kFnvBasis = 0xCBF29CE484222325U;

[[nodiscard]] inline std::uint64_t checksum(std::span<const std::byte> message) noexcept {
  std::uint64_t hash = kFnvBasis;
  for (std::size_t at = 0; at + sizeof hash <= message.size(); at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, message.data() + at, sizeof word);
    hash = fnv1a(hash, word);
  }
  for (std::size_t at = message.size() / sizeof hash * sizeof hash; at < message.size(); ++at) {
    hash = fnv1a(hash, static_cast<std::uint64_t>(message[at]));
  }
  return hash;
}

// The checksum of fill()'s message of this size.
[[nodiscard]] inline std::uint64_t checksum_due(std::size_t size_bytes,
                                                std::uint64_t sequence) noexcept {
  std::uint64_t hash = fnv1a(kFnvBasis, sequence);
  const std::size_t words = size_bytes / sizeof hash;
  for (std::size_t i = 1; i < words; ++i) hash = fnv1a(hash, pattern_word(sequence, i));
  for (std::size_t i = words * sizeof hash; i < size_bytes; ++i) hash = fnv1a(hash, 0);
  return hash;
}

}  // namespace ringbell::bench
