// Memory that a container, a sandbox or an old kernel does not give: an Error or another way, and
// never a signal or an endless loop. Each in a process of its own, which is changed for good.
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/machine.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/private_mounts.hpp>

namespace ringbell {
namespace {

constexpr int kCannot = 77;
constexpr std::uint64_t kMiB = 1U << 20;

void in_child(const std::function<int()>& body) {
  const std::optional<int> status = test::ChildProcess::fork(body).wait();
  if (status == kCannot) GTEST_SKIP() << "this user or machine does not allow it";
  EXPECT_EQ(status, 0);
}

// 0, if it failed in this way; what it said goes to the test's output otherwise.
template <class T>
int expect_error(const Result<T>& result, ErrorCode code, const std::string& says) {
  if (result) return 10;
  if (code_of(result) == code && message_of(result).find(says) != std::string::npos) {
    return 0;
  }
  std::fprintf(stderr, "%s: %s\n", name_of(code_of(result)), message_of(result).c_str());
  return 11;
}

bool smaps_say(const Region& region, const std::string& flag) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long long from = 0;
    if (std::sscanf(line.c_str(), "%llx-", &from) == 1 && line.find(" rw-s ") != line.npos) {
      inside = reinterpret_cast<std::byte*>(from) == region.base();
    }
    if (inside && line.starts_with("VmFlags:")) return line.find(" " + flag) != line.npos;
  }
  return false;
}

TEST(MemoryLimitsMachineTest, ContainersLimitIsAnErrorThatNamesIt) {
  const test::MemoryGroup group;
  if (!group.made()) GTEST_SKIP() << "no control group for memory can be made";
  group.limit_to(64 * kMiB);
  in_child([&] {
    if (!group.join()) return kCannot;
    for (const Backing backing : {Backing::memfd, Backing::system_v, Backing::anonymous}) {
      ChannelOptions large{.capacity_bytes = 256 * kMiB, .memory = {.backing = backing}};
      if (int failed = expect_error(Channel::create(large), ErrorCode::no_space, "limit")) {
        return failed;
      }
      if (int failed = expect_error(Channel::create(large), ErrorCode::no_space, "/sys/fs/cgroup"))
        return failed;
    }
    return Channel::create({.capacity_bytes = 16 * kMiB}) ? 0 : 2;
  });
}

TEST(MemoryLimitsMachineTest, ErrorSaysWhatTheOptionsComeTo) {
  const TopicOptions large{.messages = 1 << 20, .message_bytes = 64U << 20};
  const Result<Topic> topic = Topic::create(large);
  ASSERT_FALSE(topic);
  EXPECT_EQ(code_of(topic), ErrorCode::no_space);
  EXPECT_NE(message_of(topic).find("1048576 slots"), std::string::npos);
}

