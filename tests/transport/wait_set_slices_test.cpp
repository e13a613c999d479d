// What a WaitSet finds when a slice is over, rung or not, and while rings take each other's place.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <thread>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/interruptible_ends.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/wait_sets.hpp>

namespace ringbell {
namespace {

using namespace test;

// As by senders that die between their store and their ring.
TEST(WaitSetSlicesTest, CountsRingsThatWereLeftOut) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  WaitSet set = set_with(kBySlices);
  const WaitSet::Id id = set.add(receiver).value();
  for (std::uint64_t round = 1; round <= 3; ++round) {
    EXPECT_EQ(ready_within(set, 2 * kBySlices.longest_sleep), Ids{});
    const std::uint32_t parked = __atomic_exchange_n(&at.word(), 0U, __ATOMIC_RELAXED);
    ASSERT_TRUE(at.provide());
    __atomic_store_n(&at.word(), parked, __ATOMIC_RELAXED);
    EXPECT_EQ(ready_within(set, kLong), Ids{id});
    EXPECT_EQ(set.stats().missed_rings, round);
    ASSERT_TRUE(at.consume(receiver));
  }
}

TEST(WaitSetSlicesTest, FindsWhatWasSpoiltWhileItSlept) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  WaitSet set = set_with(kBySlices);
  ASSERT_TRUE(set.add(receiver));
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  std::memset(at.ring.data(), 0xff, 64);
  EXPECT_EQ(told_within(set, kLong), What::failed);
  EXPECT_EQ(set.stats().missed_rings, 0U) << "nothing has come";
}

// By its slices, or where they are long by the end's own polls.
TEST(WaitSetSlicesTest, FindsADeadSenderWhileItSpins) {
  for (const Timeout slice : {Timeout(1ms), Timeout(1h)}) {
    const Channel channel = small_channel(core::DoorbellKind::eventfd);
    Receiver receiver = Receiver::attach(channel.fds(), kByBell).value();
    WaitSet set = set_with({.kind = WaitOptions::Kind::spin, .longest_sleep = slice});
    ASSERT_TRUE(set.add(receiver));
    const Signal attached;
    ChildProcess child = ChildProcess::fork([&] {
      const Sender sender = Sender::attach(channel.fds()).value();
      attached.tell();
      return ::pause();
    });
    ASSERT_TRUE(attached.wait());
    EXPECT_EQ(ready_within(set, 20ms), Ids{});
    child.kill_now();
    EXPECT_EQ(told_within(set, kLong), What::dead);
  }
}

const ChannelOptions kSmall{.capacity_bytes = 4096};
const ChannelOptions kLarger{.capacity_bytes = 8192, .replace = Replace::when_drained};

TEST(WaitSetSlicesTest, WaitsForASenderOfTheNextRing) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  for (const WaitOptions& wait : {kByBell, kBySlices}) {
    const TemporaryNameFolder folder;
    Receiver receiver = Receiver::create("orders", kSmall, kByBell).value();
    { const Sender old = Sender::create("orders", kSmall).value(); }
    in_a_process_that_is_killed([] { return Sender::create("orders", kLarger).value(); });
    WaitSet set = set_with(wait);
    const WaitSet::Id id = set.add(receiver).value();
    EXPECT_EQ(ready_within(set, 20ms), Ids{}) << "there is nowhere to go on";
    std::optional<Sender> sender;
    std::jthread other([&] {
      std::this_thread::sleep_for(20ms);
      sender.emplace(Sender::create("orders", kLarger).value());
      EXPECT_TRUE(sender->try_send(Buffer{}));
    });
    EXPECT_EQ(ready_within(set, kLong), Ids{id});
  }
}

// Armed in the old ring, it is armed anew in the next one.
TEST(WaitSetSlicesTest, ReceiverMayGoOnInTheNextRingInBetween) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  const TemporaryNameFolder folder;
  Receiver receiver = Receiver::create("orders", kSmall, kByBell).value();
  std::optional<Sender> sender(Sender::create("orders", kSmall).value());
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(receiver).value();
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  sender.reset();
  sender.emplace(Sender::create("orders", kLarger).value());
  EXPECT_FALSE(receiver.peek_for(0ns).value());
  ASSERT_EQ(receiver.channel().region().geometry().capacity_bytes, 8192U);
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(sender->try_send(Buffer{}));
  });
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
}

}  // namespace
}  // namespace ringbell
