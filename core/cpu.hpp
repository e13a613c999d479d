// What only a CPU's instructions decide, for x86-64 and AArch64; another CPU gets what is always
// right. This is the one header of core that asks for the architecture.
//
//                           x86-64                      AArch64
//   spin_hint()             pause                       isb: as long as a pause; yield is a nop on
//                                                       all but cores with several threads
//   prefetch_for_write()    prefetchw                   prfm pstl1keep
//   evict_line()            clflushopt, where it is     none: dc civac was not measured
//   copied_at_once()        rep movsq                   none: ldp and stp are as fast
//   stream_line()           movntdq, sfence at the end  none: stnp is a hint that most cores ignore
//   crc32c()                crc32, where SSE4.2 is      crc32cx, where the compiler may assume it
//
// Barriers: none of these orders anything, but for rep movsq, whose stores keep their order, and
// end_of_stream(). Order comes from the acquire loads and release stores of atomics.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// ThreadSanitizer does not see streaming stores.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define RINGBELL_CPU_STREAMS 1
#include <emmintrin.h>
#else
#define RINGBELL_CPU_STREAMS 0
#endif

#include <ringbell/core/object_at.hpp>

namespace ringbell::core::cpu {

// What goes from one CPU's cache to another's at a time.
inline constexpr std::size_t kLineBytes = 64;

// Where the line of this position begins, in a ring that begins with a line.
[[nodiscard]] constexpr std::uint64_t line_of(std::uint64_t position) noexcept {
  return position & ~std::uint64_t{kLineBytes - 1};
}

// Tells the CPU that this is a spin loop.
[[gnu::always_inline]] inline void spin_hint() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" : : : "memory");
#else
  asm volatile("" : : : "memory");
#endif
}

// Asks for the line of `at`, to be written soon: it is taken away from the other CPUs' caches, so
// that the store finds it here. Any address is allowed.
[[gnu::always_inline]] inline void prefetch_for_write(const void* at) noexcept {
#if defined(__x86_64__)
  // The builtin function would prefetch for reading, unless told of -mprfchw. All x86-64 CPUs take
  // the instruction; those that do not know it take it for a nop.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 1, 3);
#endif
}

// Whether evict_line() is there. The first call asks the CPU, or the hypervisor in its place.
[[nodiscard]] inline bool has_evict_line() noexcept {
#if defined(__x86_64__)
  // A static object with a guard would need the C++ library. Each thread finds the same.
  static int known = 0;
  constexpr int kThere = 1;
  constexpr int kMissing = 2;
  int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (found == 0) {
    constexpr unsigned kExtendedFeatures = 7;
    constexpr unsigned kClflushopt = 1U << 23U;  // of EBX
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    const bool told = __get_cpuid_count(kExtendedFeatures, 0, &eax, &ebx, &ecx, &edx) != 0;
    found = told && (ebx & kClflushopt) != 0 ? kThere : kMissing;
    __atomic_store_n(&known, found, __ATOMIC_RELAXED);
  }
  return found == kThere;
#else
  return false;
#endif
}

// Moves the line of `at` from all CPUs' caches to memory: the next CPU that stores there has no
// copy to take away from another. What stands there stays the same. REQUIRES: has_evict_line().
[[gnu::always_inline]] inline void evict_line([[maybe_unused]] const void* at) noexcept {
#if defined(__x86_64__)
  asm volatile("clflushopt %0" : : "m"(*static_cast<const char*>(at)) : "memory");
#endif
}

// Copies long runs of words by one instruction, which fetches many lines at a time: 4 KiB from
// another core in a quarter of the time that word by word takes. Its stores are ordered with those
// before and after it, as all others are (Intel SDM 3A, 9.2.4). False: not done.
template <class To, class From>
[[nodiscard, gnu::always_inline]] inline bool copied_at_once([[maybe_unused]] To* to,
                                                             [[maybe_unused]] const From* from,
                                                             [[maybe_unused]] std::size_t words) {
#if defined(__x86_64__)
  constexpr std::size_t kFewestWords = 64;  // below, its start costs more than it saves
  if (words < kFewestWords) return false;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  return true;
#else
  return false;
#endif
}

// Whether stream_line() is there.
inline constexpr bool kStreams = RINGBELL_CPU_STREAMS != 0;
inline constexpr std::size_t kStreamedBytes = 64;

#if RINGBELL_CPU_STREAMS
// Copies one line past the caches. REQUIRES: `line` is aligned to kStreamedBytes.
[[gnu::always_inline]] inline void stream_line(std::byte* line, const std::byte* from) noexcept {
  const auto* const source = object_at<__m128i>(from);
  auto* const into = object_at<__m128i>(line);
  const __m128i a = _mm_loadu_si128(source);
  const __m128i b = _mm_loadu_si128(source + 1);
  const __m128i c = _mm_loadu_si128(source + 2);
  const __m128i d = _mm_loadu_si128(source + 3);
  _mm_stream_si128(into, a);
  _mm_stream_si128(into + 1, b);
  _mm_stream_si128(into + 2, c);
  _mm_stream_si128(into + 3, d);
}
// Orders all streamed lines before the stores that follow.
[[gnu::always_inline]] inline void end_of_stream() noexcept { _mm_sfence(); }
#else
inline void stream_line(std::byte*, const std::byte*) noexcept {}
inline void end_of_stream() noexcept {}
#endif

// Whether crc32c() is there.
[[nodiscard]] inline bool has_crc32c() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("sse4.2") != 0;
#elif defined(__ARM_FEATURE_CRC32)
  return true;
#else
  return false;
#endif
}
// A CRC32C (its register, which is inverted at the beginning and the end) after 8 more bytes.
// REQUIRES: has_crc32c().
[[nodiscard, gnu::always_inline]] inline std::uint32_t crc32c(
    std::uint32_t crc, [[maybe_unused]] std::uint64_t bytes) noexcept {
#if defined(__x86_64__)
  std::uint64_t wide = crc;
  asm("crc32q %1, %0" : "+r"(wide) : "rm"(bytes));
  return static_cast<std::uint32_t>(wide);
#elif defined(__ARM_FEATURE_CRC32)
  asm("crc32cx %w0, %w0, %1" : "+r"(crc) : "r"(bytes));
  return crc;
#else
  return crc;
#endif
}

#undef RINGBELL_CPU_STREAMS

}  // namespace ringbell::core::cpu
