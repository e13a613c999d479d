// Calls that only tell something, and options that only matter to one side.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;

TEST(SmallCallsTest, ATopicTellsWhatItTakes) {
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    const Topic topic =
        Topic::create({.policy = policy, .messages = 8, .message_bytes = 100}).value();
    EXPECT_GE(topic.max_message_bytes(), 100U);
    Publisher publisher =
        Publisher::open(
            Topic::create({.policy = policy, .messages = 8, .message_bytes = 100}).value())
            .value();
    EXPECT_EQ(publisher.max_message_bytes(), topic.max_message_bytes());
  }
}

TEST(SmallCallsTest, BothSidesOfAChannelTellWhatItTakes) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const std::vector<std::byte> largest(receiver.max_record_bytes());
  EXPECT_EQ(sender.max_record_bytes(), largest.size());
  ASSERT_EQ(sender.send(largest, 0ns), true);
  EXPECT_EQ(receiver.peek()->size(), largest.size());
}

TEST(SmallCallsTest, ASubscriberWaitsForAMessageThatItThenReceives) {
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy, .messages = 8, .message_bytes = 100}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    std::optional<Publisher> publisher(Publisher::open(std::move(topic)).value());
    std::array<std::byte, 100> message{};
    EXPECT_EQ(subscriber.has_message_for(0ns), false);
    EXPECT_EQ(subscriber.has_message_for(1ms), false);
    ASSERT_TRUE(publisher->publish(message).value());
    EXPECT_EQ(subscriber.has_message_for(), true);
    publisher.reset();
    EXPECT_EQ(subscriber.has_message_for(0ns), true) << "it was not taken";
    EXPECT_TRUE(subscriber.receive(message, 0ns).value());
    EXPECT_EQ(code_of(subscriber.has_message_for()), ErrorCode::closed);
    subscriber.interrupt();
    EXPECT_EQ(code_of(subscriber.has_message_for(20s)), ErrorCode::cancelled);
  }
}

TEST(SmallCallsTest, AServerTellsWhoseCallItServes) {
  const Region region =
      Region::create(ServiceOptions{.clients = 2, .message_bytes = 64}.region()).value();
  Server server = Server::open(copy_of(region)).value();
  std::array<Client, 2> clients{Client::open(copy_of(region)).value(),
                                Client::open(copy_of(region)).value()};
  std::array<std::uint32_t, 2> lines{};
  for (std::size_t i = 0; i < clients.size(); ++i) {
    ASSERT_TRUE(clients[i].claim_for(0, 0ns).value());
    clients[i].call();
    ASSERT_TRUE(server.request_for(20s).value());
    lines[i] = server.client();
    ASSERT_TRUE(server.claim(0));
    server.respond();
  }
  EXPECT_NE(lines[0], lines[1]);
}

TEST(SmallCallsTest, AClientNumbersItsCalls) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Client client = Client::open(copy_of(region)).value();
  const std::uint32_t before = client.call_number();
  ASSERT_TRUE(client.begin({}, 0ns).value());
  const std::uint32_t first = client.call_number();
  EXPECT_NE(first, before);
  EXPECT_FALSE(client.answered());
  EXPECT_EQ(client.call_number(), first);
  client.abandon();
  ASSERT_TRUE(client.begin({}, 0ns).value());
  EXPECT_NE(client.call_number(), first);
}

// A server that waits for a call when it is interrupted.
TEST(SmallCallsTest, AServerThatIsInterruptedSaysSo) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(region)).value();
  server.interrupt();
  EXPECT_EQ(code_of(server.take_for(20s)), ErrorCode::cancelled);
  server.interrupt();
  EXPECT_EQ(code_of(server.serve([](auto, auto) {}, 1, 20s)), ErrorCode::cancelled);
}

