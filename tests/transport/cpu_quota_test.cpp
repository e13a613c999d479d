// Whether spinning still fits into the quotas of control groups, by fabricated files of both
// versions and times of the test's own.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/sleep/cpu_quota.hpp>

#include <tests/support/fabricated_files.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

// Half a CPU: less than any machine has.
constexpr const char* kHalf = "50000 100000\n";

class CpuQuotaTest : public ::testing::Test {
 protected:
  void limit(const std::string& group, const std::string& text) const {
    files_.put("sys/fs/cgroup" + group + "/cpu.max", text);
  }
  void use(const std::string& group, microseconds more) {
    used_ += more;
    files_.put("sys/fs/cgroup" + group + "/cpu.stat",
               "usage_usec " + std::to_string(used_.count()) + "\nuser_usec 0\nnr_periods 7\n");
  }
  [[nodiscard]] std::unique_ptr<CpuQuota> quota() const {
    return CpuQuota::of_this_process(files_.root(), now_);
  }
  [[nodiscard]] bool is_used_up_after(CpuQuota& quota, std::chrono::milliseconds time) {
    now_ += time;
    return quota.is_used_up(now_);
  }

  test::FabricatedFiles files_;
  microseconds used_{7'000'000};  // before anything is looked at
  CpuQuota::Clock::time_point now_{1h};
};

TEST_F(CpuQuotaTest, WithoutProcThereIsNone) { EXPECT_EQ(quota(), nullptr); }

TEST_F(CpuQuotaTest, GroupWithoutALimitHasNone) {
  files_.put_version_2("/a");
  limit("/a", "max 100000\n");
  EXPECT_EQ(quota(), nullptr);
}

TEST_F(CpuQuotaTest, OneOfAllCpusIsNone) {
  files_.put_version_2("/a");
  limit("/a", "999999999 100000\n");
  EXPECT_EQ(quota(), nullptr);
}

TEST_F(CpuQuotaTest, OneThatIsNoNumberIsNone) {
  for (const char* text : {"", "\n", "50000", "50000 0\n", "-1 100000\n", "nonsense 100000\n"}) {
    files_.put_version_2("/a");
    limit("/a", text);
    EXPECT_EQ(quota(), nullptr) << text;
  }
}

TEST_F(CpuQuotaTest, TheLeastOfAllAncestorsIsTold) {
  files_.put_version_2("/a/b/c");
  limit("/a", "30000 100000\n");
  limit("/a/b", "max 100000\n");
  limit("/a/b/c", "20000 50000\n");
  ASSERT_NE(quota(), nullptr);
  EXPECT_EQ(quota()->least()->cpus, 0.3);
  EXPECT_TRUE(quota()->least()->file.ends_with("/sys/fs/cgroup/a/cpu.max"));
  limit("/a/b", "20000 100000\n");
  EXPECT_EQ(quota()->least()->cpus, 0.2);
  EXPECT_TRUE(quota()->least()->file.ends_with("/sys/fs/cgroup/a/b/cpu.max"));
}

TEST_F(CpuQuotaTest, WhatWasUsedBeforeCountsNot) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto used = quota();
  ASSERT_NE(used, nullptr);
  EXPECT_FALSE(is_used_up_after(*used, 20ms));
}

// An eighth of 50 ms.
TEST_F(CpuQuotaTest, AnEighthAtOnceUsesItUp) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  use("/a", 6000us);
  EXPECT_FALSE(is_used_up_after(*quota, 10ms));
  use("/a", 4000us);  // 2.5 ms of the 6 have flowed out
  EXPECT_TRUE(is_used_up_after(*quota, 10ms));
}

TEST_F(CpuQuotaTest, HalfOfTheQuotaFlowsOutInAPeriod) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  use("/a", 30'000us);
  EXPECT_TRUE(is_used_up_after(*quota, 10ms));
  EXPECT_TRUE(is_used_up_after(*quota, 90ms)) << "7.5 ms are left";
  EXPECT_FALSE(is_used_up_after(*quota, 10ms)) << "5 ms are left";
}

