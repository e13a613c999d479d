// Rings in a driver's memory: mapped page by page by its fault handler, and all at once by
// remap_pfn_range.
#include <algorithm>
#include <optional>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <gmock/gmock.h>

#include <tests/kernel/kernel_peer.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/page_frames.hpp>
#include <tests/support/seed.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::comes_to;
using test::counted;
using test::kPatience;
using test::receive_counts;
using test::send_counts;

constexpr std::uint64_t kMany = 200'000;
constexpr std::size_t kCapacity = 65536;
constexpr std::size_t kRegion = 2 * 4096 + kCapacity;
constexpr const char* kKernelWrites = "/dev/ringbell0";
constexpr const char* kKernelReads = "/dev/ringbell1";

// `GetParam()`: the memory is contiguous.
class KernelMemoryTest : public test::KernelPeerTest, public ::testing::WithParamInterface<bool> {
 protected:
  [[nodiscard]] std::string counter_parameters() const override {
    return std::string("devices=2 capacity=65536 contiguous=") + (GetParam() ? "1" : "0");
  }
  [[nodiscard]] static FileDescriptor open_device(const char* path, int flags = O_RDWR) {
    return FileDescriptor(::open(path, flags | O_CLOEXEC));
  }
  // 0 or errno.
  [[nodiscard]] static int start(int fd, const rb_device_start& words) {
    return ::ioctl(fd, RB_DEVICE_START, &words) == 0 ? 0 : errno;
  }
  static constexpr rb_device_start kPolled{
      .data_fd = -1, .space_fd = -1, .flags = 0, .reserved = 0};
};

INSTANTIATE_TEST_SUITE_P(Mapped, KernelMemoryTest, ::testing::Bool(), [](const auto& contiguous) {
  return contiguous.param ? "AtOnce" : "ByFaults";
});

TEST_P(KernelMemoryTest, RecordsFromTheKernelAreWholeAndInOrder) {
  Receiver receiver = Receiver::open_device(kKernelWrites).value();
  EXPECT_EQ(receiver.channel().region().backing(), Backing::device);
  EXPECT_EQ(receive_counts(receiver, kMany), kMany);
  EXPECT_EQ(receiver.stats().missed_rings, 0U);
}

TEST_P(KernelMemoryTest, RecordsToTheKernelAreWholeAndInOrder) {
  Sender sender = Sender::open_device(kKernelReads).value();
  EXPECT_EQ(send_counts(sender, kMany), kMany);
  EXPECT_TRUE(comes_to("records", kMany));
  EXPECT_EQ(counted("wrong"), 0);
  EXPECT_EQ(sender.stats().missed_rings, 0U);
}

TEST_P(KernelMemoryTest, TwoMinorsAreTwoRings) {
  Receiver receiver = Receiver::open_device(kKernelWrites).value();
  Sender sender = Sender::open_device(kKernelReads).value();
  EXPECT_EQ(test::parameter("ringbell", "sessions"), 2);
  for (std::uint64_t number = 0; number < 5'000; number += 100) {
    EXPECT_EQ(send_counts(sender, 100, number), 100U);
    EXPECT_EQ(receive_counts(receiver, 100, number), 100U);
  }
}

TEST_P(KernelMemoryTest, RoleOfTheKernelAndOfALivingProcessIsBusy) {
  EXPECT_EQ(code_of(Sender::open_device(kKernelWrites)), ErrorCode::busy);
  EXPECT_EQ(code_of(Receiver::open_device(kKernelReads)), ErrorCode::busy);
  expect_nothing_held();
  std::optional<Receiver> receiver = Receiver::open_device(kKernelWrites).value();
  const auto second = Receiver::open_device(kKernelWrites);
  ASSERT_FALSE(second);
  EXPECT_EQ(code_of(second), ErrorCode::busy);
  EXPECT_EQ(receiver->peer(), PeerState::alive);
  receiver.reset();
  expect_nothing_held();
  EXPECT_TRUE(Receiver::open_device(kKernelWrites));
}

TEST_P(KernelMemoryTest, WhatIsNoDeviceOfARingIsAnError) {
  EXPECT_EQ(code_of(Receiver::open_device("/dev/ringbell7")), ErrorCode::not_found);
  EXPECT_EQ(code_of(Receiver::open_device("/dev/null")), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(Receiver::open_device("/dev/ringbell")), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(Receiver::open_device("")), ErrorCode::not_found);
}

