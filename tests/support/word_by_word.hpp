// For Atomics policies of tests: copies of many words as so many single operations.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <ringbell/core/atomics.hpp>

namespace ringbell::test {

template <class Policy>
struct WordByWord {
  static void load_words(std::byte* to, const std::uint64_t* from, std::size_t count,
                         core::Edge edge) noexcept {
    for (; count > 0; --count, to += sizeof *from) {
      const std::uint64_t word = Policy::load(*from++, std::memory_order_relaxed, edge);
      std::memcpy(to, &word, sizeof word);
    }
  }
  static void store_words(std::uint64_t* to, const std::byte* from, std::size_t count,
                          core::Edge edge) noexcept {
    for (; count > 0; --count, from += sizeof *to) {
      std::uint64_t word = 0;
      std::memcpy(&word, from, sizeof word);
      Policy::store(*to++, word, std::memory_order_relaxed, edge);
    }
  }
};

}  // namespace ringbell::test
