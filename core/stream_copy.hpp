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

#include <ringbell/core/cpu.hpp>

namespace ringbell::core {

// Whether stream_copy() is more than memcpy() here.
inline constexpr bool kCanStream = cpu::kStreams;

// As memcpy(): `bytes` bytes that do not overlap, at any alignment. Whole lines of `into` are
// streamed, what is left of lines at either end is copied.
inline void stream_copy(std::byte* into, const std::byte* from, std::size_t bytes) noexcept {
  if constexpr (kCanStream) {
    constexpr std::size_t kLine = cpu::kStreamedBytes;
    const std::size_t to_line = -reinterpret_cast<std::uintptr_t>(into) % kLine;
    const std::size_t front = std::min(to_line, bytes);
    std::memcpy(into, from, front);
    into += front;
    from += front;
    bytes -= front;
    for (; bytes >= kLine; bytes -= kLine, into += kLine, from += kLine) {
      cpu::stream_line(into, from);
    }
  }
  std::memcpy(into, from, bytes);
  if constexpr (kCanStream) cpu::end_of_stream();
}

}  // namespace ringbell::core
