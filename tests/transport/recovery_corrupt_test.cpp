// The rows of docs/recovery.md for corrupt and evicted: an end that says so goes on saying it, and
// what the table names instead (a new ring, another lane, opening anew) works.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 40> kMessage{};
constexpr std::uint64_t kNoHead = ~std::uint64_t{7};  // where no reader can be

// What the call says, which it says again.
template <class Call>
std::optional<ErrorCode> lasting_error(Call&& call) {
  const auto first = call();
  const auto second = call();
  EXPECT_EQ(code_of(first), code_of(second));
  return code_of(first);
}

// What no ringbell writes, in place of all messages.
void spoil_messages(const Region& region) {
  const core::Geometry& geometry = region.geometry();
  std::memset(region.data(), 0xff, geometry.region_bytes - geometry.data_offset);
}

class CorruptRecoveryTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
  std::array<std::byte, 256> into_{};
};

TEST_F(CorruptRecoveryTest, SenderGivesTheRingUpAndTheNextMakesANewOne) {
  {
    Sender sender = Sender::create("orders", {.capacity_bytes = 4096}).value();
    const Receiver receiver = Receiver::open("orders", kLong).value();
    while (sender.try_send(kMessage)) {
    }
    receiver.channel().region().spsc_control().head = kNoHead;
    EXPECT_EQ(lasting_error([&] { return sender.send(kMessage, kLong); }), ErrorCode::corrupt);
  }
  Sender next = Sender::create("orders", {.capacity_bytes = 4096}).value();
  Receiver reads = Receiver::open("orders", kLong).value();
  EXPECT_EQ(next.send(kMessage, kLong), true);
  EXPECT_TRUE(reads.peek_for(kLong).value());
}

TEST_F(CorruptRecoveryTest, ReceiverGivesTheRingUp) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const core::SpscPlaces places(channel.region().spsc_memory());
  places.header_at(0) = core::SpscPlaces::header_of(0, UINT32_MAX);
  EXPECT_EQ(lasting_error([&] { return receiver.peek_for(kLong); }), ErrorCode::corrupt);
}

TEST_F(CorruptRecoveryTest, EndsOfAQueueGiveTheRingUp) {
  const Region ring = Region::create(QueueOptions{.messages = 8}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  spoil_messages(ring);
  EXPECT_EQ(lasting_error([&] { return sender.send(kMessage, kLong); }), ErrorCode::corrupt);
  EXPECT_EQ(lasting_error([&] { return receiver.receive(into_, kLong); }), ErrorCode::corrupt);
}

TEST_F(CorruptRecoveryTest, EndsOfALosslessTopicGiveTheRingUp) {
  for (const bool publishes : {true, false}) {
    Topic topic = Topic::create({.policy = Policy::lossless, .messages = 8}).value();
    const Region ring = copy_of(topic.region());
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    Publisher publisher = Publisher::open(std::move(topic)).value();
    if (publishes) {  // a reader that says that it has read what is not yet written
      ring.lossless_memory().control->readers[1].state = core::BroadcastCellState(2, 5).word();
      EXPECT_EQ(lasting_error([&] { return publisher.publish(kMessage, kLong); }),
                ErrorCode::corrupt);
    } else {
      spoil_messages(ring);
      EXPECT_EQ(lasting_error([&] { return subscriber.receive(into_, kLong); }),
                ErrorCode::corrupt);
    }
  }
}

TEST_F(CorruptRecoveryTest, SubscriberOfALossyTopicIsOpenedAnew) {
  Topic topic = Topic::create({.messages = 8}).value();
  const TopicFds fds = topic.fds();
  const Topic keeps = Topic::attach(fds).value();
  Subscriber subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  ASSERT_TRUE(publisher.publish(kMessage).value());
  std::byte* const size = publisher.region().data() + sizeof(core::BroadcastSequence);
  std::byte honest[8];
  std::memcpy(honest, size, sizeof honest);
  std::memset(size, 0xff, sizeof honest);
  EXPECT_EQ(lasting_error([&] { return subscriber.receive(into_, kLong); }), ErrorCode::corrupt);
  std::memcpy(size, honest, sizeof honest);  // a publisher that comes to its senses
  Subscriber anew =
      Subscriber::open(Topic::attach(keeps.fds()).value(), Subscriber::Start::oldest).value();
  EXPECT_EQ(anew.receive(into_, kLong).value(), kMessage.size());
}

TEST_F(CorruptRecoveryTest, ContributorGivesItsLaneUpAndTheCollectorGoesOn) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Collector collector = Collector::open(copy_of(ring)).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  while (contributor.try_send(kMessage)) {
  }
  const std::uint32_t lane = contributor.lane();
  const core::FanInMemory memory = ring.fan_in_memory();
  memory.lanes[lane].ring.head = kNoHead;
  EXPECT_EQ(lasting_error([&] { return contributor.send(kMessage, kLong); }), ErrorCode::corrupt);
  const std::uint64_t nonsense = core::SpscPlaces::header_of(0, UINT32_MAX);
  std::memcpy(memory.ring(lane).data, &nonsense, sizeof nonsense);
  EXPECT_FALSE(collector.peek_for(1ms).value());
  EXPECT_NE(collector.finding(lane).field, nullptr);

  Contributor anew = Contributor::open(copy_of(ring)).value();
  EXPECT_NE(anew.lane(), lane);
  EXPECT_EQ(anew.send(kMessage, kLong), true);
  EXPECT_TRUE(collector.peek_for(kLong).value());
}

