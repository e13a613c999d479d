// What an endpoint has done in this process since it was opened: for metrics and diagnosis.
//
// It is counted where the endpoint waits, sleeps or makes a system call anyway, so that a message
// that finds its peer awake pays nothing. What went through is told by positions.
#pragma once

#include <cstdint>

namespace ringbell {

struct Stats {
  std::uint64_t waits = 0;   // found nothing (or no room) and waited for it, spinning or asleep
  std::uint64_t sleeps = 0;  // went to sleep, in a long wait once in WaitOptions::longest_sleep
  std::uint64_t rings = 0;   // woke a sleeper, by a system call
  // Sleeps to the end of their slice although what they waited for was there: no ring had come.
  // 0, unless a wake-up is lost: the slices would hide that.
  std::uint64_t missed_rings = 0;
};

}  // namespace ringbell