// Whatever spins uses no more than three quarters, in any period.
TEST_F(CpuQuotaTest, SpinningWhileItMayKeepsWithinTheQuota) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  const microseconds spun = ::sysconf(_SC_NPROCESSORS_ONLN) * 1000us;  // in a turn
  std::vector<microseconds> at{used_};
  for (int turns = 0; turns < 1000; ++turns) {  // 10 periods
    use("/a", is_used_up_after(*quota, 1ms) ? 0us : spun);
    at.push_back(used_);
  }
  for (std::size_t i = 100; i < at.size(); ++i) {
    ASSERT_LE(at[i] - at[i - 100], 37'500us + spun) << i;  // it looks after a turn
  }
  EXPECT_GE(used_ - at[0], 10 * 20'000us) << "half of it may be used all the time";
}

TEST_F(CpuQuotaTest, AnAncestorsQuotaIsUsedUpByOthers) {
  files_.put_version_2("/a/b");
  limit("/a", kHalf);
  limit("/a/b", "max 100000\n");
  use("/a", 0us);
  const auto quota = this->quota();
  use("/a", 40'000us);
  EXPECT_TRUE(is_used_up_after(*quota, 10ms));
}

TEST_F(CpuQuotaTest, AChangedLimitIsSeenWithinASecond) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  limit("/a", "max 100000\n");
  (void)is_used_up_after(*quota, 1000ms);
  use("/a", 900'000us);
  EXPECT_FALSE(is_used_up_after(*quota, 2000ms)) << "there is none";
  limit("/a", kHalf);
  (void)is_used_up_after(*quota, 2000ms);
  use("/a", 900'000us);
  EXPECT_TRUE(is_used_up_after(*quota, 100ms));
}

TEST_F(CpuQuotaTest, LookingAtALimitAgainForgetsNothingThatWasUsed) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  use("/a", 30'000us);
  EXPECT_TRUE(is_used_up_after(*quota, 1000ms)) << "and the limit is looked at";
  EXPECT_TRUE(is_used_up_after(*quota, 10ms)) << "27.5 ms are left";
}

TEST_F(CpuQuotaTest, AGroupThatIsGoneHoldsNoEndUp) {
  files_.put_version_2("/a");
  limit("/a", kHalf);
  use("/a", 0us);
  const auto quota = this->quota();
  std::filesystem::remove_all(files_.root() + "/sys");
  EXPECT_FALSE(is_used_up_after(*quota, 10ms));
  EXPECT_FALSE(is_used_up_after(*quota, 2000ms));
}

class CpuQuotaOfVersionOneTest : public CpuQuotaTest {
 protected:
  void in_groups(const std::string& cpu, const std::string& counted) const {
    files_.put("proc/self/cgroup", "2:cpuacct:" + counted + "\n1:cpu:" + cpu + "\n0::/\n");
    files_.put("proc/self/mountinfo",
               "33 30 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
               "34 30 0:31 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n");
    files_.put("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n");
    files_.put("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    files_.put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    files_.put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  }
  void use_ns(std::uint64_t all) const { files_.put("sys/fs/cgroup/cpuacct/a/cpuacct.usage", all); }
};

TEST_F(CpuQuotaOfVersionOneTest, IsReadFromItsTwoControllers) {
  in_groups("/a", "/a");
  use_ns(7'000'000'000);
  const auto quota = this->quota();
  ASSERT_NE(quota, nullptr);
  EXPECT_EQ(quota->least()->cpus, 0.5);
  EXPECT_TRUE(quota->least()->file.ends_with("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us"));
  EXPECT_FALSE(is_used_up_after(*quota, 10ms));
  use_ns(7'010'000'000);
  EXPECT_TRUE(is_used_up_after(*quota, 10ms));
}

TEST_F(CpuQuotaOfVersionOneTest, ProcessThatIsCountedElsewhereCountsItsOwnTime) {
  in_groups("/a", "/elsewhere");
  const auto quota = this->quota();
  ASSERT_NE(quota, nullptr);
  const auto cpu_time = [] {
    timespec own{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return std::chrono::seconds(own.tv_sec) + std::chrono::nanoseconds(own.tv_nsec);
  };
  for (const auto begin = cpu_time(); cpu_time() - begin < 10ms;) {
  }
  EXPECT_TRUE(is_used_up_after(*quota, 10ms));
}

}  // namespace
}  // namespace ringbell
