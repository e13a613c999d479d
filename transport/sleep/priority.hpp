// Priorities of threads: a real-time thread that spins keeps every ordinary thread off its CPU, for
// ever unless the kernel throttles it. If its peer may run nowhere else, what it waits for never
// comes.
#pragma once

#include <cstdint>
#include <optional>

#include <sched.h>

namespace ringbell::priority {

// The calling thread, if it is one of SCHED_FIFO, SCHED_RR or SCHED_DEADLINE.
class RealTime {
 public:
  // Nothing: it is an ordinary one. One system call, or three.
  [[nodiscard]] static std::optional<RealTime> of_this_thread() noexcept;

  // Whether it keeps this process off the CPU while it spins: that has one CPU only, on which this
  // thread may run too, and no higher priority. `pid` is of this pid namespace. What counts are the
  // priority and the CPUs of its main thread. False where that says nothing: of another namespace,
  // of no process, and of this very one, some thread of which may have the other end. Four system
  // calls.
  [[nodiscard]] bool keeps_off_cpu(std::uint32_t pid) const noexcept;

 private:
  RealTime(int priority, const cpu_set_t& cpus) noexcept : priority_(priority), cpus_(cpus) {}

  int priority_;  // of SCHED_DEADLINE: above all others
  cpu_set_t cpus_;
};

}  // namespace ringbell::priority
