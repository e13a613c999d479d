// System calls that a filter refuses, and options that cannot be: an Error that says which, and
// what had been made is gone.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/quick_wake.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/private_mounts.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using test::deny_system_call;
using ::testing::HasSubstr;

constexpr int kCannot = 77;  // this machine or user does not allow the test

// In a child, which the filter does not leave. 0 is success.
void in_child(const std::function<int()>& body) {
  const std::optional<int> status = test::ChildProcess::fork(body).wait();
  if (status == kCannot) GTEST_SKIP() << "this user or machine does not allow it";
  EXPECT_EQ(status, 0);
}

// 0, if it failed and said so.
template <class T>
int failed(const Result<T>& result, const std::string& says) {
  if (result) return 1;
  if (message_of(result).find(says) != std::string::npos) return 0;
  std::fprintf(stderr, "%s\n", message_of(result).c_str());
  return 2;
}

Result<Channel> create(const MemoryOptions& memory) {
  return Channel::create({.capacity_bytes = 65536, .memory = memory});
}

TEST(RefusedCallsTest, NumaPolicyThatIsNotTold) {
  in_child([] {
    const Result<Channel> channel = create({});
    if (!deny_system_call(SYS_get_mempolicy, EPERM)) return kCannot;
    const std::ptrdiff_t files = test::open_files();
    if (const int bad = failed(create({.numa_node = 0}), "NUMA policy")) return bad;
    return test::open_files() == files ? 0 : 3;
  });
}

TEST(RefusedCallsTest, NodeThatCannotBe) {
  const Result<Channel> channel = create({.numa_node = 1U << 20U});
  ASSERT_FALSE(channel);
  EXPECT_EQ(code_of(channel), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(channel), HasSubstr("Linux has no more than"));
}

TEST(RefusedCallsTest, CardOfASegment) {
  in_child([] {
    if (!deny_system_call(SYS_pwrite64, EIO)) return kCannot;
    const std::ptrdiff_t files = test::open_files();
    if (const int bad = failed(create({.backing = Backing::system_v}), "writing the card"))
      return bad;
    return test::open_files() == files ? 0 : 3;
  });
}

TEST(RefusedCallsTest, SyncOfAFile) {
  in_child([] {
    const std::string path = "/dev/shm/refused." + std::to_string(::getpid());
    const Result<Channel> channel = create({.backing = Backing::file, .name = path});
    ::unlink(path.c_str());
    if (!channel || !deny_system_call(SYS_msync, EIO)) return kCannot;
    return failed(channel->region().sync(), "msync");
  });
}

TEST(RefusedCallsTest, TouchingForAProcessThatOnlyReads) {
  in_child([] {
    const Result<Channel> channel = create({});
    if (!channel || !deny_system_call(SYS_madvise, EPERM)) return kCannot;
    const AttachOptions looks{.access = Access::read_only, .prefault = true};
    FileDescriptor copy(::fcntl(channel->region().fd(), F_DUPFD_CLOEXEC, 0));
    return Region::attach(std::move(copy), looks) ? 0 : 4;
  });
}

TEST(RefusedCallsTest, ProtectingWhatOneMayOnlyRead) {
  const test::TemporaryNameFolder folder;
  const Publisher publisher = Publisher::create("news").value();
  in_child([] {
    if (!deny_system_call(SYS_mprotect, EPERM)) return kCannot;
    return failed(Subscriber::open("news"), "protecting the region's messages");
  });
  const Topic many = Topic::create({.publishers = 2}).value();
  in_child([&] {
    Topic copy = Topic::attach(many.fds()).value();
    if (!deny_system_call(SYS_mprotect, EPERM)) return kCannot;
    return failed(Subscriber::open(std::move(copy)), "protecting the region's messages");
  });
}

// A lossy topic is mapped twice.
TEST(RefusedCallsTest, MappingATopicForTheSecondTime) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers map more than any limit";
  const test::TemporaryNameFolder folder;
  const Publisher publisher =
      Publisher::create("news", {.messages = 1U << 16U, .message_bytes = 1000}).value();
  in_child([&] {
    const std::uint64_t bytes = publisher.region().mapped_bytes();
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const rlim_t most = pages * page_bytes + bytes + bytes / 2;
    const rlimit limit{.rlim_cur = most, .rlim_max = most};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return kCannot;
    return errno_of(Subscriber::open("news")) == ENOMEM ? 0 : 1;
  });
  EXPECT_TRUE(Subscriber::open("news"));
}

TEST(RefusedCallsTest, MappingTheLaneOfAContributor) {
  const Region ring = Region::create(CollectorOptions{.contributors = 2}.region()).value();
  in_child([&] {
    FileDescriptor copy(::fcntl(ring.fd(), F_DUPFD_CLOEXEC, 0));
    Region region = Region::attach(std::move(copy), {.one_lane = true}).value();
    if (!deny_system_call(SYS_mmap, ENOMEM)) return kCannot;
    const Result<Contributor> contributor = Contributor::open(std::move(region));
    return errno_of(contributor) == ENOMEM ? 0 : 1;
  });
  EXPECT_TRUE(Contributor::open(test::copy_of(ring))) << "no lane is lost";
}

