// The judgement of `ringbell doctor`: facts in, findings out. Each check knows one property; none
// asks the machine anything that `files` and `trials` do not say.
#pragma once

#include "tools/doctor/finding.hpp"
#include "tools/doctor/machine.hpp"

namespace ringbell::bench {

// What ringbell cannot do without, or falls back from: kernel, memfd, locks, membarrier, io_uring.
void check_kernel(const MachineFiles& files, const Trials& trials, Findings& findings);

// What gets a CPU and when: CPUs, quota, isolation, governor, SMT, idle, wake-up, clock.
void check_cpus(const MachineFiles& files, const Trials& trials, Findings& findings);

// Room and pages: the folder of names, huge pages, memlock, swap, NUMA, message queues, and what
// goes at logout.
void check_memory(const MachineFiles& files, const Trials& trials, Findings& findings);

// All of them, in that order.
[[nodiscard]] Findings examine(const MachineFiles& files, const Trials& trials);

// Of this machine, as JSON; `measure`: the wake-up too, which takes a while.
[[nodiscard]] nlohmann::ordered_json findings(bool measure);

}  // namespace ringbell::bench
