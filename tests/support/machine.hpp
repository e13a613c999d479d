// Things that belong to the whole machine, changed for one test and put back: huge pages that are
// set aside, a swap device of compressed memory, a limit of memory for a process. Tests that use
// them run alone ("machine" in their names), and skip where they may not.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <sys/swap.h>
#include <unistd.h>

namespace ringbell::test {

[[nodiscard]] inline bool write_file(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value;
  return static_cast<bool>(file.flush());
}

[[nodiscard]] inline std::uint64_t read_number(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : 0;
}

// At least `count` free huge pages of 2 MiB, while it lives.
class HugePagesSetAside {
 public:
  explicit HugePagesSetAside(std::uint64_t count) {
    before_ = read_number(kAll);
    const std::uint64_t free = read_number(kFree);
    if (free < count) changed_ = write_file(kAll, std::to_string(before_ + count - free));
    there_ = read_number(kFree) >= count;
  }
  HugePagesSetAside(const HugePagesSetAside&) = delete;
  HugePagesSetAside& operator=(const HugePagesSetAside&) = delete;
  ~HugePagesSetAside() {
    if (changed_) (void)write_file(kAll, std::to_string(before_));
  }
  [[nodiscard]] bool there() const noexcept { return there_; }

 private:
  static constexpr const char* kAll = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
  static constexpr const char* kFree = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
  std::uint64_t before_;
  bool changed_ = false;
  bool there_;
};

// A swap device of its own, while it lives.
class SwapOnZram {
 public:
  SwapOnZram() {
    std::ifstream add("/sys/class/zram-control/hot_add");
    if (!(add >> number_)) return;
    device_ = "/dev/zram" + number_;
    const std::string make = "mkswap " + device_ + " > /dev/null 2>&1";
    on_ = write_file("/sys/block/zram" + number_ + "/disksize", "64M") &&
          std::system(make.c_str()) == 0 && ::swapon(device_.c_str(), 0) == 0;
  }
  SwapOnZram(const SwapOnZram&) = delete;
  SwapOnZram& operator=(const SwapOnZram&) = delete;
  ~SwapOnZram() {
    if (on_) ::swapoff(device_.c_str());
    if (device_.empty()) return;
    (void)write_file("/sys/block/zram" + number_ + "/reset", "1");
    (void)write_file("/sys/class/zram-control/hot_remove", number_);
  }
  [[nodiscard]] bool on() const noexcept { return on_; }

 private:
  std::string number_;
  std::string device_;
  bool on_ = false;
};

// A control group of its own, of version 1 or 2, for processes that are to run short of memory.
// Removed with this: REQUIRES: they have ended.
class MemoryGroup {
 public:
  MemoryGroup() {
    const std::string name = "/ringbell-test-" + std::to_string(::getpid());
    const bool version_1 = std::filesystem::exists("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    limit_file_ = version_1 ? "/memory.limit_in_bytes" : kHigh;
    path_ = (version_1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") + name;
    std::error_code failed;
    made_ = std::filesystem::create_directory(path_, failed) &&
            std::filesystem::exists(path_ + limit_file_);
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() { ::rmdir(path_.c_str()); }

  [[nodiscard]] bool made() const noexcept { return made_; }
  // The calling process joins.
  [[nodiscard]] bool join() const {
    return write_file(path_ + "/cgroup.procs", std::to_string(::getpid()));
  }
  // Takes pages from its processes until they have no more than that, or no more can be taken.
  void shrink_to(std::uint64_t bytes) const {
    // What can be taken is judged by counts that are brought up to date every 2 s, or by a reader.
    (void)read_number(path_ + "/memory.stat");
    (void)write_file(path_ + limit_file_, std::to_string(bytes));
    // Version 2 takes the pages during that call; afterwards it only slows down a process that
    // could not give enough. What was taken stays away until it is touched.
    if (limit_file_ == kHigh) lift();
  }
  // More than that is the OOM killer's.
  void limit_to(std::uint64_t bytes) const {
    const bool version_2 = limit_file_ == kHigh;
    (void)write_file(path_ + (version_2 ? "/memory.max" : limit_file_), std::to_string(bytes));
    // Where there is swap: it may not be taken instead.
    (void)write_file(path_ + (version_2 ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes"),
                     version_2 ? "0" : std::to_string(bytes));
  }
  void lift() const { (void)write_file(path_ + limit_file_, limit_file_ == kHigh ? "max" : "-1"); }

 private:
  // Of version 2. At memory.max, a process whose pages are locked would be killed instead.
  static constexpr const char* kHigh = "/memory.high";

  std::string path_;
  std::string limit_file_;
  bool made_ = false;
};

}  // namespace ringbell::test