// What was given back is also a successor's, if this one dies.
TEST(SmallCallsTest, AReceiverSaysAtOnceWhatItHasGivenBack) {
  const Channel channel = Channel::create({.capacity_bytes = 65536}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  for (const bool says : {false, true}) {
    ASSERT_EQ(sender.send(std::array<std::byte, 8>{}, 0ns), true);
    test::ChildProcess dies = test::ChildProcess::fork([&] {
      Receiver receiver = Receiver::attach(channel.fds()).value();
      if (!receiver.peek()) return 1;
      receiver.release();
      if (says) receiver.publish_released();
      ::kill(::getpid(), SIGKILL);
      return 2;
    });
    ASSERT_EQ(dies.wait(), -SIGKILL);
    Receiver next = Receiver::attach(channel.fds()).value();
    EXPECT_EQ(next.peek().has_value(), !says);
    next.drain([](auto) {});
  }
}

TEST(SmallCallsTest, ASubscriberBeginsWithTheOldestWhereItsPositionIsOfAnotherRing) {
  for (const std::uint32_t publishers : {1U, 2U}) {
    Topic topic =
        Topic::create({.policy = TopicOptions::Policy::lossless, .publishers = publishers}).value();
    const Topic copy = Topic::attach(topic.fds()).value();
    Publisher publisher = Publisher::open(std::move(topic)).value();
    Subscriber first = Subscriber::open(Topic::attach(copy.fds()).value()).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(publisher.publish({}, 0ns).value());
    Subscriber later =
        Subscriber::open(Topic::attach(copy.fds()).value(), TopicStart::at(1000)).value();
    EXPECT_EQ(later.position(), 0U) << publishers;
    EXPECT_TRUE(later.peek());
  }
}

// It goes on where it was, over a place that was given up, and not over one that is claimed.
TEST(SmallCallsTest, ASubscriberGoesOnAtAPositionBesideClaims) {
  for (const bool gives_up : {true, false}) {
    Topic topic =
        Topic::create({.policy = TopicOptions::Policy::lossless, .publishers = 2}).value();
    const Topic copy = Topic::attach(topic.fds()).value();
    Publisher first = Publisher::open(std::move(topic)).value();
    Publisher second = Publisher::open(Topic::attach(copy.fds()).value()).value();
    ASSERT_TRUE(first.claim_for(0ns).value());
    ASSERT_TRUE(second.publish(std::array<std::byte, 8>{}, 0ns).value());
    if (gives_up) first.abort();
    Subscriber subscriber =
        Subscriber::open(Topic::attach(copy.fds()).value(), TopicStart::at(1)).value();
    EXPECT_EQ(subscriber.position(), gives_up ? 1U : 0U);
    EXPECT_EQ(subscriber.peek().has_value(), gives_up);
    EXPECT_EQ(first.commit(3), !gives_up);
    EXPECT_EQ(subscriber.peek()->size(), gives_up ? 8U : 3U);
  }
}

TEST(SmallCallsTest, EndsOfManyTellWhetherTheirWakeUpsAreQuick) {
  const Region region =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 64}.region()).value();
  const QueueReceiver quick = QueueReceiver::open(copy_of(region), {.quick_wake = true}).value();
  EXPECT_EQ(quick.quick_wake_refusal().has_value(), ::access("/dev/cpu_dma_latency", W_OK) != 0);
  EXPECT_FALSE(QueueReceiver::open(copy_of(region)).value().quick_wake_refusal());
}

TEST(SmallCallsTest, AProcessThatOnlyReadsMayHaveItsPagesAtOnce) {
  const Channel channel = Channel::create({.capacity_bytes = 65536}).value();
  FileDescriptor copy(::fcntl(channel.region().fd(), F_DUPFD_CLOEXEC, 0));
  const Region region =
      Region::attach(std::move(copy), AttachOptions{.access = Access::read_only, .prefault = true})
          .value();
  EXPECT_EQ(region.data()[0], std::byte{0});
}

TEST(SmallCallsTest, WithoutADoorbellEndsSpinAndAreInterrupted) {
  RegionOptions options = QueueOptions{.messages = 8, .message_bytes = 64}.region();
  options.doorbell = core::DoorbellKind::none;
  const Region region = Region::create(options).value();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  std::array<std::byte, 64> message{};
  EXPECT_FALSE(receiver.receive(message, 1ms).value());
  ASSERT_TRUE(sender.send(message, 0ns).value());
  EXPECT_TRUE(receiver.receive(message, 0ns).value());
  receiver.interrupt();
  EXPECT_EQ(code_of(receiver.receive(message, 20s)), ErrorCode::cancelled);
  options = CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region();
  options.doorbell = core::DoorbellKind::none;
  const Region lanes = Region::create(options).value();
  Contributor contributor = Contributor::open(copy_of(lanes)).value();
  Collector collector = Collector::open(copy_of(lanes)).value();
  ASSERT_TRUE(contributor.send(message, 0ns).value());
  EXPECT_TRUE(collector.receive(message, 0ns).value());
}

}  // namespace
}  // namespace ringbell
