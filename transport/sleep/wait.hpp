// How an endpoint waits: it spins for a while, then it parks (sleeps until rung).
#pragma once

#include <chrono>
#include <cstdint>

#include <ringbell/transport/base/timeout.hpp>

namespace ringbell {

struct WaitOptions {
  enum class Kind : std::uint8_t {
    spin,  // never sleep; needs a CPU to itself
    park,  // spin for a budget, then sleep on the channel's doorbell
  };
  Kind kind = Kind::park;
  // How long to spin before parking. What is used adapts: spinning that never pays (both processes
  // on one CPU, a slow peer) is given up, and tried again at growing intervals. Then the CPU is
  // given away once (sched_yield) before parking, as long as that pays. 0: park at once.
  std::chrono::nanoseconds spin_budget = std::chrono::microseconds(20);
  // The longest sleep before looking again unasked: bounds how late a death is noticed, and the
  // harm of a ring that a dying peer left out. Ten wake-ups a second cost an idle endpoint about
  // 0.01 % of a CPU. Taken as 1 ms … 1 h.
  std::chrono::nanoseconds longest_sleep = std::chrono::milliseconds(100);
  // A side that sleeps again before this many bytes have gone through lets its peer fence (a few ns
  // a message) instead of running a heavy barrier itself at each sleep (a system call). 0: never.
  // Ends of queues, topics, services, collectors and states: any but 0 lets those that they wait
  // for fence, until that has found none to ring some hundred times.
  std::uint64_t fence_below_bytes = 8192;
  // Give the CPU away between two looks (sched_yield): for spinning where both share one CPU.
  bool yield = false;
  // Spin no more than the CPU quota of this process's control groups bears (cpu_quota.hpp),
  // whatever `kind` says: then sleep at once; without a doorbell, nap for 50 us between two looks.
  bool within_quota = true;
  // Hold /dev/cpu_dma_latency at 0 while this endpoint lives, so that idle CPUs wake up at once.
  // Costs power. Where it is refused the endpoint works on; quick_wake_refusal() says why.
  bool quick_wake = false;
};

}  // namespace ringbell
