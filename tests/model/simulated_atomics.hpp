// The Atomics policy that runs in the explorer, and what else a program under it may do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <ringbell/core/atomics.hpp>

#include "tests/model/execution.hpp"
#include "tests/support/word_by_word.hpp"

namespace ringbell::model {

struct SimulatedAtomics : test::WordByWord<SimulatedAtomics> {
  template <core::SharedWord T>
  [[nodiscard]] static T load(const T& word, std::memory_order order, core::Edge edge) noexcept {
    return static_cast<T>(Execution::current().load({&word, sizeof word}, order, edge.label));
  }

  template <core::SharedWord T>
  static void store(T& word, T value, std::memory_order order, core::Edge edge) noexcept {
    Execution::current().store({&word, sizeof word}, value, order, edge.label);
  }

  template <core::SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired,
                                             std::memory_order success, std::memory_order failure,
                                             core::Edge edge) noexcept {
    std::uint64_t wide = expected;
    const bool exchanged = Execution::current().compare_exchange(
        {&word, sizeof word}, wide, desired, success, failure, edge.label);
    expected = static_cast<T>(wide);
    return exchanged;
  }

  template <core::SharedWord T>
  static T exchange(T& word, T value, std::memory_order order, core::Edge edge) noexcept {
    return modify(word, order, edge, [&](std::uint64_t) { return value; });
  }
  template <core::SharedWord T>
  static T fetch_add(T& word, T amount, std::memory_order order, core::Edge edge) noexcept {
    return modify(word, order, edge, [&](std::uint64_t before) { return before + amount; });
  }
  template <core::SharedWord T>
  static T fetch_or(T& word, T bits, std::memory_order order, core::Edge edge) noexcept {
    return modify(word, order, edge, [&](std::uint64_t before) { return before | bits; });
  }

  static void fence(std::memory_order order, core::Edge edge) noexcept {
    Execution::current().fence(order, edge.label);
  }
  static void compiler_fence() noexcept {}  // the explorer's threads do as they are told
  static void pause() noexcept { Execution::current().pause(); }

 private:
  template <core::SharedWord T, class Change>
  static T modify(T& word, std::memory_order order, core::Edge edge, Change&& change) noexcept {
    return static_cast<T>(Execution::current().modify(
        {&word, sizeof word}, order, edge.label,
        [&](std::uint64_t before) { return static_cast<T>(change(before)); }));
  }
};

static_assert(core::AtomicsPolicy<SimulatedAtomics>);

inline constexpr core::Edge kNoEdge{"program"};

// The payload: plain accesses, of whole words.
inline void write_payload(std::span<std::byte> payload, std::uint64_t value) {
  for (std::size_t at = 0; at + sizeof value <= payload.size(); at += sizeof value) {
    Execution::current().plain_store({payload.data() + at, sizeof value}, value + at);
  }
}

// A finding, if the words are not those of one write_payload(). Else its value.
inline std::uint64_t read_payload(std::span<const std::byte> payload) {
  std::uint64_t first = 0;
  for (std::size_t at = 0; at + sizeof first <= payload.size(); at += sizeof first) {
    const std::uint64_t word = Execution::current().plain_load({payload.data() + at, sizeof first});
    if (at == 0) first = word;
    if (word != first + at) Execution::current().fail("a torn message");
  }
  return first;
}

inline void require(bool holds, std::string what) {
  if (!holds) Execution::current().fail(std::move(what));
}

inline bool is_dead(std::size_t thread) { return Execution::current().is_dead(thread); }
// True: it has run.
inline bool heavy_barrier() {
  Execution::current().heavy_barrier();
  return true;
}

}  // namespace ringbell::model
