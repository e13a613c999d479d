// A real-time thread that spins keeps ordinary ones off its CPU. An end of such a thread gives way
// to a peer that can run nowhere else, whatever it was told, and to no other.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include <sched.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/priority.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/cpus.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;

constexpr auto kLong = 60s;
constexpr std::uint64_t kMessages = 5000;
// Short slices: between two of them a peer that came meanwhile is noticed.
const WaitOptions kSpin{
    .kind = WaitOptions::Kind::spin, .longest_sleep = 20ms, .within_quota = false};
constexpr std::array<std::byte, 8> kMessage{};

bool set_priority(int policy, int priority) {
  const sched_param parameters{.sched_priority = priority};
  return ::sched_setscheduler(0, policy, &parameters) == 0;
}

// A thread of this process, real-time and on the first CPU.
class PriorityParking : public ::testing::Test {
 protected:
  void SetUp() override {
    (void)test::usable_cpus();
    if (!set_priority(SCHED_FIFO, 1)) GTEST_SKIP() << "real-time priorities are refused";
    (void)set_priority(SCHED_OTHER, 0);
  }

  // Runs `work` there. What it returns.
  template <class Work>
  static auto in_real_time(Work&& work) {
    decltype(work()) result{};
    std::thread thread([&] {
      test::pin_to_cpu(0);
      EXPECT_TRUE(set_priority(SCHED_FIFO, 1));
      result = work();
    });
    thread.join();
    return result;
  }
  // An ordinary process, on the first CPU alone if it is `pinned`.
  template <class Work>
  static ChildProcess ordinary(bool pinned, Work&& work) {
    return ChildProcess::fork([=] {
      if (pinned) test::pin_to_cpu(0);
      return work();
    });
  }
};

// Now and then nothing comes for so long that a receiver sleeps, if it may.
int send_all(const ChannelFds& fds, const test::Signal& opened) {
  Sender sender = Sender::attach(fds).value();
  opened.tell();
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    if (i % (kMessages / 10) == 0) std::this_thread::sleep_for(2ms);
    if (sender.send(kMessage, kLong) != true) return 1;
  }
  return 0;
}

Stats receive_all(const ChannelFds& fds) {
  Receiver receiver = Receiver::attach(fds, kSpin).value();
  std::array<std::byte, 8> into{};
  for (std::uint64_t i = 0; i < kMessages; ++i) EXPECT_TRUE(receiver.receive(into, kLong).value());
  return receiver.stats();
}

TEST_F(PriorityParking, AReceiverThatSpinsParksIfItsSenderHasNoOtherCpu) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  const test::Signal opened;
  ChildProcess sends = ordinary(true, [&] { return send_all(channel.fds(), opened); });
  ASSERT_TRUE(opened.wait());
  EXPECT_GT(in_real_time([&] { return receive_all(channel.fds()); }).sleeps, 0U);
  EXPECT_EQ(sends.wait(), 0);
}

TEST_F(PriorityParking, OneWhoseSenderHasAnotherCpuSpins) {
  if (test::usable_cpus().size() < 2) GTEST_SKIP() << "one CPU";
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  const test::Signal opened;
  ChildProcess sends = ordinary(false, [&] { return send_all(channel.fds(), opened); });
  ASSERT_TRUE(opened.wait());
  EXPECT_EQ(in_real_time([&] { return receive_all(channel.fds()); }).sleeps, 0U);
  EXPECT_EQ(sends.wait(), 0);
}

TEST_F(PriorityParking, AnOrdinaryOneSpins) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  const test::Signal opened;
  ChildProcess sends = ordinary(true, [&] { return send_all(channel.fds(), opened); });
  ASSERT_TRUE(opened.wait());
  std::thread([&] {
    test::pin_to_cpu(0);
    EXPECT_EQ(receive_all(channel.fds()).sleeps, 0U);
  }).join();
  EXPECT_EQ(sends.wait(), 0);
}

