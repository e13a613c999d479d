// The doctor's judgement, on fabricated machines.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/doctor/checks.hpp"

namespace ringbell::bench {
namespace {

namespace fs = std::filesystem;

class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ringbell-doctor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    // A machine without a flaw.
    put("proc/sys/kernel/osrelease", "6.18.1-amd64\n");
    put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc\n");
    put("proc/swaps", "Filename Type Size Used Priority\n");
    put("proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
    put("proc/sys/fs/mqueue/msg_max", "10\n");
    put("proc/sys/fs/mqueue/msgsize_max", "8192\n");
    put("sys/devices/system/cpu/isolated", "2-3\n");
    put("sys/devices/system/cpu/nohz_full", "2-3\n");
    for (const char* const cpu : {"cpu0", "cpu1", "cpu2", "cpu3"}) {
      put(at(cpu, "cpufreq/scaling_governor"), "performance\n");
      put(at(cpu, "topology/thread_siblings_list"), std::string(1, cpu[3]) + "\n");
    }
    put("sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n");
    put(at("cpu0", "cpuidle/state1/latency"), "2\n");
    put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    put("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size [advise] never\n");
    put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64\n");
    put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60\n");
    put("sys/devices/system/node/online", "0\n");
    trials_.names_folder = "/dev/shm/ringbell-1000";
    trials_.names_on = FileSystem{"tmpfs", true, 8UL << 30, 7UL << 30};
    trials_.memlock_bytes = UINT64_MAX;
    trials_.user_id = 1000;
    trials_.user_name = "ada";
    trials_.cpus = {0, 1, 2, 3};
    trials_.wake_up = WakeUp{3.5, 1.5};
  }

  void TearDown() override { fs::remove_all(root_); }

  static std::string at(const std::string& cpu, const std::string& rest) {
    return "sys/devices/system/cpu/" + cpu + "/" + rest;
  }

  void put(const std::string& path, const std::string& content) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }

  [[nodiscard]] Findings all() const { return examine(MachineFiles(root_), trials_); }

  [[nodiscard]] Finding one(const std::string& name) const {
    const Findings findings = all();
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const Finding& finding) { return finding.name == name; });
    return found == findings.end() ? Finding{"", Level::good, "no such finding", "", ""} : *found;
  }

  // Something is wrong, and it is said which, why, and what to do.
  void expect(const std::string& name, Level level, const std::string& figure,
              const std::string& remedy) const {
    const Finding finding = one(name);
    EXPECT_EQ(finding.level, level) << name << ": " << finding.figure;
    EXPECT_NE(finding.figure.find(figure), std::string::npos) << finding.figure;
    EXPECT_NE(finding.remedy.find(remedy), std::string::npos) << finding.remedy;
    EXPECT_FALSE(finding.why.empty());
  }

  fs::path root_;
  Trials trials_;
};

TEST_F(Doctor, FindsNothingOnAMachineWithoutAFlaw) {
  for (const Finding& finding : all()) {
    EXPECT_EQ(finding.level, Level::good) << finding.name << ": " << finding.figure;
    EXPECT_FALSE(finding.figure.empty()) << finding.name;
    EXPECT_FALSE(finding.why.empty()) << finding.name;
    EXPECT_EQ(finding.remedy, "") << finding.name;
  }
}

TEST_F(Doctor, FindsNothingEssentialMissingWhereTheKernelTellsLittle) {
  fs::remove_all(root_ / "sys");
  for (const Finding& finding : all()) {
    EXPECT_NE(finding.level, Level::missing) << finding.name << ": " << finding.figure;
  }
}

