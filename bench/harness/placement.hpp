// Where the two processes of a measurement run.
#pragma once

#include <array>
#include <vector>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

enum class Placement {
  two_cpus,  // the first process on cpus[0], the second on cpus[1]
  one_cpu,   // both on cpus[0]
};

// The CPUs that measurements use. cpus[1] is -1 where the process may use only one.
using CpuPair = std::array<int, 2>;

[[nodiscard]] constexpr const char* name_of(Placement placement) noexcept {
  return placement == Placement::two_cpus ? "two_cpus" : "one_cpu";
}

// The CPUs that this process may run on, ascending.
[[nodiscard]] std::vector<int> allowed_cpus();

// Two allowed CPUs, of different cores if there are such.
[[nodiscard]] CpuPair choose_cpus();

// Whether both CPUs are threads of one core, as far as the kernel tells.
[[nodiscard]] bool are_siblings(const CpuPair& cpus);

// Errors: invalid_argument, if two_cpus is wanted and there is only one.
[[nodiscard]] Result<int> cpu_of(Placement placement, const CpuPair& cpus, int side);

// Pins the calling thread. Errors: system.
[[nodiscard]] Result<void> pin_to(int cpu);

}  // namespace ringbell::bench
