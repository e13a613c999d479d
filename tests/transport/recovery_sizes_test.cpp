// The rows of docs/recovery.md for too_large and invalid_argument: each end is kept.
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 40> kMessage{};

// What fits goes through after what did not.
class KeptAfterTooLargeTest : public ::testing::Test {
 protected:
  std::vector<std::byte> larger_ = std::vector<std::byte>(1 << 20);
  std::array<std::byte, 1> small_{};
  std::array<std::byte, 256> into_{};
};

TEST_F(KeptAfterTooLargeTest, EndsOfAChannel) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  EXPECT_EQ(code_of(sender.send(larger_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(sender.send(kMessage, kLong), true);
  EXPECT_EQ(code_of(receiver.receive(small_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(receiver.receive(into_, kLong).value(), kMessage.size());
}

TEST_F(KeptAfterTooLargeTest, EndsOfAQueue) {
  const Region ring = Region::create(QueueOptions{.messages = 4}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  EXPECT_EQ(code_of(sender.send(larger_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(sender.send(kMessage, kLong), true);
  EXPECT_EQ(code_of(receiver.receive(small_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(receiver.receive(into_, kLong).value(), kMessage.size());
}

TEST_F(KeptAfterTooLargeTest, EndsOfATopic) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    Publisher publisher = Publisher::open(std::move(topic)).value();
    EXPECT_EQ(code_of(publisher.publish(larger_, kLong)), ErrorCode::too_large);
    EXPECT_EQ(publisher.publish(kMessage, kLong), true);
    EXPECT_EQ(code_of(subscriber.receive(small_, kLong)), ErrorCode::invalid_argument);
    EXPECT_EQ(subscriber.receive(into_, kLong).value(), kMessage.size());
  }
}

TEST_F(KeptAfterTooLargeTest, EndsOfACollector) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region()).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  Collector collector = Collector::open(copy_of(ring)).value();
  EXPECT_EQ(code_of(contributor.send(larger_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(contributor.send(kMessage, kLong), true);
  EXPECT_EQ(code_of(collector.receive(small_, kLong)), ErrorCode::too_large);
  EXPECT_EQ(collector.receive(into_, kLong).value(), kMessage.size());
}

TEST_F(KeptAfterTooLargeTest, EndsOfAService) {
  const Region ring = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Client client = Client::open(copy_of(ring)).value();
  Server server = Server::open(copy_of(ring)).value();
  EXPECT_EQ(code_of(client.call(larger_, into_, kLong)), ErrorCode::too_large);
  ASSERT_TRUE(client.claim_for(8, kLong).value());
  client.call();
  ASSERT_TRUE(server.request_for(kLong).value());
  EXPECT_FALSE(server.claim(larger_.size()));
  ASSERT_TRUE(server.claim(4));
  server.respond();
  EXPECT_EQ(client.answer_for(kLong).value().value().size(), 4U);
}

TEST_F(KeptAfterTooLargeTest, EndsOfAState) {
  State state = State::create().value();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  EXPECT_EQ(code_of(writer.set(larger_)), ErrorCode::too_large);
  EXPECT_EQ(code_of(writer.set(kMessage, 7)), ErrorCode::invalid_argument);
  EXPECT_TRUE(writer.set(kMessage));
  EXPECT_EQ(code_of(reader.get(small_)), ErrorCode::invalid_argument);
  EXPECT_EQ(reader.get(into_).value(), kMessage.size());
}

}  // namespace
}  // namespace ringbell
