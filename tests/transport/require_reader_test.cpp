// Ends that require a reader: nothing is sent to none, and the Error comes at once.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/parked.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 40> kMessage{};

// Opens an end in a process of its own, which is killed then.
template <class Open>
void come_and_die(Open&& open) {
  ChildProcess child = ChildProcess::fork([&] {
    auto end = open();
    ::_exit(end ? 0 : 1);
    return 2;
  });
  ASSERT_EQ(child.wait(), 0);
}

// Senders and contributors: they know how their reader ended.
template <class Writer, class Open>
void expect_to_require_a_reader(Writer& sends, Open&& open_reader) {
  EXPECT_TRUE(sends.try_send(kMessage)) << "not required yet: kept for the first reader";
  sends.require_reader();
  for (const std::span<const std::byte> message :
       {std::span<const std::byte>(kMessage), std::span<const std::byte>()}) {
    EXPECT_EQ(code_of(sends.send(message, kLong)), ErrorCode::no_reader);
    EXPECT_EQ(code_of(sends.claim_for(message.size(), kLong)), ErrorCode::no_reader);
    EXPECT_FALSE(sends.try_send(message));
    EXPECT_FALSE(sends.claim(message.size()));
  }
  EXPECT_EQ(code_of(sends.send(std::array<std::byte, 9000>{}, kLong)), ErrorCode::too_large);
  {
    auto reader = open_reader().value();
    EXPECT_EQ(sends.send(kMessage, kLong), true);
    ASSERT_TRUE(sends.claim_for(0, kLong).value());
    sends.commit();
    std::array<std::byte, 40> into{};
    EXPECT_EQ(reader.receive(into, kLong).value(), kMessage.size());
    EXPECT_EQ(reader.receive(into, kLong).value(), kMessage.size());
    EXPECT_EQ(reader.receive(into, kLong).value(), 0U);
  }
  EXPECT_EQ(code_of(sends.send(kMessage, kLong)), ErrorCode::closed);
  come_and_die(open_reader);
  EXPECT_EQ(code_of(sends.send(kMessage, kLong)), ErrorCode::peer_dead);
  EXPECT_EQ(code_of(sends.claim_for(1, kLong)), ErrorCode::peer_dead);
  const std::uint64_t before = sends.position();
  EXPECT_FALSE(sends.try_send(kMessage));
  EXPECT_EQ(sends.position(), before);
  sends.require_reader(false);
  EXPECT_EQ(sends.send(kMessage, kLong), true);
}

TEST(RequireReaderTest, SenderSendsNothingWithoutAReceiver) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  expect_to_require_a_reader(sender, [&] { return Receiver::attach(channel.fds()); });
}

TEST(RequireReaderTest, ContributorSendsNothingWithoutACollector) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  expect_to_require_a_reader(contributor, [&] { return Collector::open(copy_of(ring)); });
}

// A loop is armed while the ring is full and its reader lives, and not when that one is gone.
template <class Writer, class Open>
void expect_no_sleep_without_a_reader(Writer& sends, Open&& open_reader) {
  sends.require_reader();
  (void)sends.waitable_fd();  // without it, only a sender can be armed
  {
    const auto reader = open_reader().value();
    while (sends.try_send(kMessage)) {
    }
    EXPECT_EQ(sends.send(kMessage, 0ns), false) << "no room";
    EXPECT_TRUE(sends.arm(kMessage.size()));
  }
  EXPECT_FALSE(sends.arm(kMessage.size())) << "there is an Error to tell";
  EXPECT_EQ(code_of(sends.send(kMessage, kLong)), ErrorCode::closed);
}

TEST(RequireReaderTest, NoLoopSleepsForAReaderThatIsGone) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  expect_no_sleep_without_a_reader(sender, [&] { return Receiver::attach(channel.fds()); });
  const Region ring =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  expect_no_sleep_without_a_reader(contributor, [&] { return Collector::open(copy_of(ring)); });
}

TEST(RequireReaderTest, NoLoopOfAQueueSenderSleepsForAReceiverThatIsGone) {
  const Region ring = Region::create(QueueOptions{.messages = 2}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  sender.require_reader();
  ASSERT_TRUE(sender.waitable_fd());
  {
    const QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
    while (sender.send(kMessage, 0ns).value()) {
    }
    EXPECT_TRUE(sender.arm());
  }
  EXPECT_FALSE(sender.arm()) << "there is an Error to tell";
  EXPECT_EQ(code_of(sender.send(kMessage, kLong)), ErrorCode::no_reader);
}

// A hostile reader makes room without ringing, and dies: the sender that slept meanwhile sends
// nothing into it.
TEST(RequireReaderTest, RoomThatADeadReaderLeftIsNotUsed) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  ChildProcess reads = ChildProcess::fork([&] {
    const Receiver receiver = Receiver::attach(channel.fds()).value();
    ::pause();
    return 1;
  });
  Sender sender = Sender::attach(channel.fds(), {.spin_budget = 0ns, .longest_sleep = 1s}).value();
  ASSERT_TRUE(sender.wait_for_peer(kLong).value());
  sender.require_reader();
  while (sender.try_send(kMessage)) {
  }
  const std::uint64_t full = sender.position();
  std::thread dies([&] {
    EXPECT_TRUE(test::wait_until_parked(channel.region().bells().space_bell.word));
    reads.kill_now();
    core::HardwareAtomics::store(channel.region().spsc_control().head, full,
                                 std::memory_order_release, core::Edge{"test"});
  });
  EXPECT_EQ(code_of(sender.claim_for(kMessage.size(), kLong)), ErrorCode::peer_dead);
  EXPECT_EQ(sender.position(), full);
  dies.join();
}

