// A control group of its own with a quota of CPU time, of version 1 or 2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace ringbell::bench {

// Removed with this. REQUIRES: then none of its processes is left.
class CpuGroup {
 public:
  explicit CpuGroup(const std::string& name) : version_1_(exists(kVersion1 + "/cpu.cfs_quota_us")) {
    folders_ = {kVersion2 + "/" + name};
    if (version_1_) folders_ = {kVersion1 + "/" + name, kCounted + "/" + name};
    if (!version_1_) (void)write(kVersion2 + "/cgroup.subtree_control", "+cpu");
    std::error_code failed;
    for (const std::string& folder : folders_) std::filesystem::create_directory(folder, failed);
    // More than its share of a busy machine, which may give it less than its quota otherwise.
    (void)write(folders_[0] + (version_1_ ? "/cpu.shares" : "/cpu.weight"),
                version_1_ ? "100000" : "10000");
  }
  CpuGroup(const CpuGroup&) = delete;
  CpuGroup& operator=(const CpuGroup&) = delete;
  ~CpuGroup() {
    for (const std::string& folder : folders_) ::rmdir(folder.c_str());
  }

  // So many CPUs' time, in periods of 100 ms. False: there is no such group, or it is refused.
  [[nodiscard]] bool limit_to(double cpus) const {
    const std::string quota_us = std::to_string(static_cast<std::uint64_t>(cpus * kPeriodUs));
    const std::string& folder = folders_[0];
    if (version_1_) return write(folder + "/cpu.cfs_quota_us", quota_us);
    return write(folder + "/cpu.max", quota_us + " " + std::to_string(kPeriodUs));
  }
  // The calling process comes in, and stays.
  [[nodiscard]] bool join() const {
    bool joined = true;
    for (const std::string& folder : folders_) {
      joined = write(folder + "/cgroup.procs", std::to_string(::getpid())) && joined;
    }
    return joined;
  }
  // Periods in which it has stood still.
  [[nodiscard]] std::uint64_t times_stopped() const {
    std::ifstream file(folders_[0] + "/cpu.stat");
    std::string name;
    for (std::uint64_t number = 0; file >> name >> number;) {
      if (name == "nr_throttled") return number;
    }
    return 0;
  }

 private:
  static constexpr int kPeriodUs = 100'000;
  static inline const std::string kVersion1 = "/sys/fs/cgroup/cpu";
  static inline const std::string kCounted = "/sys/fs/cgroup/cpuacct";
  static inline const std::string kVersion2 = "/sys/fs/cgroup";

  [[nodiscard]] static bool exists(const std::string& path) {
    std::error_code none;
    return std::filesystem::exists(path, none);
  }
  [[nodiscard]] static bool write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    return static_cast<bool>(file.flush());
  }

  bool version_1_;
  std::vector<std::string> folders_;
};

}  // namespace ringbell::bench
