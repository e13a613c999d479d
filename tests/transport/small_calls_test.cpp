// Calls that only tell something, and options that only matter to one side.
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

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

}  // namespace
}  // namespace ringbell
