// The Atomics policy: how the algorithms of core/ touch memory that another process may be
// touching.
//
// Every algorithm is a template over a policy with the static functions below, so the very same
// code runs on hardware (this file), under an explorer of interleavings and weak behaviours, and
// under a policy that kills its process at the n-th operation. A policy sees each operation with
// its memory order and the label of the edge that the operation is one end of; the labels are
// explained at the top of the header that declares them.
//
// The words themselves are plain integers in plain structs (layout.hpp), so that shared memory is a
// file format and not a C++ object. The compilers' built-in functions make each access atomic;
// std::atomic_ref, which comes to the same, is missing from libc++ before 19.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <ringbell/core/cpu.hpp>
#include <ringbell/core/thread_sanitizer.hpp>

namespace ringbell::core {

// A happens-before edge of an algorithm, or a deliberate lack of one (relaxed). Compared by address
// of nothing: the text is the identity.
struct Edge {
  const char* label;
};

template <class T>
concept SharedWord = std::same_as<T, std::uint32_t> || std::same_as<T, std::uint64_t>;

// What an algorithm may ask of a policy.
template <class A>
concept AtomicsPolicy = requires(std::uint64_t& word, const std::uint64_t& read_only,
                                 std::uint64_t& expected, std::byte* bytes,
                                 const std::byte* read_only_bytes, std::size_t count) {
  { A::load(read_only, std::memory_order_acquire, Edge{"?"}) } -> std::same_as<std::uint64_t>;
  {A::store(word, std::uint64_t{1}, std::memory_order_release, Edge{"?"})};
  {
    A::compare_exchange(word, expected, std::uint64_t{1}, std::memory_order_acq_rel,
                        std::memory_order_relaxed, Edge{"?"})
    } -> std::same_as<bool>;
  {
    A::exchange(word, std::uint64_t{1}, std::memory_order_acq_rel, Edge{"?"})
    } -> std::same_as<std::uint64_t>;
  {
    A::fetch_add(word, std::uint64_t{1}, std::memory_order_acq_rel, Edge{"?"})
    } -> std::same_as<std::uint64_t>;
  {
    A::fetch_or(word, std::uint64_t{1}, std::memory_order_acq_rel, Edge{"?"})
    } -> std::same_as<std::uint64_t>;
  {A::load_words(bytes, &read_only, count, Edge{"?"})};
  {A::store_words(&word, read_only_bytes, count, Edge{"?"})};
  {A::fence(std::memory_order_seq_cst, Edge{"?"})};
  {A::compiler_fence()};
  {A::pause()};
};

// The policy for real use: each function is one instruction (or none) on x86-64 and AArch64, but
// for those that copy many words.
struct HardwareAtomics {
  template <SharedWord T>
  [[nodiscard, gnu::always_inline]] static T load(const T& word, std::memory_order order,
                                                  Edge) noexcept {
    // Lock-free, so it never writes: a read-only mapping is fine.
    static_assert(__atomic_always_lock_free(sizeof(T), nullptr));
    const T value = __atomic_load_n(&word, static_cast<int>(order));
    told_after(word, order);
    return value;
  }

  template <SharedWord T>
  [[gnu::always_inline]] static void store(T& word, T value, std::memory_order order,
                                           Edge) noexcept {
    told_before(word, order);
    __atomic_store_n(&word, value, static_cast<int>(order));
  }

  // Strong. On failure `expected` holds what was there.
  template <SharedWord T>
  [[nodiscard, gnu::always_inline]] static bool compare_exchange(T& word, T& expected, T desired,
                                                                 std::memory_order success,
                                                                 std::memory_order failure,
                                                                 Edge) noexcept {
    told_before(word, success);
    const bool done = __atomic_compare_exchange_n(
        &word, &expected, desired, false, static_cast<int>(success), static_cast<int>(failure));
    told_after(word, done ? success : failure);
    return done;
  }

  // These return what was there before.
  template <SharedWord T>
  [[gnu::always_inline]] static T exchange(T& word, T value, std::memory_order order,
                                           Edge) noexcept {
    told_before(word, order);
    const T before = __atomic_exchange_n(&word, value, static_cast<int>(order));
    told_after(word, order);
    return before;
  }
  template <SharedWord T>
  [[gnu::always_inline]] static T fetch_add(T& word, T amount, std::memory_order order,
                                            Edge) noexcept {
    told_before(word, order);
    const T before = __atomic_fetch_add(&word, amount, static_cast<int>(order));
    told_after(word, order);
    return before;
  }
  template <SharedWord T>
  [[gnu::always_inline]] static T fetch_or(T& word, T bits, std::memory_order order,
                                           Edge) noexcept {
    told_before(word, order);
    const T before = __atomic_fetch_or(&word, bits, static_cast<int>(order));
    told_after(word, order);
    return before;
  }

  // Relaxed, word by word and in any order: from shared memory, and into it.
  static void load_words(std::byte* to, const std::uint64_t* from, std::size_t count,
                         Edge edge) noexcept {
    if (cpu::copied_at_once(to, from, count)) return;
    for (; count > 0; --count, to += sizeof *from) {
      const std::uint64_t word = load(*from++, std::memory_order_relaxed, edge);
      std::memcpy(to, &word, sizeof word);
    }
  }
  static void store_words(std::uint64_t* to, const std::byte* from, std::size_t count,
                          Edge edge) noexcept {
    if (cpu::copied_at_once(to, from, count)) return;
    for (; count > 0; --count, from += sizeof *to) {
      std::uint64_t word = 0;
      std::memcpy(&word, from, sizeof word);
      store(*to++, word, std::memory_order_relaxed, edge);
    }
  }

  [[gnu::always_inline]] static void fence(std::memory_order order, Edge) noexcept {
    std::atomic_thread_fence(order);
  }

  // Keeps the compiler, and only the compiler, from moving memory accesses across.
  [[gnu::always_inline]] static void compiler_fence() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }

  // Tells the CPU that this is a spin loop.
  [[gnu::always_inline]] static void pause() noexcept { cpu::spin_hint(); }

 private:
  // ThreadSanitizer is told; nothing in other builds. Before a store that releases, after a load
  // that acquires.
  template <SharedWord T>
  [[gnu::always_inline]] static void told_before(
      [[maybe_unused]] const T& word, [[maybe_unused]] std::memory_order order) noexcept {
    if constexpr (thread_sanitizer::kWatches) {
      if (order >= std::memory_order_release) thread_sanitizer::releases(&word);
    }
  }
  template <SharedWord T>
  [[gnu::always_inline]] static void told_after([[maybe_unused]] const T& word,
                                                [[maybe_unused]] std::memory_order order) noexcept {
    if constexpr (thread_sanitizer::kWatches) {
      const bool acquires =
          order != std::memory_order_relaxed && order != std::memory_order_release;
      if (acquires) thread_sanitizer::acquired(&word);
    }
  }
};

static_assert(AtomicsPolicy<HardwareAtomics>);

}  // namespace ringbell::core
