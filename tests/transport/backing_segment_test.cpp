// Regions that are not files: System V segments and their cards, anonymous memory, devices.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/memory/memfd.hpp>

#include <tests/support/backings.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/forbid_offset_mmap.hpp>
#include <tests/support/message.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::RegionHeader;
using test::ChildProcess;
using test::Signal;
using ::testing::HasSubstr;

Channel create(Backing backing) {
  return Channel::create({.capacity_bytes = 8192, .memory = {.backing = backing}}).value();
}

RegionHeader card_of(int fd) {
  RegionHeader card{};
  EXPECT_EQ(::pread(fd, &card, sizeof card, 0), static_cast<ssize_t>(sizeof card));
  return card;
}

bool exists(std::uint32_t segment) {
  shmid_ds status{};
  return ::shmctl(static_cast<int>(segment), IPC_STAT, &status) == 0;
}

void expect_refused(FileDescriptor file, const std::string& says,
                    ErrorCode code = ErrorCode::not_a_region) {
  const Result<Region> region = Region::attach(std::move(file));
  ASSERT_FALSE(region) << "attached, but: " << says;
  EXPECT_STREQ(name_of(code_of(region)), name_of(code)) << region.error().message;
  EXPECT_THAT(message_of(region), HasSubstr(says));
}