TEST(RequireReaderTest, QueueSenderSendsNothingWithoutALivingReceiver) {
  const Region ring = Region::create(QueueOptions{.messages = 8}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  const QueueSender other = QueueSender::open(copy_of(ring)).value();
  EXPECT_EQ(sender.send(kMessage, kLong), true) << "not required yet";
  sender.require_reader();
  EXPECT_EQ(code_of(sender.send(kMessage, kLong)), ErrorCode::no_reader);
  EXPECT_EQ(code_of(sender.claim_for(kLong)), ErrorCode::no_reader);
  EXPECT_FALSE(sender.claim());
  {
    QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(sender.send(kMessage, kLong), true);
      ASSERT_TRUE(receiver.peek_for(kLong).value());
      receiver.release();
    }
    ASSERT_TRUE(sender.claim_for(kLong).value());
    EXPECT_TRUE(sender.claim()) << "the same room";
    EXPECT_TRUE(sender.commit(8));
  }
  EXPECT_EQ(code_of(sender.send(kMessage, kLong)), ErrorCode::no_reader);
  come_and_die([&] { return QueueReceiver::open(copy_of(ring)); });
  EXPECT_EQ(code_of(sender.send(kMessage, kLong)), ErrorCode::no_reader);
  sender.require_reader(false);
  EXPECT_EQ(sender.send(kMessage, kLong), true);
}

// A sender that waits for room when the last receiver goes need not wait until its time is up.
TEST(RequireReaderTest, QueueSenderThatWaitsForRoomLearnsThatTheReceiverIsGone) {
  const Region ring = Region::create(QueueOptions{.messages = 2}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring), {.longest_sleep = 5ms}).value();
  sender.require_reader();
  ChildProcess child = ChildProcess::fork([&] {
    const auto receiver = QueueReceiver::open(copy_of(ring));
    while (receiver && !test::is_parked(ring.bells().space_bell.word)) {
      std::this_thread::sleep_for(1ms);
    }
    return receiver ? 0 : 1;
  });
  while (!sender.claim()) {
  }
  sender.abort();
  while (sender.send(kMessage, 0ns) == true) {
  }
  EXPECT_EQ(code_of(sender.send(kMessage, 24h)), ErrorCode::no_reader);
  EXPECT_EQ(child.wait(), 0);
}

TEST(RequireReaderTest, QueueSenderThatSleptForRoomUsesIt) {
  const Region ring = Region::create(QueueOptions{.messages = 2}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring), {.spin_budget = 0ns}).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  sender.require_reader();
  while (sender.send(kMessage, 0ns).value()) {
  }
  std::thread reads([&] {
    EXPECT_TRUE(test::wait_until_parked(ring.bells().space_bell.word));
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(receiver.peek());
      EXPECT_TRUE(receiver.release());
    }
  });
  EXPECT_EQ(sender.send(kMessage, kLong), true);
  reads.join();
  EXPECT_EQ(sender.send(kMessage, 0ns), true);
}

TEST(RequireReaderTest, PublisherPublishesNothingWithoutASubscriber) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy, .message_bytes = 64}).value();
    const Topic copy = Topic::attach(topic.fds()).value();
    const auto subscribe = [&] { return Subscriber::open(Topic::attach(copy.fds()).value()); };
    Publisher publisher = Publisher::open(std::move(topic)).value();
    EXPECT_TRUE(publisher.publish(kMessage).value());
    publisher.require_reader();
    EXPECT_EQ(code_of(publisher.publish(kMessage, kLong)), ErrorCode::no_reader);
    EXPECT_EQ(code_of(publisher.publish({}, kLong)), ErrorCode::no_reader);
    EXPECT_EQ(code_of(publisher.publish(std::array<std::byte, 65>{})), ErrorCode::too_large);
    EXPECT_EQ(publisher.position(), 1U);
    {
      const Subscriber subscriber = subscribe().value();
      EXPECT_TRUE(publisher.publish(kMessage, kLong).value());
      EXPECT_EQ(code_of(publisher.publish(std::array<std::byte, 65>{})), ErrorCode::too_large);
    }
    EXPECT_EQ(code_of(publisher.publish(kMessage, kLong)), ErrorCode::no_reader);
    come_and_die(subscribe);
    EXPECT_EQ(code_of(publisher.publish(kMessage, kLong)), ErrorCode::no_reader);
    publisher.require_reader(false);
    EXPECT_TRUE(publisher.publish(kMessage).value());
  }
}

}  // namespace
}  // namespace ringbell
