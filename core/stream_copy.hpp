// Copying past the caches.
//
// An ordinary store to a line that another CPU has in its cache fetches that line first. Where the
// two CPUs are far apart, as on two dies or sockets, fetching takes longer than memory does, and a
// copy is as slow as its fetches. A streaming store fetches nothing: it takes the line away from
// all caches and sends whole lines to memory, from where the reader prefetches them. Between CPUs
// that share a cache it is the slower of the two, and it never pays for less than many lines.
//
// Visibility: streaming stores are not ordered with others, not even with a release store that
// follows; stream_copy() ends with a fence that orders them, so that commit() shows what it
// should.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#include <emmintrin.h>
#endif

namespace ringbell::core {

// Whether stream_copy() is more than memcpy() here. ThreadSanitizer does not see streaming stores.
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool kCanStream = true;
#else
inline constexpr bool kCanStream = false;
#endif

// As memcpy(): `bytes` bytes that do not overlap, at any alignment. Whole lines of `into` are
// streamed, what is left of lines at either end is copied.
inline void stream_copy(std::byte* into, const std::byte* from, std::size_t bytes) noexcept {
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
  constexpr std::size_t kLine = 64;
  const std::size_t to_line = -reinterpret_cast<std::uintptr_t>(into) % kLine;
  const std::size_t front = std::min(to_line, bytes);
  std::memcpy(into, from, front);
  into += front;
  from += front;
  bytes -= front;
  for (; bytes >= kLine; bytes -= kLine, into += kLine, from += kLine) {
    const auto* const source = reinterpret_cast<const __m128i*>(from);
    auto* const line = reinterpret_cast<__m128i*>(into);
    const __m128i a = _mm_loadu_si128(source);
    const __m128i b = _mm_loadu_si128(source + 1);
    const __m128i c = _mm_loadu_si128(source + 2);
    const __m128i d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(line, a);
    _mm_stream_si128(line + 1, b);
    _mm_stream_si128(line + 2, c);
    _mm_stream_si128(line + 3, d);
  }
  std::memcpy(into, from, bytes);
  _mm_sfence();
#else
  std::memcpy(into, from, bytes);
#endif
}

}  // namespace ringbell::core
