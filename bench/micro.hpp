// What the micro-benchmarks share: messages with a sequence number, and threads on CPUs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sched.h>

namespace ringbell::bench {

template <std::size_t size_bytes>
struct Message {
  std::uint64_t sequence;
  std::array<std::byte, size_bytes - sizeof(std::uint64_t)> rest;
};

template <>
struct Message<sizeof(std::uint64_t)> {
  std::uint64_t sequence;
};

// Those that the process may run on. Ask before anything is pinned.
inline std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// The calling thread.
inline void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace ringbell::bench