// A segment of the test's own, removed with it.
struct Segment {
  explicit Segment(std::size_t bytes, int mode = 0600)
      : number(::shmget(IPC_PRIVATE, bytes, IPC_CREAT | mode)) {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() { ::shmctl(number, IPC_RMID, nullptr); }
  int number;
};

// The card of a good region, pointing elsewhere.
FileDescriptor card_for(int segment) {
  const Channel good = create(Backing::system_v);
  RegionHeader card = card_of(good.region().fd());
  card.backing_number = static_cast<std::uint32_t>(segment);
  return memory::memfd::create_card(card).value();
}

TEST(SystemVTest, SegmentIsGoneWhenTheLastProcessDiesHoweverItDies) {
  std::uint32_t segment = 0;
  const Signal attached;
  std::optional<ChildProcess> child;
  {
    const Channel made = create(Backing::system_v);
    segment = card_of(made.region().fd()).backing_number;
    ASSERT_TRUE(exists(segment));
    child = ChildProcess::fork([&] {
      const Channel theirs = Channel::attach(made.fds()).value();
      attached.tell();
      while (true) ::pause();
      return 0;
    });
    ASSERT_TRUE(attached.wait());
  }
  EXPECT_TRUE(exists(segment)) << "the child has it";
  child->kill_now();
  EXPECT_FALSE(exists(segment));
}

TEST(SystemVTest, CardOutlivesItsSegmentAndSaysSo) {
  FileDescriptor card;
  {
    const Channel made = create(Backing::system_v);
    card = duplicate(made.region().fd()).value();
  }
  expect_refused(std::move(card), "its last process has gone", ErrorCode::system);
}

TEST(SystemVTest, CardCannotBeChangedByAnybody) {
  const Channel made = create(Backing::system_v);
  const int fd = made.region().fd();
  EXPECT_LT(::pwrite(fd, "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(fd, 0), 0);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

TEST(SystemVTest, SegmentOfAnotherSizeIsRefused) {
  for (const std::size_t bytes : {4096U, 8192U, 8192U + 3 * 4096U}) {
    const Segment segment(bytes);
    expect_refused(card_for(segment.number), "has " + std::to_string(bytes) + " bytes and not");
  }
}

TEST(SystemVTest, SegmentThatTheCardWasNotWrittenForIsRefused) {
  const Segment segment(8192 + 2 * 4096);
  expect_refused(card_for(segment.number), "another one by now");
}

TEST(SystemVTest, SegmentThatOthersMayWriteIsTakenOnlyIfTheyAreTrusted) {
  const Channel made = Channel::create({.capacity_bytes = 8192,
                                        .memory = {.backing = Backing::system_v, .mode = 0666}})
                           .value();
  expect_refused(duplicate(made.region().fd()).value(), "trust_others", ErrorCode::permission);
  EXPECT_TRUE(Region::attach(duplicate(made.region().fd()).value(), {.trust_others = true}));
}

TEST(SystemVTest, NumberThatIsNoSegmentIsRefused) {
  expect_refused(card_for(-1), "segment -1", ErrorCode::system);
  expect_refused(card_for(0x7fffffff), "segment 2147483647", ErrorCode::system);
}

TEST(AnonymousTest, NobodyCanAttachToIt) {
  const Channel made = create(Backing::anonymous);
  expect_refused(duplicate(made.region().fd()).value(), "shared by fork only");
}

TEST(AnonymousTest, HugePagesOfHugetlbAreRefused) {
  const Result<Channel> channel = Channel::create(
      {.memory = {.backing = Backing::anonymous, .huge_pages = HugePages::require}});
  ASSERT_FALSE(channel);
  EXPECT_EQ(code_of(channel), ErrorCode::unsupported);
  EXPECT_THAT(message_of(channel), HasSubstr("take a memfd"));
}

TEST(CardTest, MemfdThatSaysItIsSomethingElseIsRefused) {
  for (const std::uint32_t backing : {1U, 2U, 5U, 6U, 7U, 0xffffffffU}) {
    RegionHeader card = card_of(create(Backing::memfd).region().fd());
    card.backing = backing;
    expect_refused(memory::memfd::create_card(card).value(),
                   "it is a memfd but says that its backing is " + std::to_string(backing));
  }
}

class DeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device) GTEST_SKIP() << "no loop device can be had";
  }
  [[nodiscard]] ChannelOptions options(std::uint64_t capacity_bytes) const {
    return {.capacity_bytes = capacity_bytes,
            .memory = {.backing = Backing::device, .device_fd = device.get()}};
  }
  FileDescriptor device = test::make_loop_device(64UL << 10);
};

TEST_F(DeviceTest, DeviceThatIsTooSmallIsNoSpace) {
  EXPECT_TRUE(Channel::create(options(32UL << 10)));
  const Result<Channel> large = Channel::create(options(64UL << 10));
  ASSERT_FALSE(large);
  EXPECT_EQ(code_of(large), ErrorCode::no_space);
  EXPECT_THAT(message_of(large), HasSubstr("65536 bytes, the region needs 73728"));
}

TEST_F(DeviceTest, DeviceThatIsAPageTooSmallIsNoSpace) {
  const FileDescriptor exact = test::make_loop_device(72UL << 10);
  const FileDescriptor short_by_a_page = test::make_loop_device(68UL << 10);
  ChannelOptions wanted = options(64UL << 10);
  wanted.memory.device_fd = exact.get();
  EXPECT_TRUE(Channel::create(wanted));
  wanted.memory.device_fd = short_by_a_page.get();
  const Result<Channel> large = Channel::create(wanted);
  ASSERT_FALSE(large);
  EXPECT_EQ(code_of(large), ErrorCode::no_space);
}

TEST_F(DeviceTest, WhatTheLastUserLeftThereIsGone) {
  const std::string garbage(64UL << 10, 'x');
  ASSERT_EQ(::pwrite(device.get(), garbage.data(), garbage.size(), 0), 64 << 10);
  const Channel channel = Channel::create(options(8192)).value();
  const std::byte* const data = channel.region().data();
  EXPECT_TRUE(std::all_of(data, data + 8192, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_F(DeviceTest, DeviceThatMapsFromItsStartOnlyIsUsedWithoutTheSecondImage) {
  ChildProcess child = ChildProcess::fork([&] {
    if (!test::forbid_offset_mmap()) return 77;
    Result<Channel> channel = Channel::create(options(8192));
    if (!channel || channel->region().backing() != Backing::device_unmirrored) return 2;
    Receiver receiver = Receiver::attach(channel->fds()).value();
    if (receiver.channel().region().backing() != Backing::device_unmirrored) return 3;
    Sender sender = Sender::open(std::move(*channel)).value();
    for (std::uint64_t number = 0; number < 500; ++number) {  // many laps
      const auto room = sender.claim(test::size_of_message(number, 5000));
      if (!room) return 4;
      test::write_message(*room, number);
      sender.commit();
      const auto record = receiver.peek();
      if (!record || !test::is_message(*record, number)) return 5;
      receiver.release();
    }
    return Channel::create(options(32UL << 10)) ? 6 : 0;  // with the spare area it is too large
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no system call filter can be installed here";
  EXPECT_EQ(status, 0);
}

TEST_F(DeviceTest, DeviceThatCannotBeMappedOrDuplicatedIsAnError) {
  RegionOptions queue = QueueOptions{.messages = 4, .message_bytes = 64}.region();
  queue.memory = {.backing = Backing::device, .device_fd = device.get()};
  ChildProcess child = ChildProcess::fork([&] {
    const Channel before = Channel::create(options(8192)).value();
    FileDescriptor copy = duplicate(before.region().fd()).value();
    if (!test::forbid_offset_mmap()) return 77;
    if (Region::attach(duplicate(copy.get()).value())) return 6;  // it has a second image
    if (!test::deny_flag(SYS_mmap, 3, MAP_SHARED, ENOMEM)) return 77;
    if (code_of(Channel::create(options(8192))) != ErrorCode::no_space) return 2;
    if (code_of(Region::create(queue)) != ErrorCode::no_space) return 3;
    if (code_of(Region::attach(std::move(copy))) != ErrorCode::no_space) return 4;
    const rlimit few{.rlim_cur = 4, .rlim_max = 4};  // and all of them are open
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 77;
    return errno_of(Channel::create(options(8192))) == EMFILE ? 0 : 5;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no system call filter can be installed here";
  EXPECT_EQ(status, 0);
}

TEST_F(DeviceTest, FileIsNoDevice) {
  const FileDescriptor file(::memfd_create("x", MFD_CLOEXEC));
  for (const int fd : {file.get(), -1}) {
    const Result<Channel> channel =
        Channel::create({.memory = {.backing = Backing::device, .device_fd = fd}});
    ASSERT_FALSE(channel);
    EXPECT_THAT(message_of(channel), HasSubstr(fd < 0 ? "device_fd" : "is no device"));
  }
}

}  // namespace
}  // namespace ringbell
