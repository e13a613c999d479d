// Sleeping on several futex words at a time: futex_waitv(2), Linux 5.16.
//
// No wake-up is lost that FUTEX_WAIT would not lose: the kernel queues the caller on one word after
// the other, each only while that word says `parked`, compared under the lock that FUTEX_WAKE
// takes. If one does not, it is taken off all of them and returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell::futex {

struct Word {
  const std::uint32_t* word;
  std::uint32_t parked;
};

// FUTEX_WAITV_MAX.
inline constexpr std::size_t kMostWords = 128;

// Whether the kernel has it, and lets this process use it. A system call.
[[nodiscard]] bool can_sleep_on_any() noexcept;

// Sleeps until a word is woken, until then, a signal, or for no reason; at once if one of them is
// no longer what it was. REQUIRES: can_sleep_on_any(); 0 < words.size() <= kMostWords.
void sleep_on_any(std::span<const Word> words, SteadyTime until) noexcept;

}  // namespace ringbell::futex
