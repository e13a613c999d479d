#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ringbell/transport/sleep/cpu_quota.hpp>

#include "tools/doctor/checks.hpp"

namespace ringbell::bench {
namespace {

const std::string kCpus = "sys/devices/system/cpu/";

Finding cpus(const Trials& trials) {
  Finding finding{"cpus", Level::good, "", "", ""};
  finding.figure = fmt::format("{} ({})", trials.cpus.size(), fmt::join(trials.cpus, ","));
  finding.why = "two processes that poll need a CPU each; on one CPU every hand-over is a switch";
  if (trials.cpus.size() < 2) {
    finding.level = Level::costs;
    finding.remedy = "give the process two CPUs: taskset -cp 0,1 PID, docker run --cpuset-cpus=0,1";
  }
  return finding;
}

// What the control groups of this process may use of all CPUs.
Finding quota(const MachineFiles& files) {
  Finding finding{"quota", Level::good, "no limit of CPU time", "", ""};
  finding.why =
      "a group that has used its quota stands still for the rest of the period; an end spins for "
      "no more than half of it, and sleeps else";
  const std::unique_ptr<CpuQuota> quota = CpuQuota::of_this_process(files.root());
  if (quota == nullptr) return finding;
  const CpuQuota::Least least = quota->least().value();
  finding.level = Level::costs;
  finding.figure = fmt::format("{:.2f} CPUs by {}", least.cpus, least.file);
  finding.remedy = fmt::format("echo {} > {}, or docker run without --cpus",
                               least.file.ends_with("cpu.max") ? "max" : "-1", least.file);
  return finding;
}

// What stands between a real-time thread that spins and all others of its CPU.
Finding real_time(const MachineFiles& files) {
  Finding finding{"real-time", Level::good, "", "", ""};
  finding.why =
      "a real-time thread that spins keeps ordinary ones off its CPU; an end gives way to a peer "
      "that is pinned there, but knows nothing of other processes";
  const std::string runtime =
      files.first_line("proc/sys/kernel/sched_rt_runtime_us").value_or("unknown");
  finding.figure = "sched_rt_runtime_us: " + runtime;
  if (runtime == "-1") {
    finding.level = Level::costs;
    finding.figure += ", no throttling: what such a thread keeps off its CPU never runs";
    finding.remedy =
        "sysctl kernel.sched_rt_runtime_us=950000, or keep all but that thread off its CPU "
        "(isolcpus, cpusets)";
  }
  return finding;
}

// The names of the folders cpu0, cpu1, ...
std::vector<std::string> cpu_folders(const MachineFiles& files) {
  std::vector<std::string> folders;
  for (const std::string& name : files.names_in(kCpus)) {
    const bool is_cpu =
        name.size() > 3 && name.starts_with("cpu") &&
        std::all_of(name.begin() + 3, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (is_cpu) folders.push_back(kCpus + name);
  }
  return folders;
}

Finding isolation(const MachineFiles& files) {
  const std::string isolated = files.first_line(kCpus + "isolated").value_or("");
  const std::string tickless = files.first_line(kCpus + "nohz_full").value_or("");
  Finding finding{"isolation", Level::good, "", "", ""};
  finding.why =
      "on an isolated CPU no other task, timer or interrupt comes between "
      "two messages: the tail of the latency";
  finding.figure = isolated.empty() ? "no isolated CPU" : "isolated: " + isolated;
  // The kernel prints "(null)" for an empty mask.
  if (!tickless.empty() && tickless != "(null)") finding.figure += ", tickless: " + tickless;
  if (isolated.empty()) {
    finding.level = Level::costs;
    const std::size_t all = cpu_folders(files).size();
    if (all < 2) return finding;  // the only one cannot be spared
    const std::string spared =
        all < 4 ? fmt::format("{}", all - 1) : fmt::format("{}-{}", all - 2, all - 1);
    finding.remedy = fmt::format(
        "add isolcpus=managed_irq,domain,{0} nohz_full={0} rcu_nocbs={0} to GRUB_CMDLINE_LINUX in "
        "/etc/default/grub, update-grub, reboot; then pin to it: taskset -c {0} PROGRAM",
        spared);
  }
  return finding;
}

Finding governor(const MachineFiles& files) {
  Finding finding{"governor", Level::good, "", "", ""};
  finding.why = "a CPU that first has to speed up is slow for the first milliseconds of a burst";
  std::map<std::string, int> count;
  for (const std::string& cpu : cpu_folders(files)) {
    if (const auto name = files.first_line(cpu + "/cpufreq/scaling_governor")) ++count[*name];
  }
  if (count.empty()) {
    finding.figure = "frequencies are not this kernel's to choose";
    return finding;
  }
  for (const auto& [name, cpus_with_it] : count) {
    finding.figure +=
        fmt::format("{}{} on {} CPUs", finding.figure.empty() ? "" : ", ", name, cpus_with_it);
    if (name != "performance") finding.level = Level::costs;
  }
  if (finding.level != Level::good) finding.remedy = "cpupower frequency-set -g performance";
  return finding;
}

Finding siblings(const MachineFiles& files) {
  Finding finding{"smt", Level::good, "each CPU is a core of its own", "", ""};
  finding.why =
      "two CPUs of one core share its units and caches: a peer that spins on the sibling "
      "takes half the core";
  std::set<std::string> pairs;
  for (const std::string& cpu : cpu_folders(files)) {
    const std::string list = files.first_line(cpu + "/topology/thread_siblings_list").value_or("");
    if (list.find_first_of(",-") != std::string::npos) pairs.insert(list);
  }
  if (!pairs.empty()) {
    finding.level = Level::costs;
    finding.figure = fmt::format("CPUs of one core: {}", fmt::join(pairs, "; "));
    finding.remedy =
        "pin the two sides to different cores, or echo off > "
        "/sys/devices/system/cpu/smt/control";
  }
  return finding;
}

bool is_virtual(const MachineFiles& files) {
  const std::string flags = files.field("proc/cpuinfo", "flags").value_or("");
  return fmt::format(" {} ", flags).find(" hypervisor ") != std::string::npos;
}

Finding idle(const MachineFiles& files) {
  Finding finding{"idle", Level::good, "", "", ""};
  const std::string driver = files.first_line(kCpus + "cpuidle/current_driver").value_or("none");
  const std::string chooser = files.first_line(kCpus + "cpuidle/current_governor").value_or("none");
  finding.figure = fmt::format("driver {}, governor {}", driver, chooser);
  if (is_virtual(files)) {
    finding.figure += ", in a virtual machine";
    finding.why =
        "an idle virtual CPU is given back to the host; to wake it takes the host's "
        "scheduler, tens of microseconds";
    const std::uint64_t polls_ns =
        files.number("sys/module/haltpoll/parameters/guest_halt_poll_ns").value_or(0);
    if (chooser == "haltpoll" && polls_ns > 0) {
      finding.figure += fmt::format(", polls for up to {} us", polls_ns / 1000);
      return finding;
    }
    finding.level = Level::costs;
    finding.remedy =
        "echo 200000 > /sys/module/haltpoll/parameters/guest_halt_poll_ns (after "
        "modprobe cpuidle-haltpoll force=1), or quick_wake in WaitOptions";
    return finding;
  }
  finding.why = "the deeper an idle CPU sleeps the longer it takes to wake";
  std::uint64_t deepest_us = 0;
  for (const std::string& state : files.names_in(kCpus + "cpu0/cpuidle")) {
    const std::string folder = fmt::format("{}cpu0/cpuidle/{}", kCpus, state);
    if (files.number(folder + "/disable").value_or(0) != 0) continue;
    deepest_us = std::max(deepest_us, files.number(folder + "/latency").value_or(0));
  }
  finding.figure += fmt::format(", {} us out of the deepest state", deepest_us);
  constexpr std::uint64_t kShallowUs = 10;
  if (deepest_us > kShallowUs) {
    finding.level = Level::costs;
    finding.remedy =
        fmt::format("cpupower idle-set -D {}, or quick_wake in WaitOptions", kShallowUs);
  }
  return finding;
}

Finding wake_up(const Trials& trials) {
  Finding finding{"wake-up", Level::good, "", "", ""};
  finding.why = "what a message costs whose receiver sleeps on another CPU";
  if (!trials.wake_up) {
    finding.figure = trials.cpus.size() < 2 ? "needs two CPUs to be measured" : "not measured";
    return finding;
  }
  constexpr double kQuickUs = 8;
  const auto& [usual_us, quick_us] = *trials.wake_up;
  finding.figure = fmt::format("{:.1f} us", usual_us);
  if (quick_us) {
    finding.figure += fmt::format("; {:.1f} us with /dev/cpu_dma_latency held at 0", *quick_us);
  } else {
    finding.figure += "; this process may not hold /dev/cpu_dma_latency";
  }
  if (usual_us < kQuickUs) return finding;
  finding.level = Level::costs;
  constexpr double kGains = 0.8;  // less than a fifth is within what the measurement varies
  const bool gains = !quick_us || *quick_us < kGains * usual_us;
  finding.remedy = gains ? "quick_wake in WaitOptions, or a longer spin_budget"
                         : "a longer spin_budget; quick_wake gains nothing here";
  if (!quick_us) {
    finding.remedy +=
        "; for users other than root: echo 'KERNEL==\"cpu_dma_latency\", "
        "GROUP=\"users\", MODE=\"0660\"' > /etc/udev/rules.d/60-ringbell.rules, "
        "udevadm control --reload, udevadm trigger";
  }
  return finding;
}

Finding clock_source(const MachineFiles& files) {
  const std::string folder = "sys/devices/system/clocksource/clocksource0/";
  const std::string source = files.first_line(folder + "current_clocksource").value_or("unknown");
  Finding finding{"clock", Level::good, source, "", ""};
  finding.why =
      "spinning reads the clock; from the TSC that takes 20 ns, from other sources a "
      "system call of up to a microsecond";
  const bool is_fast = source == "tsc" || source == "kvm-clock" || source == "arch_sys_counter" ||
                       source == "hyperv_clocksource_tsc_page" || source == "unknown";
  if (!is_fast) {
    finding.level = Level::costs;
    finding.remedy = "echo tsc > /" + folder + "current_clocksource";
  }
  return finding;
}

}  // namespace

void check_cpus(const MachineFiles& files, const Trials& trials, Findings& findings) {
  findings.push_back(cpus(trials));
  findings.push_back(quota(files));
  findings.push_back(real_time(files));
  findings.push_back(isolation(files));
  findings.push_back(governor(files));
  findings.push_back(siblings(files));
  findings.push_back(idle(files));
  findings.push_back(wake_up(trials));
  findings.push_back(clock_source(files));
}

}  // namespace ringbell::bench
