#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/harness/figure_text.hpp"
#include "tools/doctor/checks.hpp"

namespace ringbell::bench {
namespace {

// On a disk the kernel writes a ring's pages back, and a writer that stores to such a page waits.
Finding names(const Trials& trials) {
  constexpr std::uint64_t kEnough = 128UL << 20;  // docker gives 64 MiB
  Finding finding{"names", Level::good, "", "", ""};
  finding.why = "rings with a name live in one folder, and all of them together have to fit";
  if (!trials.names_refusal.empty()) {
    finding.level = Level::missing;
    finding.figure = trials.names_refusal;
    finding.remedy = "set RINGBELL_DIR to the absolute path of a folder of this user";
    return finding;
  }
  if (!trials.names_on) {
    finding.level = Level::missing;
    finding.figure = fmt::format("{} cannot be made", trials.names_folder);
    finding.remedy =
        "set RINGBELL_DIR to the absolute path of a folder, or: mkdir -p /dev/shm && mount -t "
        "tmpfs -o mode=1777 tmpfs /dev/shm";
    return finding;
  }
  const FileSystem& on = *trials.names_on;
  finding.figure = fmt::format("{} on {}: {} free of {}", trials.names_folder, on.type,
                               on.bytes == 0 ? "all" : bytes_text(on.free_bytes),
                               on.bytes == 0 ? "the machine's memory" : bytes_text(on.bytes));
  if (!on.in_memory) {
    finding.level = Level::costs;
    finding.why =
        "that is a disk: while the kernel writes a ring's page back, a process that stores to it "
        "waits for milliseconds";
    finding.remedy =
        "unset RINGBELL_DIR, or set it to a folder on a tmpfs, unless the rings must survive a "
        "reboot";
  } else if (on.bytes != 0 && on.free_bytes < kEnough) {
    finding.level = Level::costs;
    finding.remedy =
        "mount -o remount,size=1G /dev/shm; in a container: docker run --shm-size=1g; "
        "`ringbell clean` removes the rings of dead processes";
  }
  return finding;
}

Finding transparent_pages(const MachineFiles& files) {
  const std::string folder = "sys/kernel/mm/transparent_hugepage/";
  const std::string shared = files.chosen(folder + "shmem_enabled").value_or("not there");
  Finding finding{"thp", Level::good, "for shared memory: " + shared, "", ""};
  finding.why = "with huge pages a large ring needs 512 times fewer TLB entries and page faults";
  if (shared == "never" || shared == "deny" || shared == "not there") {
    finding.level = Level::costs;
    finding.remedy = "echo advise > /" + folder + "shmem_enabled";
  }
  return finding;
}

Finding reserved_pages(const MachineFiles& files) {
  const std::string folder = "sys/kernel/mm/hugepages/hugepages-2048kB/";
  const std::optional<std::uint64_t> all = files.number(folder + "nr_hugepages");
  const std::uint64_t free = files.number(folder + "free_hugepages").value_or(0);
  Finding finding{"hugetlb", Level::good, "", "", ""};
  finding.why =
      "huge pages that are set aside are there for certain: HugePages::require needs them";
  finding.figure = all ? fmt::format("{} of {} reserved 2 MiB pages are free", free, *all)
                       : "this kernel has none of 2 MiB";
  if (free == 0) {
    finding.level = Level::costs;
    if (all) finding.remedy = "sysctl vm.nr_hugepages=64";
  }
  return finding;
}

bool may_lock_without_limit(const MachineFiles& files) {
  constexpr unsigned kCapIpcLock = 14;
  const std::string held = files.field("proc/self/status", "CapEff").value_or("0");
  return (std::strtoull(held.c_str(), nullptr, 16) >> kCapIpcLock & 1U) != 0;
}

Finding locked_memory(const MachineFiles& files, const Trials& trials) {
  constexpr std::uint64_t kEnough = 64UL << 20;
  Finding finding{"memlock", Level::good, "", "", ""};
  finding.why = "rings with lock_memory are never swapped out, up to this much";
  if (may_lock_without_limit(files) || trials.memlock_bytes == UINT64_MAX) {
    finding.figure = "without limit";
    return finding;
  }
  finding.figure = bytes_text(trials.memlock_bytes);
  if (trials.memlock_bytes < kEnough) {
    finding.level = Level::costs;
    finding.remedy =
        "ulimit -l unlimited, by a line '* - memlock unlimited' in "
        "/etc/security/limits.conf, or LimitMEMLOCK=infinity in the unit";
  }
  return finding;
}

Finding swap(const MachineFiles& files) {
  Finding finding{"swap", Level::good, "none", "", ""};
  finding.why = "a page of a ring that was swapped out takes milliseconds to come back";
  std::istringstream lines(files.text("proc/swaps").value_or(""));
  int areas = -1;  // the heading
  for (std::string line; std::getline(lines, line);) areas += line.empty() ? 0 : 1;
  if (areas > 0) {
    finding.level = Level::costs;
    finding.figure = fmt::format("{} swap area{}", areas, areas == 1 ? "" : "s");
    finding.remedy = "lock_memory in RegionOptions, or swapoff -a";
  }
  return finding;
}

Finding numa(const MachineFiles& files) {
  const std::string nodes = files.first_line("sys/devices/system/node/online").value_or("0");
  Finding finding{"numa", Level::good, "one node", "", ""};
  finding.why = "a line from another node's memory takes two to three times as long";
  if (nodes.find_first_of(",-") != std::string::npos) {
    finding.level = Level::costs;
    finding.figure = "nodes " + nodes;
    finding.remedy = "keep both sides on one node: numactl --cpunodebind=0 --membind=0 PROGRAM";
    if (files.number("proc/sys/kernel/numa_balancing").value_or(0) != 0) {
      finding.figure += ", pages move between them";
      finding.remedy += "; sysctl kernel.numa_balancing=0";
    }
  }
  return finding;
}

Finding message_queues(const MachineFiles& files) {
  const std::string folder = "proc/sys/fs/mqueue/";
  const std::optional<std::uint64_t> depth = files.number(folder + "msg_max");
  const std::optional<std::uint64_t> size = files.number(folder + "msgsize_max");
  Finding finding{"mqueue", Level::good, "", "", ""};
  finding.why =
      "what POSIX message queues may hold: they are measured beside ringbell, which does "
      "not need them";
  if (depth && size) {
    finding.figure = fmt::format("{} messages of {}", *depth, bytes_text(*size));
  } else {
    finding.figure = "none in this kernel";
  }
  return finding;
}

// The last RemoveIPC= of logind's configuration, drop-ins included; systemd's own default is yes.
bool logind_removes_ipc(const MachineFiles& files) {
  std::vector<std::string> paths{"etc/systemd/logind.conf"};
  for (const char* const folder : {"usr/lib/systemd/logind.conf.d", "etc/systemd/logind.conf.d"}) {
    for (const std::string& name : files.names_in(folder)) {
      paths.push_back(std::string(folder) + "/" + name);
    }
  }
  bool removes = true;
  for (const std::string& path : paths) {
    std::istringstream lines(files.text(path).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("RemoveIPC=")) continue;
      const std::string value = line.substr(line.find('=') + 1);
      removes = value.starts_with("yes") || value.starts_with("true") || value.starts_with("on") ||
                value.starts_with("1");
    }
  }
  return removes;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder + "/");
}