// A thread that becomes real-time after it has opened its end.
TEST_F(PriorityParking, AChangeIsNoticed) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  std::thread([&] {
    test::pin_to_cpu(0);
    Receiver receiver = Receiver::attach(channel.fds(), kSpin).value();
    EXPECT_TRUE(set_priority(SCHED_FIFO, 1));
    const ChildProcess peer = ordinary(true, [&] {
      const Sender sender = Sender::attach(channel.fds()).value();
      ::pause();
      return 0;
    });
    while (receiver.peer() != PeerState::alive) std::this_thread::sleep_for(1ms);
    std::array<std::byte, 8> into{};
    EXPECT_EQ(receiver.receive(into, 100ms), std::nullopt);
    EXPECT_GT(receiver.stats().sleeps, 0U);
  }).join();
}

TEST_F(PriorityParking, WithoutADoorbellItNaps) {
  const Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::none}).value();
  const test::Signal opened;
  ChildProcess sends = ordinary(true, [&] { return send_all(channel.fds(), opened); });
  ASSERT_TRUE(opened.wait());
  const long naps = in_real_time([&] {
    (void)receive_all(channel.fds());
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  });
  EXPECT_GT(naps, 10);
  EXPECT_EQ(sends.wait(), 0);
}

TEST_F(PriorityParking, AReceiverOfAQueueParksIfASenderHasNoOtherCpu) {
  const Region ring =
      Region::create(QueueOptions{.messages = 64, .message_bytes = 8, .participants = 4}.region())
          .value();
  ChildProcess sends = ordinary(true, [&] {
    QueueSender sender = QueueSender::open(test::copy_of(ring)).value();
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      if (sender.send(kMessage, kLong) != true) return 1;
    }
    return 0;
  });
  const std::uint64_t sleeps = in_real_time([&] {
    QueueReceiver receiver = QueueReceiver::open(test::copy_of(ring), kSpin).value();
    std::array<std::byte, 8> into{};
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      EXPECT_TRUE(receiver.receive(into, kLong).value());
    }
    return receiver.stats().sleeps;
  });
  EXPECT_GT(sleeps, 0U);
  EXPECT_EQ(sends.wait(), 0);
}

// It must be able to start.
TEST_F(PriorityParking, OneWhoseSenderHasNotComeParks) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  EXPECT_GT(in_real_time([&] {
              Receiver receiver = Receiver::attach(channel.fds(), kSpin).value();
              std::array<std::byte, 8> into{};
              EXPECT_EQ(receiver.receive(into, 30ms), std::nullopt);
              return receiver.stats().sleeps;
            }),
            0U);
}

// A participant of a ring of many is no peer of its own.
TEST_F(PriorityParking, AProcessThatIsPinnedAsAWholeDoesNotGiveWayToItself) {
  if (test::usable_cpus().size() < 2) GTEST_SKIP() << "one CPU";
  const Region ring =
      Region::create(QueueOptions{.messages = 64, .message_bytes = 8, .participants = 4}.region())
          .value();
  QueueSender sender = QueueSender::open(test::copy_of(ring)).value();
  ChildProcess receives = ordinary(true, [&] {
    if (!set_priority(SCHED_FIFO, 1)) return 2;
    QueueReceiver receiver = QueueReceiver::open(test::copy_of(ring), kSpin).value();
    std::array<std::byte, 8> into{};
    if (receiver.receive(into, 100ms) != std::nullopt) return 3;
    return receiver.stats().sleeps == 0 ? 0 : 1;
  });
  EXPECT_EQ(receives.wait(), 0);
}

// A hostile peer says what it likes.
TEST_F(PriorityParking, ProcessesThatCannotBeKeepNoneFromSpinning) {
  EXPECT_FALSE(in_real_time([] {
    const auto self = priority::RealTime::of_this_thread();
    if (!self) return true;
    for (const std::uint32_t pid : {0U, 0x7fffffffU, 0x80000000U, UINT32_MAX}) {
      if (self->keeps_off_cpu(pid)) return true;
    }
    return false;
  }));
  EXPECT_FALSE(priority::RealTime::of_this_thread());
}

}  // namespace
}  // namespace ringbell
