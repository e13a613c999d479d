#include "bench/harness/placement.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <sched.h>

namespace ringbell::bench {
namespace {

// Such as "0-1" or "0,4"; empty where the kernel does not tell.
std::string siblings_of(int cpu) {
  std::ifstream file(
      fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

CpuPair choose_cpus() {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.empty()) return {0, -1};
  if (cpus.size() == 1) return {cpus.front(), -1};
  const auto stranger = std::find_if(cpus.begin() + 1, cpus.end(), [&](int cpu) {
    return !are_siblings({cpus.front(), cpu});
  });
  return {cpus.front(), stranger != cpus.end() ? *stranger : cpus[1]};
}

bool are_siblings(const CpuPair& cpus) {
  if (cpus[1] < 0) return false;
  const std::string first = siblings_of(cpus[0]);
  return !first.empty() && first == siblings_of(cpus[1]);
}

Result<int> cpu_of(Placement placement, const CpuPair& cpus, int side) {
  if (placement == Placement::one_cpu) return cpus[0];
  if (cpus[1] < 0 || cpus[0] == cpus[1]) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a CPU for each process is wanted, but only CPU {} may be used; allow "
                            "another one (taskset, --cpus)",
                            cpus[0]));
  }
  return cpus[static_cast<std::size_t>(side)];
}

Result<void> pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    return fail_errno(fmt::format("pinning to CPU {} failed", cpu),
                      "choose allowed CPUs with --cpus");
  }
  return {};
}

}  // namespace ringbell::bench
