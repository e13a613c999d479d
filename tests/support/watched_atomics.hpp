// An Atomics policy that a test can look into: it counts the operations, lets something happen
// before each of them, and can have loads return something else than what is there. So a test by
// one thread knows what a call costs, what comes between any two steps of it, and what it makes of
// a peer that changes every word between two looks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include <ringbell/core/atomics.hpp>

#include <tests/support/word_by_word.hpp>

namespace ringbell::test {

struct Watch {
  std::uint64_t operations = 0;
  std::function<void()> before = [] {};  // each operation; may use other policies
  // What an operation returns where this value stands in memory.
  std::function<std::uint64_t(std::uint64_t)> see = [](std::uint64_t value) { return value; };
};

struct WatchedAtomics : core::HardwareAtomics, WordByWord<WatchedAtomics> {
  [[nodiscard]] static Watch& watch() noexcept {
    static thread_local Watch instance;
    return instance;
  }

  template <core::SharedWord T>
  [[nodiscard]] static T load(const T& word, std::memory_order order, core::Edge edge) noexcept {
    step();
    return seen(HardwareAtomics::load(word, order, edge));
  }
  template <core::SharedWord T>
  static void store(T& word, T value, std::memory_order order, core::Edge edge) noexcept {
    step();
    HardwareAtomics::store(word, value, order, edge);
  }
  template <core::SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired,
                                             std::memory_order success, std::memory_order failure,
                                             core::Edge edge) noexcept {
    step();
    T found = expected;
    const bool exchanged =
        HardwareAtomics::compare_exchange(word, found, desired, success, failure, edge);
    if (!exchanged) expected = seen(found);
    return exchanged;
  }
  template <core::SharedWord T>
  static T exchange(T& word, T value, std::memory_order order, core::Edge edge) noexcept {
    step();
    return seen(HardwareAtomics::exchange(word, value, order, edge));
  }
  template <core::SharedWord T>
  static T fetch_add(T& word, T amount, std::memory_order order, core::Edge edge) noexcept {
    step();
    return seen(HardwareAtomics::fetch_add(word, amount, order, edge));
  }
  template <core::SharedWord T>
  static T fetch_or(T& word, T bits, std::memory_order order, core::Edge edge) noexcept {
    step();
    return seen(HardwareAtomics::fetch_or(word, bits, order, edge));
  }

  using WordByWord<WatchedAtomics>::load_words;
  using WordByWord<WatchedAtomics>::store_words;

 private:
  static void step() noexcept {
    ++watch().operations;
    watch().before();
  }
  template <core::SharedWord T>
  [[nodiscard]] static T seen(T value) noexcept {
    return static_cast<T>(watch().see(value));
  }
};

static_assert(core::AtomicsPolicy<WatchedAtomics>);

// How many operations a call takes.
template <class Call>
[[nodiscard]] std::uint64_t operations_of(Call&& call) {
  const std::uint64_t before = WatchedAtomics::watch().operations;
  std::forward<Call>(call)();
  return WatchedAtomics::watch().operations - before;
}

}  // namespace ringbell::test
