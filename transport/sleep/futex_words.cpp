#include <ringbell/transport/sleep/futex_words.hpp>

#include <array>
#include <cassert>
#include <cerrno>
#include <ctime>

#include <unistd.h>

#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell::futex {
namespace {

// As <linux/futex.h> and <asm/unistd.h> have them since 5.16; the same on all architectures.
constexpr long kFutexWaitv = 449;
constexpr std::uint32_t kSizeU32 = 2;  // not private: the ringer is another process
struct Waiter {
  std::uint64_t value;
  const std::uint32_t* address;
  std::uint32_t flags;
  std::uint32_t reserved;
};
static_assert(sizeof(Waiter) == 24 && sizeof(void*) == 8);

}  // namespace

bool can_sleep_on_any() noexcept {
  // No waiters is what the call itself refuses.
  return ::syscall(kFutexWaitv, nullptr, 0, 0, nullptr, CLOCK_MONOTONIC) < 0 && errno == EINVAL;
}

void sleep_on_any(std::span<const Word> words, SteadyTime until) noexcept {
  assert(!words.empty() && words.size() <= kMostWords);
  const NoCancellation whole;
  std::array<Waiter, kMostWords> waiters;  // NOLINT(*-member-init): as many as are used
  for (std::size_t i = 0; i < words.size(); ++i) {
    waiters[i] = {
        .value = words[i].parked, .address = words[i].word, .flags = kSizeU32, .reserved = 0};
  }
  const timespec limit = to_timespec(until.time_since_epoch());  // of the steady clock
  // Woken, timed out, interrupted, or a word had changed: the caller looks again in any case.
  ::syscall(kFutexWaitv, waiters.data(), words.size(), 0, until == kNever ? nullptr : &limit,
            CLOCK_MONOTONIC);
}

}  // namespace ringbell::futex