// systemd keeps what is a user's while one of its sessions lasts, and if it lingers for ever.
bool outlives_logout(const MachineFiles& files, const Trials& trials) {
  return !trials.user_name.empty() && files.exists("var/lib/systemd/linger/" + trials.user_name);
}

Finding remove_ipc(const MachineFiles& files, const Trials& trials) {
  constexpr unsigned kFirstOrdinaryUser = 1000;
  Finding finding{"remove-ipc", Level::good, "", "", ""};
  finding.why =
      "logind deletes what an ordinary user has in /dev/shm when the last session ends, under "
      "daemons that still use it";
  if (!files.exists("run/systemd/system")) {
    finding.figure = "no systemd here";
  } else if (trials.user_id < kFirstOrdinaryUser) {
    finding.figure = "does not concern system users";
  } else if (!logind_removes_ipc(files)) {
    finding.figure = "RemoveIPC=no";
  } else if (outlives_logout(files, trials)) {
    finding.figure = "RemoveIPC=yes, but this user lingers";
  } else if (!is_below(trials.names_folder, "/dev/shm")) {
    finding.figure = "RemoveIPC=yes, but names are not in /dev/shm";
  } else {
    finding.level = Level::costs;
    finding.figure = "RemoveIPC=yes";
    finding.remedy =
        "echo RemoveIPC=no >> /etc/systemd/logind.conf && systemctl restart "
        "systemd-logind, or loginctl enable-linger";
  }
  return finding;
}

Finding runtime_folder(const MachineFiles& files, const Trials& trials) {
  Finding finding{"runtime-dir", Level::good, "", "", ""};
  finding.why =
      "systemd deletes /run/user/UID when the user's last session ends, and with it the names of "
      "daemons that still run: they are found no more";
  if (!is_below(trials.names_folder, "/run/user")) {
    finding.figure = "names are not in it";
  } else if (!files.exists("run/systemd/system")) {
    finding.figure = "no systemd here";
  } else if (outlives_logout(files, trials)) {
    finding.figure = "stays, since this user lingers";
  } else {
    finding.level = Level::costs;
    finding.figure = fmt::format("{} goes at logout", trials.names_folder);
    finding.remedy = "loginctl enable-linger, or set RINGBELL_DIR to a folder elsewhere";
  }
  return finding;
}

}  // namespace

void check_memory(const MachineFiles& files, const Trials& trials, Findings& findings) {
  findings.push_back(names(trials));
  findings.push_back(transparent_pages(files));
  findings.push_back(reserved_pages(files));
  findings.push_back(locked_memory(files, trials));
  findings.push_back(swap(files));
  findings.push_back(numa(files));
  findings.push_back(message_queues(files));
  findings.push_back(remove_ipc(files, trials));
  findings.push_back(runtime_folder(files, trials));
}

}  // namespace ringbell::bench