TEST(MemoryLimitsMachineTest, DescribeTellsTheBytesBeforeTheyAreTaken) {
  const ChannelOptions options{.capacity_bytes = 100'000};
  const MemoryNeeded needed = describe(options).value();
  const Channel channel = Channel::create(options).value();
  EXPECT_EQ(needed.memory_bytes, channel.region().geometry().region_bytes);
  EXPECT_EQ(needed.address_bytes, channel.region().mapped_bytes());
  EXPECT_GE(describe(TopicOptions{.message_bytes = 8U << 20}).value().memory_bytes, 8192 * kMiB);
  EXPECT_TRUE(describe(QueueOptions{}));
  EXPECT_TRUE(describe(CollectorOptions{}));
  EXPECT_TRUE(describe(ServiceOptions{}));
  EXPECT_EQ(code_of(describe(ChannelOptions{.record_alignment = 3})), ErrorCode::invalid_argument);
}

TEST(MemoryLimitsMachineTest, ReservingEndsIfEachTryIsInterrupted) {
  in_child([] {
    if (!test::deny_system_call(SYS_fallocate, EINTR)) return kCannot;
    return expect_error(Channel::create(), ErrorCode::system, "signals come faster");
  });
}

// Every byte is there all the same, and none of it is missed later with a SIGBUS.
TEST(MemoryLimitsMachineTest, SpaceIsReservedWhereAFilterRefusesFallocate) {
  for (const int refusal : {EPERM, ENOSYS, EOPNOTSUPP}) {
    in_child([&] {
      if (!test::deny_system_call(SYS_fallocate, refusal)) return kCannot;
      // Not touched, so that nothing else takes the pages.
      const Result<Channel> channel =
          Channel::create({.capacity_bytes = 3 * kMiB, .memory = {.prefault = false}});
      if (!channel) return 2;
      struct stat about {};
      if (::fstat(channel->region().fd(), &about) != 0) return 3;
      if (std::uint64_t(about.st_blocks) * 512 < channel->region().geometry().region_bytes)
        return 4;
      int asked = 0;
      ChannelOptions given_up{.capacity_bytes = 128 * kMiB};
      given_up.memory.give_up = [&] { return ++asked == 3; };
      return expect_error(Channel::create(given_up), ErrorCode::cancelled, "given up");
    });
  }
}

TEST(MemoryLimitsMachineTest, PagesAreTouchedWhereAFilterRefusesAdvice) {
  for (const int refusal : {EPERM, ENOSYS}) {
    in_child([&] {
      if (!test::deny_system_call(SYS_madvise, refusal)) return kCannot;
      const Result<Channel> channel = Channel::create();
      if (!channel) return 2;
      const Result<Channel> same = Channel::attach(channel->fds(), {.prefault = true});
      return same ? 0 : 3;
    });
  }
}

TEST(MemoryLimitsMachineTest, RefusedMemfdSaysWhatMayHaveRefusedIt) {
  for (const int refusal : {EPERM, EACCES, ENOSYS}) {
    in_child([&] {
      if (!test::deny_system_call(SYS_memfd_create, refusal)) return kCannot;
      const Result<Channel> channel = Channel::create();
      if (channel || errno_of(channel) != refusal) return 2;
      const std::string said = message_of(channel);
      if (said.find("memfd_create") == said.npos || said.find("filter") == said.npos) return 3;
      // What the text says to do.
      ChannelOptions named;
      named.memory.backing = Backing::posix_shm;
      named.memory.name = "ringbell-memory-limits-" + std::to_string(::getpid());
      const Result<Channel> instead = Channel::create(named);
      ::shm_unlink(("/" + named.memory.name).c_str());
      return instead ? 0 : 4;
    });
  }
}

TEST(MemoryLimitsMachineTest, TakingMemoryCanBeGivenUp) {
  int asked = 0;
  ChannelOptions options{.capacity_bytes = 128 * kMiB};
  options.memory.give_up = [&] { return ++asked == 3; };
  EXPECT_EQ(expect_error(Channel::create(options), ErrorCode::cancelled, "given up"), 0);
  EXPECT_EQ(asked, 3);
  asked = 0;
  options.memory.backing = Backing::anonymous;
  EXPECT_EQ(expect_error(Channel::create(options), ErrorCode::cancelled, "given up"), 0);
}

TEST(MemoryLimitsMachineTest, RingsStayOutOfCoreDumpsUnlessTheyAreWantedThere) {
  const Channel usual = Channel::create().value();
  EXPECT_TRUE(smaps_say(usual.region(), "dd"));
  const Channel attached = Channel::attach(usual.fds()).value();
  EXPECT_TRUE(smaps_say(attached.region(), "dd"));
  const Channel dumped = Channel::create({.memory = {.in_core_dumps = true}}).value();
  EXPECT_FALSE(smaps_say(dumped.region(), "dd"));
  const Channel seen = Channel::attach(usual.fds(), {.in_core_dumps = true}).value();
  EXPECT_FALSE(smaps_say(seen.region(), "dd"));
}

// Whether the kernel agrees depends on the machine; that it was asked does not.
TEST(MemoryLimitsMachineTest, TransparentHugePagesAreWishedForIfTheyArePreferred) {
  if (::access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) {
    GTEST_SKIP() << "this kernel has no transparent huge pages";
  }
  for (const HugePages wish : {HugePages::never, HugePages::prefer}) {
    const Channel channel =
        Channel::create({.capacity_bytes = 4 * kMiB, .memory = {.huge_pages = wish}}).value();
    if (channel.region().geometry().page_bytes > 4096) {
      GTEST_SKIP() << "this machine has free hugetlb pages";
    }
    EXPECT_EQ(smaps_say(channel.region(), "hg"), wish == HugePages::prefer);
  }
}

TEST(MemoryLimitsMachineTest, MemfdCannotBeExecuted) {
  constexpr unsigned kNoExecSeal = 8;
  constexpr int kSealExec = 0x20;
  const FileDescriptor probe{::memfd_create("probe", kNoExecSeal)};
  if (!probe) GTEST_SKIP() << "before Linux 6.3";
  const Channel channel = Channel::create().value();
  EXPECT_NE(::fcntl(channel.region().fd(), F_GET_SEALS) & kSealExec, 0);
}

TEST(MemoryLimitsMachineTest, MemfdIsMadeByAKernelThatDoesNotKnowThatSeal) {
  in_child([] {
    if (!test::deny_flag(SYS_memfd_create, 1, 8, EINVAL)) return kCannot;
    return Channel::create() ? 0 : 2;
  });
}

TEST(MemoryLimitsMachineTest, MemoryOnWhichNoProcessCanSleepIsUnsupported) {
  in_child([] {
    const Channel before = Channel::create().value();
    if (!test::deny_system_call(SYS_futex, EFAULT)) return kCannot;
    if (const int failed =
            expect_error(Channel::create(), ErrorCode::unsupported, "DoorbellKind::eventfd")) {
      return failed;
    }
    if (const int failed =
            expect_error(Channel::attach(before.fds()), ErrorCode::unsupported, "eventfd")) {
      return failed;
    }
    return Channel::create({.doorbell = core::DoorbellKind::eventfd}) ? 0 : 2;
  });
}

// As in gVisor and on some overlays.
TEST(MemoryLimitsMachineTest, NamesWorkWithoutFilesThatHaveNone) {
  const test::TemporaryNameFolder names;
  in_child([&] {
    constexpr std::uint32_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;
    if (!test::deny_flag(SYS_openat, 2, kTmpfile, EOPNOTSUPP)) return kCannot;
    const Result<Sender> sender = Sender::create("feed");
    if (!sender) return 2;
    if (names.files() != std::vector<std::string>{"feed.ring"}) return 3;
    const Result<Receiver> receiver = Receiver::open("feed", Timeout::zero());
    if (!receiver) return 4;
    // One that is refused leaves nothing.
    const std::string taken = names.path() + "/feed.ring";
    const MemoryOptions same{.backing = Backing::file, .name = taken};
    if (Channel::create({.memory = same})) return 5;
    const MemoryOptions other{.backing = Backing::file, .name = names.path() + "/other"};
    if (!Channel::create({.memory = other})) return 6;
    return names.files() == std::vector<std::string>{"feed.ring", "other"} ? 0 : 7;
  });
}

TEST(MemoryLimitsMachineTest, WithoutProcOpenRolesGoOnAndNewOnesAreAnErrorThatSaysSo) {
  const test::TemporaryNameFolder names;
  in_child([&] {
    Channel channel = Channel::create().value();
    Channel late = Channel::create().value();
    Receiver receiver = Receiver::attach(channel.fds()).value();
    Sender sender = Sender::open(std::move(channel)).value();
    Sender named = Sender::create("feed").value();
    if (!test::make_mounts_private() || !test::mount_over("/proc", "tmpfs", "size=4k")) {
      return kCannot;
    }
    const std::byte message[8] = {};
    if (!sender.send(message, Timeout::zero()).value_or(false)) return 2;
    if (receiver.peek().value().size() != sizeof message) return 3;
    if (receiver.peer() != PeerState::alive) return 4;
    if (const int failed = expect_error(Sender::open(std::move(late)), ErrorCode::system, "/proc"))
      return failed;
    if (const int failed = expect_error(Receiver::open("feed", Timeout::zero()), ErrorCode::system,
                                        "before the sandbox")) {
      return failed;
    }
    { const Sender closes = std::move(named); }
    return names.files().empty() ? 0 : 5;
  });
}

}  // namespace
}  // namespace ringbell