TEST(RefusedCallsTest, LookingAtMemoryWithoutProc) {
  in_child([] {
    const Result<Channel> channel = create({});
    if (!test::make_mounts_private() || !test::mount_over("/proc", "tmpfs", "size=64k")) {
      return kCannot;
    }
    return failed(channel->region().memory_in_use(), "mount /proc");
  });
}

TEST(RefusedCallsTest, HugePagesOfADevice) {
  const FileDescriptor device(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  const Result<Channel> channel = create(
      {.backing = Backing::device, .device_fd = device.get(), .huge_pages = HugePages::require});
  ASSERT_FALSE(channel);
  EXPECT_EQ(code_of(channel), ErrorCode::unsupported);
}

TEST(RefusedCallsTest, ReadingWhichGroupsLimitTheProcess) {
  in_child([] {
    const Result<Channel> channel = create({});
    if (!channel || !deny_system_call(SYS_read, EIO)) return kCannot;
    return Sender::attach(channel->fds()) ? 0 : 1;
  });
}

// A ring that is good is not taken for nonsense, and replaced with all that is in it.
TEST(RefusedCallsTest, LookingAtWhatADeadProcessLeft) {
  const test::TemporaryNameFolder folder;
  test::leave_behind("orders", {.capacity_bytes = 4096}, {"one"});
  test::in_a_process_that_is_killed([] {
    QueueSender sender = QueueSender::create("jobs", {.messages = 8, .message_bytes = 8}).value();
    EXPECT_TRUE(sender.send(std::array<std::byte, 8>{}).value());
    return sender;
  });
  in_child([] {
    if (!deny_system_call(SYS_pread64, EIO)) return kCannot;
    const ChannelOptions larger{.capacity_bytes = 8192, .replace = Replace::when_drained};
    if (const int bad = failed(Sender::create("orders", larger), "header")) return bad;
    if (const int bad = failed(Sender::create("orders"), "header")) return bad + 2;
    const int bad = failed(QueueReceiver::create("jobs", {.messages = 16}), "header");
    return bad == 0 ? 0 : bad + 4;
  });
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(test::receive_text(receiver), "one");
  EXPECT_TRUE(QueueReceiver::open("jobs").value().peek());
}

TEST(RefusedCallsTest, NamesThatCannotBeRemoved) {
  const test::TemporaryNameFolder folder;
  ASSERT_EQ(test::ChildProcess::fork([] {
              const auto left = QueueSender::create("left", {.messages = 8, .message_bytes = 8});
              ::_exit(left ? 0 : 1);
              return 2;
            }).wait(),
            0);
  in_child([] {
    if (!deny_system_call(SYS_unlinkat, EACCES)) return kCannot;
    return failed(names::remove_dead(), "removing");
  });
  EXPECT_EQ(names::remove_dead().value().size(), 1U);
}

TEST(RefusedCallsTest, MakingAFileInTheRootFolder) {
  in_child([] {
    if (!deny_system_call(SYS_openat, EACCES)) return kCannot;
    return failed(create({.backing = Backing::file, .name = "/ringbell"}), "a file in / failed");
  });
}

// As old kernels and some file systems say that they have no files without a name.
TEST(RefusedCallsTest, FilesWithoutANameThatAreTakenForAFolder) {
  constexpr std::uint32_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;
  const test::TemporaryNameFolder folder;
  for (const int refusal : {EISDIR, EINVAL}) {
    const std::string path = folder.path() + "/" + std::to_string(refusal);
    in_child([&] {
      if (!test::deny_flag(SYS_openat, 2, kTmpfile, refusal)) return kCannot;
      return create({.backing = Backing::file, .name = path}) ? 0 : 1;
    });
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  }
}

TEST(RefusedCallsTest, MakingAFileUnderATemporaryName) {
  constexpr std::uint32_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;
  const test::TemporaryNameFolder folder;
  in_child([&] {
    if (!test::deny_flag(SYS_openat, 2, kTmpfile, EOPNOTSUPP)) return kCannot;
    const MemoryOptions nowhere{.backing = Backing::file, .name = folder.path() + "/none/ring"};
    if (const int bad = failed(create(nowhere), "/none failed")) return bad;
    if (!deny_system_call(SYS_rename, EACCES)) return kCannot;
    const MemoryOptions here{.backing = Backing::file, .name = folder.path() + "/ring"};
    return failed(create(here), "making a file in " + folder.path());
  });
  EXPECT_TRUE(folder.files().empty());
}

// As of file systems that have nothing to sync.
TEST(RefusedCallsTest, SyncOfAFolderThatNeedsNone) {
  const test::TemporaryNameFolder folder;
  in_child([&] {
    if (!deny_system_call(SYS_fsync, EINVAL)) return kCannot;
    return create({.backing = Backing::file, .name = folder.path() + "/ring"}) ? 0 : 1;
  });
}

TEST(RefusedCallsTest, LimitsThatAreNotTold) {
  in_child([] {
    if (!deny_system_call(SYS_sysinfo, EPERM)) return kCannot;
    if (!deny_system_call(SYS_prlimit64, EPERM)) return kCannot;
    return create({}) ? 0 : 1;
  });
}

TEST(RefusedCallsTest, ASleepThatASignalEnds) {
  in_child([] {
    if (!deny_system_call(SYS_futex, EINTR)) return kCannot;
    return create({}) ? 0 : 1;  // which looks whether one can sleep there
  });
}

TEST(RefusedCallsTest, MakingASegment) {
  in_child([] {
    if (!deny_system_call(SYS_shmget, ENOSYS)) return kCannot;
    const Result<Channel> channel = create({.backing = Backing::system_v});
    if (errno_of(channel) != ENOSYS) return 3;
    return failed(channel, "shmget");
  });
}

TEST(RefusedCallsTest, MappingForAProcessThatOnlyReads) {
  in_child([] {
    const Result<Channel> channel = create({});
    if (!channel || !test::deny_flag(SYS_mmap, 3, MAP_SHARED, EACCES)) return kCannot;
    const auto attach = [&](Access access) {
      return Region::attach(duplicate(channel->region().fd()).value(), access);
    };
    if (const int bad = failed(attach(Access::read_only), "must be open for reading")) return bad;
    const int bad = failed(attach(Access::read_write), "must be open for reading and writing");
    return bad == 0 ? 0 : bad + 2;
  });
}

TEST(RefusedCallsTest, AskingForQuickWakeUps) {
  if (!QuickWake::hold()) GTEST_SKIP() << "they cannot be had here";
  in_child([] {
    if (!deny_system_call(SYS_write, EIO)) return kCannot;
    return failed(QuickWake::hold(), "writing 0");
  });
}

// A bit of F_OFD_GETLK and F_OFD_SETLK that no other command that is used here has.
constexpr std::uint32_t kOfLocks = 32;

// What another process holds cannot be told then, and is not taken.
TEST(RefusedCallsTest, LocksThatAreRefusedCountAsHeld) {
  in_child([] {
    const Region queue = Region::create(QueueOptions{}.region()).value();
    FileDescriptor copy = duplicate(queue.fd()).value();
    if (!test::deny_flag(SYS_fcntl, 1, kOfLocks, EACCES)) return kCannot;
    if (ParticipantLock::seats_held(queue.fd()) != 0) return 3;
    return code_of(QueueSender::open(Region::attach(std::move(copy)).value())) ==
                   ErrorCode::no_place
               ? 0
               : 4;
  });
}

TEST(RefusedCallsTest, MendingThePlaceOfADeadParticipant) {
  EXPECT_FALSE(ParticipantLock::take_to_mend(-1, 0));
  in_child([] {
    const Region queue = Region::create(QueueOptions{}.region()).value();
    if (!test::deny_flag(SYS_fcntl, 1, kOfLocks, ENOLCK)) return kCannot;
    return failed(ParticipantLock::take_to_mend(queue.fd(), 0), "locking the mender's role");
  });
}

// Where it cannot be known whether the name is there, it is not lost.
TEST(RefusedCallsTest, LookingWhetherANameIsThere) {
  const test::TemporaryNameFolder folder;
  for (const bool removed : {false, true}) {
    const Sender sender = Sender::create("orders").value();
    if (removed) {
      ASSERT_EQ(::unlink((folder.path() + "/orders.ring").c_str()), 0);
    }
    in_child([&] {
      if (sender.name_lost() != removed) return 1;
      if (!deny_system_call(removed ? SYS_getdents64 : SYS_newfstatat, EIO)) return kCannot;
      return sender.name_lost() ? 2 : 0;
    });
  }
}

TEST(RefusedCallsTest, RemovingAnOlderRingThatIsDrained) {
  const test::TemporaryNameFolder folder;
  const ChannelOptions larger{.capacity_bytes = 8192, .replace = Replace::when_drained};
  test::leave_behind("orders", {.capacity_bytes = 4096}, {"one"});
  const Sender newer = Sender::create("orders", larger).value();
  test::in_a_process_that_is_killed([] {
    Receiver older = Receiver::open("orders").value();
    EXPECT_EQ(test::receive_text(older), "one");
    EXPECT_FALSE(older.peek());  // and what was given back is told
    return older;
  });
  in_child([&] {
    if (!deny_system_call(SYS_unlinkat, EACCES)) return kCannot;
    if (const int bad = failed(Receiver::open("orders", Timeout::zero()), "removing")) return bad;
    const int bad = failed(Receiver::create("orders", larger), "removing");
    return bad == 0 ? 0 : bad + 2;
  });
  EXPECT_TRUE(Receiver::open("orders", Timeout::zero()));
}

}  // namespace
}  // namespace ringbell
