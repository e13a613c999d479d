// A folder with a proc and a sys of a test's own, for what reads those of the machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <tests/support/scratch_folder.hpp>

namespace ringbell::test {

class FabricatedFiles {
 public:
  [[nodiscard]] const std::string& root() const noexcept { return folder_.path(); }
  void put(const std::string& path, const std::string& text) const {
    const std::filesystem::path whole = root() + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void put(const std::string& path, std::uint64_t number) const {
    put(path, std::to_string(number) + "\n");
  }
  // This process is in that group of version 2, and `top` is what is mounted.
  void put_version_2(const std::string& group, const std::string& top = "/") const {
    put("proc/self/cgroup", "1:name=systemd:/x\n0::" + group + "\n");
    put("proc/self/mountinfo",
        "24 1 0:22 / /sys rw - sysfs sysfs rw\n"
        "30 24 0:26 " +
            top + " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  }

 private:
  ScratchFolder folder_{"/tmp"};
};

}  // namespace ringbell::test