TEST_F(CorruptRecoveryTest, ClientGivesItsLineUpAndTheServerGoesOn) {
  using State = core::CallState;
  const Region ring = Region::create(ServiceOptions{.clients = 2}.region()).value();
  Server server = Server::open(copy_of(ring)).value();
  std::optional<Client> client = Client::open(copy_of(ring)).value();
  ASSERT_TRUE(client->claim_for(8, kLong).value());
  client->call();
  const core::CallGroupMemory memory = ring.call_group_memory();
  std::size_t line = 0;
  while (memory.lines[line].cell.state == 0) ++line;
  memory.lines[line].cell.state = State(State::kResponse, 77, State::kMaxSizeBytes).word();
  EXPECT_EQ(code_of(client->answer_for(kLong)), ErrorCode::corrupt);
  EXPECT_EQ(lasting_error([&] { return client->call(kMessage, into_, kLong); }),
            ErrorCode::corrupt);
  memory.lines[line].cell.state = State(State::kRequest, 1, State::kMaxSizeBytes).word();
  EXPECT_FALSE(server.request_for(1ms).value());
  EXPECT_NE(server.finding(static_cast<std::uint32_t>(line)).field, nullptr);

  Client anew = Client::open(copy_of(ring)).value();
  ASSERT_TRUE(anew.claim_for(8, kLong).value());
  anew.call();
  EXPECT_EQ(server.serve([](auto, auto claim) { claim(4); }, 1, kLong), 1U);
  EXPECT_EQ(anew.answer_for(kLong).value().value().size(), 4U);
}

// --- evicted -------------------------------------------------------------------------------------

TEST_F(CorruptRecoveryTest, SubscriberThatWasTakenForDeadIsOpenedAnew) {
  Topic topic = Topic::create({.policy = Policy::lossless, .subscribers = 1}).value();
  const TopicFds fds = topic.fds();
  const Topic keeps = Topic::attach(fds).value();
  std::optional<Subscriber> subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  core::BroadcastLossless<>::evict(keeps.region().lossless_memory(), [](auto) { return true; });
  EXPECT_EQ(lasting_error([&] { return subscriber->receive(into_, kLong); }), ErrorCode::evicted);
  subscriber.reset();
  Subscriber anew = Subscriber::open(Topic::attach(keeps.fds()).value()).value();
  ASSERT_TRUE(publisher.publish(kMessage, kLong).value());
  EXPECT_EQ(anew.receive(into_, kLong).value(), kMessage.size());
}

TEST_F(CorruptRecoveryTest, QueueSenderThatWasTakenForDeadIsOpenedAnew) {
  const Region ring = Region::create(QueueOptions{.messages = 8}.region()).value();
  std::optional<QueueSender> sender = QueueSender::open(copy_of(ring)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  ASSERT_TRUE(sender->claim());
  core::MpmcRing<>::Writer other(ring.mpmc_memory(), 60);
  EXPECT_EQ(other.recover([](auto) { return true; }).skipped, 1U);
  const Result<bool> sent = sender->send(kMessage, kLong);
  ASSERT_FALSE(sent);
  EXPECT_EQ(code_of(sent), ErrorCode::evicted);
  sender.reset();
  QueueSender anew = QueueSender::open(copy_of(ring)).value();
  EXPECT_EQ(anew.send(kMessage, kLong), true);
  EXPECT_EQ(receiver.receive(into_, kLong).value(), kMessage.size());
}

}  // namespace
}  // namespace ringbell
