// How much CPU time the control groups of this process may use, and whether spinning still fits in.
//
// A group that has used its quota stands still for the rest of the period, tens of milliseconds,
// whatever its processes were about to do. So an end spins only while each group that it is in has
// quota to spare, whichever of its processes uses it.
//
//   used by the group  -->  | level |  -->  half of the quota in each period
//
// Invariants
//   Q1  An end spins only while the level was below an eighth of the quota when it last looked.
//   Q2  It looks so often that all CPUs together use no more than another eighth meanwhile, but
//       every 100 us at most.
//   Q3  What was used since it last looked counts as if it had all been used just now.
// So in any period no more than three quarters are gone before the last end has stopped spinning.
// The rest is for work, and for what the kernel deals out to each CPU in advance.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ringbell/transport/base/export.hpp>

namespace ringbell {

class RINGBELL_PRIVATE_API CpuQuota {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = std::chrono::nanoseconds;

  // Of the groups that this process is in now. Nothing: none has a quota of less than all CPUs, or
  // /proc and /sys do not tell. `root`: for tests, a folder with a fabricated proc and sys in it.
  [[nodiscard]] static std::unique_ptr<CpuQuota> of_this_process(
      const std::string& root = "", Clock::time_point now = Clock::now()) noexcept;

  // Whether spinning must stop now. Looks at the groups if it is time to: some system calls. A
  // limit that was changed, or lifted, is seen within a second.
  [[nodiscard]] bool is_used_up(Clock::time_point now) noexcept;

  // The least quota of all, of a CPU, and the file that says so: for people. Nothing: no limit.
  struct Least {
    double cpus;
    std::string file;
  };
  [[nodiscard]] std::optional<Least> least() const;

 private:
  struct Group {
    bool version_1;
    std::string limit_file;   // version 1: cpu.cfs_quota_us; 2: cpu.max
    std::string period_file;  // of version 1
    std::string usage_file;   // empty: the kernel tells of no group, so this process's own counts
    Time quota{0};            // in each period; 0: no limit
    Time period{0};
    Time used{0};  // when it was last looked at
    Time level{0};
  };

  CpuQuota(const std::string& root, Clock::time_point now);
  void read_limits(Clock::time_point now) noexcept;
  static void read_limit(Group& group) noexcept;
  [[nodiscard]] static double cpus_of(const Group& group) noexcept;
  [[nodiscard]] static Time used_by(const Group& group) noexcept;

  std::vector<Group> groups_;
  Clock::time_point limits_read_;
  Clock::time_point looked_;
  Time turn_{0};  // between two looks
  bool is_used_up_ = false;
};

}  // namespace ringbell
