// What there is not enough of, or what this user may not have: an Error that says what to do, and
// never a signal.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/ends/channel.hpp>

#include <tests/support/backings.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/private_mounts.hpp>
#include <tests/support/sanitizers.hpp>

namespace ringbell {
namespace {

using test::Place;
using test::PlaceForMemory;

constexpr int kCannot = 77;  // this machine or user does not allow the test
constexpr uid_t kNobody = 65534;
constexpr std::uint64_t kCapacity = 256UL * 1024;

// Runs what changes a process for good in a child. 0 is success.
void in_child(const std::function<int()>& body) {
  const std::optional<int> status = test::ChildProcess::fork(body).wait();
  if (status == kCannot) GTEST_SKIP() << "this user or machine does not allow it";
  EXPECT_EQ(status, 0);
}

ChannelOptions with(const MemoryOptions& memory) {
  return {.capacity_bytes = kCapacity, .memory = memory};
}

// 0, if creation is refused in this way; what it said goes to the test's output otherwise.
int expect_refused(const ChannelOptions& options, ErrorCode code, const std::string& says) {
  const Result<Channel> channel = Channel::create(options);
  if (channel) return 10;
  const Error& error = channel.error();
  const bool said = error.message.find(says) != std::string::npos;
  if (error.code == code && said) return 0;
  std::fprintf(stderr, "%s: %s\n", name_of(error.code), error.message.c_str());
  return said ? 11 : 12;
}

bool become_nobody() {
  return ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
}

bool set_limit(__rlimit_resource_t resource, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  return ::setrlimit(resource, &limit) == 0;
}

bool write_to(const char* path, const char* value) {
  std::ofstream file(path);
  file << value;
  return static_cast<bool>(file.flush());
}

TEST(BackingLimitsTest, FullSharedMemoryIsNoSpace) {
  in_child([] {
    if (!test::make_mounts_private()) return kCannot;
    if (!test::mount_over("/dev/shm", "tmpfs", "size=128k")) return kCannot;
    const ChannelOptions large = with({.backing = Backing::posix_shm, .name = "large"});
    if (const int refused = expect_refused(large, ErrorCode::no_space, "enlarge it"))
      return refused;
    if (::access("/dev/shm/large", F_OK) == 0) return 2;
    // What fits is all there: every byte can be written, though the tmpfs is nearly full then.
    ChannelOptions small = with({.backing = Backing::posix_shm, .name = "small"});
    small.capacity_bytes = 64UL * 1024;
    const Result<Channel> channel = Channel::create(small);
    if (!channel) return 3;
    std::memset(channel->region().data(), 1, 2 * small.capacity_bytes);
    const ChannelOptions another = with({.backing = Backing::file, .name = "/dev/shm/another"});
    return expect_refused(another, ErrorCode::no_space, "bytes free");
  });
}

TEST(BackingLimitsTest, FolderThatCannotBeSyncedKeepsNoName) {
  const std::string path = "/dev/shm/unsynced." + std::to_string(::getpid());
  in_child([&] {
    if (!test::deny_system_call(SYS_fsync, EIO)) return kCannot;
    for (int tries = 0; tries < 2; ++tries) {
      const int refused = expect_refused(with({.backing = Backing::file, .name = path}),
                                         ErrorCode::system, "syncing the folder");
      if (refused != 0) return refused;
    }
    return 0;
  });
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  ::unlink(path.c_str());
}

TEST(BackingLimitsTest, FileSystemThatTakesNoMoreFilesIsNoSpace) {
  in_child([] {
    if (!test::make_mounts_private()) return kCannot;
    if (!test::mount_over("/dev/shm", "tmpfs", "size=100%,nr_inodes=1")) return kCannot;
    return expect_refused(with({.backing = Backing::posix_shm, .name = "x"}), ErrorCode::no_space,
                          "No space left");
  });
}

TEST(BackingLimitsTest, SegmentLargerThanTheSystemAllowsIsNoSpace) {
  in_child([] {
    if (::unshare(CLONE_NEWIPC) != 0) return kCannot;
    if (!write_to("/proc/sys/kernel/shmmax", "65536")) return kCannot;
    return expect_refused(with({.backing = Backing::system_v}), ErrorCode::no_space,
                          "raise kernel.shmmax");
  });
}

TEST(BackingLimitsTest, MoreSegmentsThanTheSystemAllowsAreNoSpace) {
  in_child([] {
    if (::unshare(CLONE_NEWIPC) != 0) return kCannot;
    if (!write_to("/proc/sys/kernel/shmmni", "1")) return kCannot;
    const Result<Channel> first = Channel::create(with({.backing = Backing::system_v}));
    if (!first) return 2;
    return expect_refused(with({.backing = Backing::system_v}), ErrorCode::no_space,
                          "kernel.shmmni");
  });
}

TEST(BackingLimitsTest, HugeSegmentWithoutTheRightIsAPermission) {
  in_child([] {
    if (!set_limit(RLIMIT_MEMLOCK, 0) || !become_nobody()) return kCannot;
    return expect_refused(with({.backing = Backing::system_v, .huge_pages = HugePages::require}),
                          ErrorCode::permission, "CAP_IPC_LOCK");
  });
}

TEST(BackingLimitsTest, HugeSegmentWithoutFreePagesIsNoSpace) {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  if (int free = 0; !(file >> free) || free > 0) GTEST_SKIP() << "there are free huge pages";
  in_child([] {
    if (::geteuid() != 0) return kCannot;
    return expect_refused(with({.backing = Backing::system_v, .huge_pages = HugePages::require}),
                          ErrorCode::no_space, "vm.nr_hugepages=3");
  });
}

TEST(BackingLimitsTest, AddressSpaceThatIsUsedUpIsNoSpace) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers take terabytes of addresses";
  in_child([] {
    if (!set_limit(RLIMIT_AS, 32UL << 20)) return kCannot;
    ChannelOptions options = with({});
    options.capacity_bytes = 64UL << 20;
    return expect_refused(options, ErrorCode::no_space, "ulimit -v");
  });
}

TEST(BackingLimitsTest, SegmentThatCannotBeMappedIsNotLeftBehind) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers take terabytes of addresses";
  in_child([] {
    if (::unshare(CLONE_NEWIPC) != 0 || !set_limit(RLIMIT_AS, 32UL << 20)) return kCannot;
    ChannelOptions options = with({.backing = Backing::system_v});
    options.capacity_bytes = 64UL << 20;
    if (const int wrong = expect_refused(options, ErrorCode::no_space, "ulimit -v")) return wrong;
    shm_info used{};
    ::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&used));
    return used.used_ids == 0 ? 0 : 2;
  });
}