// Nothing that was committed is lost between two processes.
TEST_P(KernelMemoryTest, NextReceiverGetsWhatTheLastOneLeft) {
  std::uint64_t read = 0;
  {
    Receiver receiver = Receiver::open_device(kKernelWrites).value();
    read = receive_counts(receiver, 100);
  }
  const auto committed = static_cast<std::uint64_t>(counted("records"));
  ASSERT_GE(committed, read);
  Receiver receiver = Receiver::open_device(kKernelWrites).value();
  EXPECT_EQ(receive_counts(receiver, committed - read, read), committed - read);
  EXPECT_EQ(receive_counts(receiver, 1'000), 1'000U);  // the next session's
}

TEST_P(KernelMemoryTest, DeathAtAnyMomentLeavesNothingHeld) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int kill = 0; kill < 50; ++kill) {
    test::ChildProcess child = test::ChildProcess::fork([&] {
      if (kill % 2 == 0) {
        auto receiver = Receiver::open_device(kKernelWrites);
        while (receiver && receiver->peek_for()) receiver->release();
        return 1;
      }
      auto sender = Sender::open_device(kKernelReads);
      return sender && send_counts(*sender, UINT64_MAX) != 0 ? 1 : 2;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(dice.roll(30'000)));
    child.kill_now();
    expect_nothing_held();
  }
}

TEST_P(KernelMemoryTest, RingThatAProcessSpoiledBeginsAnew) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int life = 0; life < 50; ++life) {
    {
      const FileDescriptor device = open_device(kKernelWrites);
      ASSERT_EQ(start(device.get(), kPolled), 0);
      void* const mapped =
          ::mmap(nullptr, kRegion, PROT_READ | PROT_WRITE, MAP_SHARED, device.get(), 0);
      ASSERT_NE(mapped, MAP_FAILED);
      auto* const words = static_cast<std::uint64_t*>(mapped);
      for (int i = 0; i < 200; ++i) {  // the header too
        const std::uint64_t at = dice.roll(2) == 0 ? dice.roll(kRegion / 8) : dice.roll(1024 + 64);
        __atomic_store_n(&words[at], test::mix(dice.roll(UINT64_MAX)), __ATOMIC_RELAXED);
      }
      __atomic_store_n(&words[512], 1, __ATOMIC_RELAXED);  // the head, where none can be
      ASSERT_EQ(::munmap(mapped, kRegion), 0);
    }
    expect_nothing_held();
    Receiver receiver = Receiver::open_device(kKernelWrites).value();
    ASSERT_EQ(receive_counts(receiver, 2'000), 2'000U) << life;
  }
}

TEST_P(KernelMemoryTest, EachWrongWordOfTheCallHasItsErrno) {
  const FileDescriptor bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const FileDescriptor device = open_device(kKernelWrites);
  const int fd = device.get();
  const auto with = [&](auto change) {
    rb_device_start words{.data_fd = bell.get(), .space_fd = bell.get(), .flags = 0, .reserved = 0};
    change(words);
    const int error = start(fd, words);
    expect_nothing_held();
    return error;
  };
  EXPECT_EQ(with([](rb_device_start& words) { words.flags = 1; }), EINVAL);
  EXPECT_EQ(with([](rb_device_start& words) { words.reserved = 1; }), EINVAL);
  EXPECT_EQ(with([](rb_device_start& words) { words.data_fd = -1; }), EBADF);
  EXPECT_EQ(with([](rb_device_start& words) { words.space_fd = -1; }), EBADF);
  EXPECT_EQ(with([](rb_device_start& words) { words.space_fd = 9999; }), EBADF);
  EXPECT_EQ(with([&](rb_device_start& words) { words.data_fd = fd; }), EINVAL);
  EXPECT_EQ(::ioctl(fd, RB_DEVICE_START, nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  const rb_attach attach{};
  EXPECT_EQ(::ioctl(fd, RB_ATTACH, &attach), -1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(start(open_device(kKernelWrites, O_RDONLY).get(), kPolled), EACCES);
  EXPECT_EQ(start(open_device(kKernelWrites, O_WRONLY).get(), kPolled), EACCES);
  EXPECT_EQ(start(open_device("/dev/ringbell").get(), kPolled), ENOTTY);
  ASSERT_EQ(start(fd, kPolled), 0);
  EXPECT_EQ(start(fd, kPolled), EBUSY);
  EXPECT_EQ(start(open_device(kKernelWrites).get(), kPolled), EBUSY);
}

TEST_P(KernelMemoryTest, MappingsThatCannotBeAreRefused) {
  const FileDescriptor device = open_device(kKernelWrites);
  const auto map = [&](std::size_t bytes, off_t from, int flags = MAP_SHARED) {
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, device.get(), from);
    const int error = mapped == MAP_FAILED ? errno : 0;
    if (error == 0) ::munmap(mapped, bytes);
    return error;
  };
  EXPECT_EQ(map(kRegion, 0), 0);
  EXPECT_EQ(map(4096, static_cast<off_t>(kRegion) - 4096), 0);
  EXPECT_EQ(map(kRegion, 0, MAP_PRIVATE), EINVAL);
  EXPECT_EQ(map(kRegion + 4096, 0), EINVAL);
  EXPECT_EQ(map(4096, kRegion), EINVAL);
  EXPECT_EQ(map(8192, static_cast<off_t>(kRegion) - 4096), EINVAL);
  EXPECT_EQ(map(8192, off_t{1} << 43), EINVAL);
  void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, device.get(), 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(::mremap(page, 4096, 8192, MREMAP_MAYMOVE), MAP_FAILED);
  EXPECT_EQ(errno, EFAULT);
  ::munmap(page, 4096);
}

TEST_P(KernelMemoryTest, PagesCostAFaultEachUnlessTheyAreMappedAtOnce) {
  const Region region =
      Region::attach(open_device(kKernelWrites), {.access = Access::read_write}).value();
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_SELF, &before);
  for (std::size_t at = 0; at < region.mapped_bytes(); at += 4096) {
    (void)*static_cast<volatile std::byte*>(region.base() + at);
  }
  ::getrusage(RUSAGE_SELF, &after);
  const long faults = after.ru_minflt - before.ru_minflt;
  const long pages = static_cast<long>(region.mapped_bytes() / 4096);
  if (GetParam()) {
    EXPECT_LT(faults, 4);
  } else {
    EXPECT_GE(faults, pages - 2);  // attaching has touched the header
  }
}

TEST_P(KernelMemoryTest, NoProcessCanSleepOnItByFutex) {
  const FileDescriptor device = open_device(kKernelWrites);
  const auto refused =
      Channel::create({.capacity_bytes = kCapacity,
                       .doorbell = core::DoorbellKind::futex,
                       .memory = {.backing = Backing::device, .device_fd = device.get()}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::unsupported);
  EXPECT_THAT(message_of(refused), ::testing::HasSubstr("eventfd"));
}

// What poll() says, without eventfds.
TEST_P(KernelMemoryTest, ProcessThatKnowsNoBellsAsksPoll) {
  FileDescriptor device = open_device(kKernelWrites);
  const int fd = device.get();
  test::set_parameter("ringbell_counter", "pause_us", 1000);
  ASSERT_EQ(start(fd, kPolled), 0);
  const Region region = Region::attach(std::move(device)).value();
  core::SpscRing<>::Reader reader(region.spsc_memory());
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < 100;) {
    pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&asked, 1, 10'000), 1) << number;
    ASSERT_EQ(asked.revents, POLLIN);
    for (auto record = reader.peek(); record.data() != nullptr; record = reader.peek()) {
      ASSERT_TRUE(test::is_count(record, number++));
      reader.release();
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST_P(KernelMemoryTest, PollTellsWhenTheKernelHasReadAll) {
  FileDescriptor device = open_device(kKernelReads);
  const int fd = device.get();
  ASSERT_EQ(start(fd, kPolled), 0);
  const Region region = Region::attach(std::move(device)).value();
  core::SpscRing<>::Writer writer(region.spsc_memory());
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    const std::uint32_t size = test::size_of_count(number);
    std::span<std::byte> room = writer.claim(size);
    while (room.data() == nullptr) {
      pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
      ASSERT_EQ(::poll(&asked, 1, 10'000), 1);
      room = writer.claim(size);
    }
    test::write_count(room, number);
    writer.commit();
  }
  EXPECT_TRUE(comes_to("records", 1'000));
  EXPECT_EQ(counted("wrong"), 0);
}

// A device that is open, or mapped, keeps its memory; the driver may go.
TEST_P(KernelMemoryTest, MemoryOutlivesTheDriver) {
  const FileDescriptor device = open_device(kKernelWrites);
  const Region region = Region::attach(open_device(kKernelWrites)).value();
  ASSERT_EQ(test::unload_module("ringbell_counter"), 0);
  EXPECT_EQ(start(device.get(), kPolled), ENODEV);
  EXPECT_NE(::access(kKernelWrites, F_OK), 0);
  std::fill_n(region.data(), 2 * kCapacity, std::byte{1});
  EXPECT_EQ(test::unload_module("ringbell"), EWOULDBLOCK);
  ASSERT_EQ(test::load_module("ringbell_counter", counter_parameters()), 0);
  Receiver receiver = Receiver::open_device(kKernelWrites).value();
  EXPECT_EQ(receive_counts(receiver, 1'000), 1'000U);
}

TEST_P(KernelMemoryTest, UnloadIsRefusedWhileAProcessStreams) {
  Receiver receiver = Receiver::open_device(kKernelWrites).value();
  for (std::uint64_t number = 0; number < 10'000; number += 1'000) {
    ASSERT_EQ(receive_counts(receiver, 1'000, number), 1'000U);
    EXPECT_EQ(test::unload_module("ringbell_counter"), EWOULDBLOCK);
    EXPECT_EQ(test::unload_module("ringbell"), EWOULDBLOCK);
  }
}

TEST_P(KernelMemoryTest, RingsThatCannotBeAreNotMade) {
  ASSERT_EQ(test::unload_module("ringbell_counter"), 0);
  const std::string more = GetParam() ? " devices=1 contiguous=1" : " devices=1";
  EXPECT_EQ(test::load_module("ringbell_counter", "capacity=0" + more), EINVAL);
  EXPECT_EQ(test::load_module("ringbell_counter", "capacity=2048" + more), EINVAL);
  EXPECT_EQ(test::load_module("ringbell_counter", "capacity=12288" + more), EINVAL);
  EXPECT_EQ(test::load_module("ringbell_counter", "capacity=134217728" + more), EFBIG);
  EXPECT_EQ(test::load_module("ringbell_counter", "capacity=33554432" + more),
            GetParam() ? ENOMEM : 0);
  (void)test::load_module("ringbell_counter");  // as it was
}

}  // namespace
}  // namespace ringbell
