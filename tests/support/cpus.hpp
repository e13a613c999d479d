// Which CPU runs what.
#pragma once

#include <cstddef>
#include <vector>

#include <sched.h>

namespace ringbell::test {

// The CPUs this process may use.
[[nodiscard]] inline const std::vector<int>& usable_cpus() {
  static const std::vector<int> cpus = [] {
    std::vector<int> found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return found;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) found.push_back(cpu);
    }
    return found;
  }();
  return cpus;
}

// Keeps the calling thread on the index-th usable CPU; on the last one if there are fewer. Call
// usable_cpus() before the first thread is pinned.
inline void pin_to_cpu(std::size_t index) {
  const std::vector<int>& cpus = usable_cpus();
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpus[index < cpus.size() ? index : cpus.size() - 1]), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace ringbell::test
