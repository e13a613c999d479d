// What a container's limits leave, by fabricated files of both versions of control groups.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/transport/memory/container.hpp>

#include <tests/support/fabricated_files.hpp>

namespace ringbell::memory {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;

class ContainerTest : public ::testing::Test {
 protected:
  void version_2(const std::string& group, const std::string& top = "/") const {
    files_.put_version_2(group, top);
    put("proc/meminfo", "MemFree:  7 kB\nSwapFree:     2048 kB\n");
  }
  template <class Content>
  void put(const std::string& path, const Content& content) const {
    files_.put(path, content);
  }
  void group(const std::string& name, const std::string& limit, std::uint64_t used) const {
    put("sys/fs/cgroup" + name + "/memory.max", limit + "\n");
    put("sys/fs/cgroup" + name + "/memory.current", used);
    put("sys/fs/cgroup" + name + "/memory.swap.max", "0\n");
    put("sys/fs/cgroup" + name + "/memory.swap.current", "0\n");
  }
  [[nodiscard]] std::optional<container::Room> room() const {
    return container::least_room(files_.root());
  }

  test::FabricatedFiles files_;
};

TEST_F(ContainerTest, WithoutProcThereIsNoLimit) { EXPECT_FALSE(room()); }

TEST_F(ContainerTest, GroupWithoutLimitHasNone) {
  version_2("/a");
  group("/a", "max", 5 * kMiB);
  EXPECT_FALSE(room());
}

TEST_F(ContainerTest, LimitLessWhatIsUsedIsLeft) {
  version_2("/a");
  group("/a", std::to_string(64 * kMiB), 4 * kMiB);
  ASSERT_TRUE(room());
  EXPECT_EQ(room()->bytes, 60 * kMiB);
  EXPECT_EQ(room()->limit_bytes, 64 * kMiB);
  EXPECT_TRUE(room()->file.ends_with("/sys/fs/cgroup/a/memory.max"));
}

TEST_F(ContainerTest, GroupThatIsOverItsLimitHasNothingLeft) {
  version_2("/a");
  group("/a", std::to_string(kMiB), 4 * kMiB);
  EXPECT_EQ(room()->bytes, 0U);
}

TEST_F(ContainerTest, FileCacheCountsAsFree) {
  version_2("/a");
  group("/a", std::to_string(64 * kMiB), 60 * kMiB);
  put("sys/fs/cgroup/a/memory.stat",
      "anon 5\ninactive_file 10485760\nactive_file 20971520\nslab_reclaimable 1048576\n");
  EXPECT_EQ(room()->bytes, 35 * kMiB);
}

TEST_F(ContainerTest, EveryAncestorLimits) {
  version_2("/a/b/c");
  group("", std::to_string(100 * kMiB), 10 * kMiB);
  group("/a", std::to_string(50 * kMiB), 30 * kMiB);
  group("/a/b", "max", 5 * kMiB);
  group("/a/b/c", std::to_string(40 * kMiB), 5 * kMiB);
  EXPECT_EQ(room()->bytes, 20 * kMiB);
  EXPECT_TRUE(room()->file.ends_with("/a/memory.max"));
}

TEST_F(ContainerTest, SwapCountsAsFarAsAllAllowIt) {
  version_2("/a");
  group("/a", std::to_string(64 * kMiB), 4 * kMiB);
  put("sys/fs/cgroup/a/memory.swap.max", "max\n");
  EXPECT_EQ(room()->bytes, 62 * kMiB) << "2 MiB of swap are free in all";
  put("sys/fs/cgroup/a/memory.swap.max", kMiB);
  EXPECT_EQ(room()->bytes, 61 * kMiB);
}

TEST_F(ContainerTest, WhatIsMountedInAContainerIsItsOwnGroup) {
  version_2("/docker/1", "/docker/1");
  group("", std::to_string(64 * kMiB), kMiB);
  EXPECT_EQ(room()->bytes, 63 * kMiB);
  version_2("/../../elsewhere");
  EXPECT_EQ(room()->bytes, 63 * kMiB);
}

TEST_F(ContainerTest, VersionOneLimitsMemoryAndSwapTogether) {
  put("proc/self/cgroup", "4:cpu,memory:/a\n0::/\n");
  put("proc/self/mountinfo",
      "33 30 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpuset\n"
      "34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n");
  put("proc/meminfo", "SwapFree:     102400 kB\n");
  const std::string group = "sys/fs/cgroup/memory/a/memory.";
  put(group + "limit_in_bytes", 64 * kMiB);
  put(group + "usage_in_bytes", 24 * kMiB);
  put(group + "stat", "total_inactive_file 1048576\ntotal_active_file 1048576\n");
  EXPECT_EQ(room()->bytes, 142 * kMiB);
  put(group + "memsw.limit_in_bytes", 80 * kMiB);
  put(group + "memsw.usage_in_bytes", 30 * kMiB);
  EXPECT_EQ(room()->bytes, 52 * kMiB);
  EXPECT_TRUE(room()->file.ends_with("/memory/a/memory.memsw.limit_in_bytes"));
}

}  // namespace
}  // namespace ringbell::memory
