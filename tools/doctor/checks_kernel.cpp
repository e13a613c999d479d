#include <cerrno>
#include <charconv>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/doctor/checks.hpp"

namespace ringbell::bench {
namespace {

// 6.18 as 6018; 0 if that is no version.
int version_number(const std::string& release) {
  int major = 0;
  int minor = 0;
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, major);
  if (error != std::errc() || dot == end || *dot != '.') return 0;
  std::from_chars(dot + 1, end, minor);
  return major * 1000 + minor;
}

Finding kernel(const MachineFiles& files) {
  constexpr int kOldest = 5010;  // of Debian 11; README, Requirements
  constexpr int kAllOfIt = 6007;
  Finding finding{"kernel", Level::good, "", "", ""};
  const std::optional<std::string> release = files.first_line("proc/sys/kernel/osrelease");
  if (!release) {
    return {"kernel", Level::missing, "/proc is not mounted",
            "roles are held by locks on files that are reopened through /proc/self/fd",
            "mount -t proc proc /proc"};
  }
  finding.figure = *release;
  finding.why = "5.10 has every call that ringbell needs, 6.7 io_uring's wait for a futex too";
  const int version = version_number(*release);
  if (version < kOldest) {
    finding.level = Level::missing;
    finding.remedy = "install a newer kernel: apt-get install linux-image-amd64, then reboot";
  } else if (version < kAllOfIt) {
    finding.level = Level::costs;
    finding.remedy =
        "where io_uring is to wait for a ring: a newer kernel (apt-get install -t "
        "bookworm-backports linux-image-amd64), or channels with eventfd doorbells";
  }
  return finding;
}

Finding memory_files(const Trials& trials) {
  Finding finding{"memfd", Level::good, "memory files with seals", "", ""};
  finding.why = "a channel's memory is a sealed memfd: no process can shrink it under its users";
  if (!trials.memfd) {
    finding.level = Level::missing;
    finding.figure = "memfd_create with seals is refused";
    finding.remedy =
        "let the container's seccomp profile allow memfd_create and fcntl(F_ADD_SEALS)";
  }
  return finding;
}

Finding locks(const Trials& trials) {
  Finding finding{"locks", Level::good, "open file description locks", "", ""};
  finding.why = "the kernel drops them however a process dies: that is how a death is noticed";
  if (!trials.ofd_locks) {
    finding.level = Level::missing;
    finding.figure = "fcntl(F_OFD_SETLK) is refused";
    finding.remedy = "let the container's seccomp profile allow it; gVisor does not have it";
  }
  return finding;
}

Finding membarrier_call(const Trials& trials) {
  Finding finding{"membarrier", Level::good, "available", "", ""};
  finding.why = "with it a publisher needs no fence; without, each message costs one (7 ns)";
  if (!trials.membarrier) {
    finding.level = Level::costs;
    finding.figure = "refused";
    finding.remedy =
        "let the container's seccomp profile allow membarrier (docker run --security-opt "
        "seccomp=PROFILE.json); the kernel needs CONFIG_MEMBARRIER";
  }
  return finding;
}

Finding io_uring(const MachineFiles& files, const Trials& trials) {
  Finding finding{"io_uring", Level::good, "available", "", ""};
  finding.why = "files can be read into a ring and written out of it without a call for each";
  if (trials.io_uring_errno == 0) return finding;
  finding.level = Level::costs;
  const std::uint64_t disabled = files.number("proc/sys/kernel/io_uring_disabled").value_or(0);
  if (trials.io_uring_errno == ENOSYS) {
    finding.figure = "this kernel is built without it";
    finding.remedy = "a kernel with CONFIG_IO_URING; everything but the io_uring loop works";
  } else if (disabled != 0) {
    finding.figure = fmt::format("switched off (kernel.io_uring_disabled = {})", disabled);
    finding.remedy = "sysctl kernel.io_uring_disabled=0";
  } else {
    finding.figure = "refused to this process";
    finding.remedy = "let the container's seccomp profile allow io_uring_setup, _enter, _register";
  }
  return finding;
}

}  // namespace

void check_kernel(const MachineFiles& files, const Trials& trials, Findings& findings) {
  findings.push_back(kernel(files));
  findings.push_back(memory_files(trials));
  findings.push_back(locks(trials));
  findings.push_back(membarrier_call(trials));
  findings.push_back(io_uring(files, trials));
}

Findings examine(const MachineFiles& files, const Trials& trials) {
  Findings all;
  check_kernel(files, trials, all);
  check_cpus(files, trials, all);
  check_memory(files, trials, all);
  return all;
}

nlohmann::ordered_json findings(bool measure) {
  return as_json(examine(MachineFiles("/"), try_machine(measure)));
}

}  // namespace ringbell::bench