TEST_F(Doctor, CallsAKernelMissingThatIsTooOldOrShowsNoProc) {
  put("proc/sys/kernel/osrelease", "3.10.0-1160.el7\n");
  expect("kernel", Level::missing, "3.10.0", "newer kernel");
  put("proc/sys/kernel/osrelease", "5.4.0-216-generic\n");
  expect("kernel", Level::missing, "5.4.0", "newer kernel");
  put("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
  expect("kernel", Level::costs, "6.1.0", "eventfd");
  fs::remove_all(root_ / "proc");
  expect("kernel", Level::missing, "not mounted", "mount -t proc");
}

TEST_F(Doctor, CallsMissingWhatNothingReplaces) {
  trials_.memfd = false;
  trials_.ofd_locks = false;
  trials_.names_on.reset();
  expect("memfd", Level::missing, "refused", "seccomp");
  expect("locks", Level::missing, "refused", "seccomp");
  expect("names", Level::missing, "/dev/shm/ringbell-1000 cannot be made", "mount -t tmpfs");
}

TEST_F(Doctor, KnowsFromWhatItFallsBack) {
  trials_.membarrier = false;
  expect("membarrier", Level::costs, "refused", "seccomp");
  trials_.io_uring_errno = ENOSYS;
  expect("io_uring", Level::costs, "built without", "CONFIG_IO_URING");
  trials_.io_uring_errno = EPERM;
  expect("io_uring", Level::costs, "refused", "seccomp");
  put("proc/sys/kernel/io_uring_disabled", "2\n");
  expect("io_uring", Level::costs, "io_uring_disabled = 2", "sysctl kernel.io_uring_disabled=0");
}

TEST_F(Doctor, SeesOneCpuAndAQuota) {
  trials_.cpus = {3};
  trials_.wake_up.reset();
  expect("cpus", Level::costs, "1 (3)", "taskset");
  EXPECT_EQ(one("wake-up").level, Level::good);
  put("proc/self/cgroup", "0::/a\n");
  put("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(one("quota").level, Level::good);
  put("sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  expect("quota", Level::costs, "0.50 CPUs", "echo max");
}

TEST_F(Doctor, SeesWhetherRealTimeThreadsAreThrottled) {
  put("proc/sys/kernel/sched_rt_runtime_us", "950000\n");
  EXPECT_EQ(one("real-time").level, Level::good);
  put("proc/sys/kernel/sched_rt_runtime_us", "-1\n");
  expect("real-time", Level::costs, "no throttling", "sysctl kernel.sched_rt_runtime_us=950000");
}

TEST_F(Doctor, IsolatesCpusThatTheMachineHas) {
  put("sys/devices/system/cpu/isolated", "\n");
  put("sys/devices/system/cpu/nohz_full", "(null)\n");
  expect("isolation", Level::costs, "no isolated CPU", "nohz_full=2-3");
  EXPECT_EQ(one("isolation").figure.find("null"), std::string::npos);
  fs::remove_all(root_ / "sys/devices/system/cpu/cpu2");
  fs::remove_all(root_ / "sys/devices/system/cpu/cpu3");
  expect("isolation", Level::costs, "no isolated CPU", "nohz_full=1 ");
}

TEST_F(Doctor, CountsGovernorsAndSiblings) {
  put(at("cpu1", "cpufreq/scaling_governor"), "powersave\n");
  expect("governor", Level::costs, "performance on 3 CPUs, powersave on 1 CPUs", "cpupower");
  put(at("cpu0", "topology/thread_siblings_list"), "0,2\n");
  put(at("cpu2", "topology/thread_siblings_list"), "0,2\n");
  expect("smt", Level::costs, "CPUs of one core: 0,2", "smt/control");
}

TEST_F(Doctor, JudgesIdleStatesByWhatItTakesToLeaveThem) {
  put(at("cpu0", "cpuidle/state3/latency"), "133\n");
  expect("idle", Level::costs, "133 us", "cpupower idle-set -D 10");
  put(at("cpu0", "cpuidle/state3/disable"), "1\n");
  EXPECT_EQ(one("idle").level, Level::good);
}

TEST_F(Doctor, KnowsThatAVirtualCpuIsGivenBack) {
  put("proc/cpuinfo", "flags\t\t: fpu hypervisor tsc\n");
  put("sys/devices/system/cpu/cpuidle/current_governor", "haltpoll\n");
  expect("idle", Level::costs, "virtual machine", "guest_halt_poll_ns");
  put("sys/module/haltpoll/parameters/guest_halt_poll_ns", "200000\n");
  EXPECT_EQ(one("idle").level, Level::good);
  EXPECT_NE(one("idle").figure.find("polls for up to 200 us"), std::string::npos);
}

TEST_F(Doctor, SaysWhatQuickWakeUpsWouldBring) {
  trials_.wake_up = WakeUp{61.2, 4.1};
  expect("wake-up", Level::costs, "61.2 us; 4.1 us with", "quick_wake");
  EXPECT_EQ(one("wake-up").remedy.find("udev"), std::string::npos);
  trials_.wake_up = WakeUp{61.2, std::nullopt};
  expect("wake-up", Level::costs, "may not hold", "udevadm");
  trials_.wake_up = WakeUp{14.4, 14.0};
  expect("wake-up", Level::costs, "14.4 us; 14.0 us with", "quick_wake gains nothing here");
}

TEST_F(Doctor, KnowsSlowClocks) {
  put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  expect("clock", Level::costs, "hpet", "echo tsc");
}

TEST_F(Doctor, WantsRoomForRings) {
  trials_.names_on = FileSystem{"tmpfs", true, 64UL << 20, 64UL << 20};
  expect("names", Level::costs, "64.0 MiB free of 64.0 MiB", "--shm-size");
  trials_.names_on = FileSystem{"tmpfs", true, 0, 0};
  EXPECT_EQ(one("names").level, Level::good) << "a tmpfs without a limit";
}

TEST_F(Doctor, JudgesTheFolderInWhichNamesAre) {
  trials_.names_folder = "/var/lib/app";
  trials_.names_on = FileSystem{"ext4", false, 8UL << 30, 7UL << 30};
  expect("names", Level::costs, "/var/lib/app on ext4: 7.00 GiB free", "RINGBELL_DIR");
  EXPECT_NE(one("names").why.find("disk"), std::string::npos);
}

TEST_F(Doctor, SaysWhyTheFolderOfNamesCannotBeUsed) {
  fs::permissions(root_, fs::perms::all);
  ::setenv("RINGBELL_DIR", root_.c_str(), 1);
  trials_ = try_machine(false);
  ::unsetenv("RINGBELL_DIR");
  expect("names", Level::missing, "open to others", "RINGBELL_DIR");
}

TEST_F(Doctor, KnowsFileSystemsOfMemoryAndOfDisks) {
  const std::optional<FileSystem> memory = file_system_of("/dev/shm");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->type, "tmpfs");
  EXPECT_TRUE(memory->in_memory);
  EXPECT_FALSE(file_system_of("/sys")->in_memory);
  EXPECT_FALSE(file_system_of("/dev/shm/there/is/none"));
}

TEST_F(Doctor, FindsTheFolderThatIsInUse) {
  ::setenv("RINGBELL_DIR", root_.c_str(), 1);
  Trials trials = try_machine(false);
  EXPECT_EQ(trials.names_folder, root_);
  EXPECT_TRUE(trials.names_on);
  ::setenv("RINGBELL_DIR", (root_ / "new").c_str(), 1);
  EXPECT_TRUE(try_machine(false).names_on) << "it is made when it is needed";
  ::setenv("RINGBELL_DIR", (root_ / "no" / "such").c_str(), 1);
  EXPECT_FALSE(try_machine(false).names_on);
  ::setenv("RINGBELL_DIR", "relative", 1);
  trials = try_machine(false);
  EXPECT_EQ(trials.names_folder, "relative");
  EXPECT_NE(trials.names_refusal.find("absolute"), std::string::npos);
  EXPECT_FALSE(trials.names_on);
  ::unsetenv("RINGBELL_DIR");
}

TEST_F(Doctor, LooksForHugePagesOfBothKinds) {
  put("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always advise [never]\n");
  expect("thp", Level::costs, "never", "echo advise");
  put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
  expect("hugetlb", Level::costs, "0 of 64", "vm.nr_hugepages");
}

TEST_F(Doctor, KnowsWhoMayLockMemory) {
  trials_.memlock_bytes = 8UL << 20;
  expect("memlock", Level::costs, "8.00 MiB", "ulimit -l");
  put("proc/self/status", "CapEff:\t000001ffffffffff\n");
  EXPECT_EQ(one("memlock").level, Level::good);
}

TEST_F(Doctor, SeesSwapAndNodes) {
  put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n");
  expect("swap", Level::costs, "1 swap area", "swapoff");
  put("sys/devices/system/node/online", "0-1\n");
  put("proc/sys/kernel/numa_balancing", "1\n");
  expect("numa", Level::costs, "nodes 0-1", "numactl");
  expect("numa", Level::costs, "pages move", "kernel.numa_balancing=0");
}

TEST_F(Doctor, ReadsLogindsConfigurationWithItsDropIns) {
  EXPECT_EQ(one("remove-ipc").level, Level::good);  // no systemd
  fs::create_directories(root_ / "run/systemd/system");
  put("etc/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n");
  expect("remove-ipc", Level::costs, "RemoveIPC=yes", "RemoveIPC=no");
  put("etc/systemd/logind.conf.d/keep.conf", "[Login]\nRemoveIPC=no\n");
  EXPECT_EQ(one("remove-ipc").level, Level::good);
  fs::remove_all(root_ / "etc");
  trials_.user_id = 0;
  EXPECT_EQ(one("remove-ipc").level, Level::good);
  trials_.user_id = 1000;
  EXPECT_EQ(one("remove-ipc").level, Level::costs);
  trials_.names_folder = "/srv/names";
  EXPECT_EQ(one("remove-ipc").level, Level::good);
}

TEST_F(Doctor, KnowsWhatGoesAtLogout) {
  EXPECT_EQ(one("runtime-dir").level, Level::good);
  trials_.names_folder = "/run/user/1000/ringbell";
  EXPECT_EQ(one("runtime-dir").level, Level::good);  // no systemd
  fs::create_directories(root_ / "run/systemd/system");
  expect("runtime-dir", Level::costs, "/run/user/1000/ringbell goes", "enable-linger");
  trials_.names_folder = "/dev/shm/ringbell-1000";
  EXPECT_EQ(one("remove-ipc").level, Level::costs);
  put("var/lib/systemd/linger/ada", "");
  EXPECT_EQ(one("remove-ipc").level, Level::good);
  trials_.names_folder = "/run/user/1000/ringbell";
  EXPECT_EQ(one("runtime-dir").level, Level::good);
}

}  // namespace
}  // namespace ringbell::bench