TEST(BackingLimitsTest, FileLargerThanTheProcessMayWriteIsNoSpaceAndNoSignal) {
  in_child([] {
    if (!set_limit(RLIMIT_FSIZE, 100'000)) return kCannot;
    const PlaceForMemory place(Place::tmpfs_file);
    if (const int refused = expect_refused(with(place.options()), ErrorCode::no_space, "ulimit -f"))
      return refused;
    return expect_refused(with({}), ErrorCode::no_space, "ulimit -f");
  });
}

TEST(BackingLimitsTest, FolderOfAnotherIsAPermission) {
  const PlaceForMemory place(Place::tmpfs_file);  // its folder is 0700
  const ChannelOptions options = with(place.options());
  const Result<Channel> made = Channel::create(options);
  ASSERT_TRUE(made) << made.error().message;
  in_child([&] {
    if (::geteuid() != 0 || !become_nobody()) return kCannot;
    ChannelOptions other = options;
    other.memory.name += "-2";
    if (expect_refused(other, ErrorCode::permission, "this user may write to it") != 0) return 2;
    const Result<Channel> opened = Channel::open(Backing::file, options.memory.name);
    return !opened && code_of(opened) == ErrorCode::permission ? 0 : 3;
  });
}

TEST(BackingLimitsTest, NamedMemoryOfAnotherIsAPermission) {
  const PlaceForMemory place(Place::posix_shm);
  const Result<Channel> made = Channel::create(with(place.options()));
  ASSERT_TRUE(made) << made.error().message;
  in_child([&] {
    if (::geteuid() != 0 || !become_nobody()) return kCannot;
    const Result<Channel> opened = Channel::open(Backing::posix_shm, place.name());
    return !opened && code_of(opened) == ErrorCode::permission ? 0 : 2;
  });
}

TEST(BackingLimitsTest, SegmentOfAnotherIsRefused) {
  const Channel made = Channel::create(with({.backing = Backing::system_v})).value();
  in_child([&] {
    if (::geteuid() != 0 || !become_nobody()) return kCannot;
    const Result<Channel> attached = Channel::attach(made.fds());
    return !attached && code_of(attached) == ErrorCode::permission ? 0 : 2;
  });
}

}  // namespace
}  // namespace ringbell
