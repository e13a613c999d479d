// The rows of docs/recovery.md for peer_dead and closed: which end is kept, and goes on with the
// next peer, and which must be opened anew.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;
constexpr WaitOptions kWait{.longest_sleep = 5ms};
constexpr std::array<std::byte, 40> kMessage{};

// How the peer goes: it is killed, or it closes in order.
enum class Ends { by_death, in_order };

// A peer in a process of its own, which `open()`s it, does what `act(end)` says, and ends.
template <class Open, class Act>
void come_and_go(Ends how, Open&& open, Act&& act) {
  ChildProcess child = ChildProcess::fork([&] {
    auto end = std::optional(open().value());
    act(*end);
    if (how == Ends::by_death) ::_exit(0);
    end.reset();
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
}
constexpr auto kNothing = [](auto&) {};

class RecoveryTest : public ::testing::TestWithParam<Ends> {
 protected:
  [[nodiscard]] static ErrorCode expected() {
    return GetParam() == Ends::by_death ? ErrorCode::peer_dead : ErrorCode::closed;
  }
  test::TemporaryNameFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Of, RecoveryTest, ::testing::Values(Ends::by_death, Ends::in_order),
                         [](const auto& how) {
                           return how.param == Ends::by_death ? "Death" : "Closing";
                         });

TEST_P(RecoveryTest, SenderIsKeptAndGoesOnWithTheNextReader) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds(), kWait).value();
  come_and_go(
      GetParam(), [&] { return Receiver::attach(channel.fds()); }, kNothing);
  Result<bool> sent = true;
  while (sent && *sent) sent = sender.send(kMessage, kLong);
  EXPECT_EQ(code_of(sent), expected());
  Receiver next = Receiver::attach(channel.fds()).value();
  EXPECT_GT(next.drain([](auto) {}), 0U);
  EXPECT_EQ(sender.send(kMessage, kLong), true);
}

TEST_P(RecoveryTest, ReceiverIsKeptAndGoesOnWithTheNextWriter) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds(), kWait).value();
  come_and_go(
      GetParam(), [&] { return Sender::attach(channel.fds()); },
      [](Sender& sender) { (void)sender.try_send(kMessage); });
  EXPECT_TRUE(receiver.peek_for(kLong).value());
  receiver.release();
  EXPECT_EQ(code_of(receiver.peek_for(kLong)), expected());
  Sender next = Sender::attach(channel.fds()).value();
  EXPECT_TRUE(next.try_send(kMessage));
  EXPECT_TRUE(receiver.peek_for(kLong).value());
}

TEST_P(RecoveryTest, SubscriberOfALosslessTopicIsKept) {
  const TopicOptions options{.policy = Policy::lossless};
  std::optional<Subscriber> subscriber;
  std::array<std::byte, 256> into{};
  {
    test::Signal joined;
    ChildProcess child = ChildProcess::fork([&] {
      std::optional publisher = Publisher::create("prices", options).value();
      (void)publisher->publish(kMessage);
      (void)joined.wait();
      if (GetParam() == Ends::by_death) ::_exit(0);
      publisher.reset();
      return 0;
    });
    subscriber.emplace(Subscriber::open("prices", Subscriber::Start::usual, kLong, kWait).value());
    joined.tell();
    ASSERT_EQ(child.wait(), 0);
  }
  EXPECT_TRUE(subscriber->receive(into, kLong).value());
  EXPECT_EQ(code_of(subscriber->receive(into, kLong)), expected());
  Publisher next = Publisher::create("prices", options).value();
  EXPECT_TRUE(next.publish(kMessage).value());
  EXPECT_TRUE(subscriber->receive(into, kLong).value());
}

TEST_P(RecoveryTest, SubscriberOfALossyTopicIsKeptAfterADeathOnly) {
  std::optional<Subscriber> subscriber;
  std::array<std::byte, 256> into{};
  {
    test::Signal joined;
    ChildProcess child = ChildProcess::fork([&] {
      std::optional publisher = Publisher::create("prices").value();
      (void)joined.wait();
      (void)publisher->publish(kMessage);
      if (GetParam() == Ends::by_death) ::_exit(0);
      publisher.reset();
      return 0;
    });
    subscriber.emplace(Subscriber::open("prices", Subscriber::Start::usual, kLong, kWait).value());
    joined.tell();
    ASSERT_EQ(child.wait(), 0);
  }
  EXPECT_TRUE(subscriber->receive(into, kLong).value());
  EXPECT_EQ(code_of(subscriber->receive(into, kLong)), expected());
  Publisher next = Publisher::create("prices").value();
  EXPECT_TRUE(next.publish(kMessage).value());
  if (GetParam() == Ends::by_death) {
    EXPECT_TRUE(subscriber->receive(into, kLong).value());
  } else {
    EXPECT_EQ(code_of(subscriber->receive(into, kLong)), ErrorCode::closed);
    Subscriber anew = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
    EXPECT_TRUE(anew.receive(into, kLong).value());
  }
}

TEST_P(RecoveryTest, ContributorIsKeptAndGoesOnWithTheNextCollector) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor contributor = Contributor::open(copy_of(ring), kWait).value();
  come_and_go(
      GetParam(), [&] { return Collector::open(copy_of(ring)); }, kNothing);
  Result<bool> sent = true;
  while (sent && *sent) sent = contributor.send(kMessage, kLong);
  EXPECT_EQ(code_of(sent), expected());
  Collector next = Collector::open(copy_of(ring)).value();
  while (next.peek()) next.release();
  EXPECT_EQ(contributor.send(kMessage, kLong), true);
}

TEST_P(RecoveryTest, ClientIsKeptAndIsServedByTheNextServer) {
  const Region ring = Region::create(ServiceOptions{.clients = 2}.region()).value();
  Client client = Client::open(copy_of(ring), kWait).value();
  come_and_go(
      GetParam(), [&] { return Server::open(copy_of(ring)); }, kNothing);
  std::array<std::byte, 48> response{};
  EXPECT_EQ(code_of(client.call(kMessage, response, kLong)), expected());
  Server next = Server::open(copy_of(ring)).value();
  std::jthread serving([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      (void)next.serve([](auto, auto claim) { claim(1)->front() = std::byte{1}; }, 1, 10ms);
    }
  });
  // The call that the server before had not answered comes first.
  Result<std::optional<std::size_t>> answered = client.call(kMessage, response, kLong);
  for (int tries = 0; !answered && tries < 100; ++tries) {
    std::this_thread::sleep_for(10ms);
    answered = client.call(kMessage, response, kLong);
  }
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_TRUE(*answered);
}

TEST_P(RecoveryTest, ReaderOfAStateIsKeptAfterADeathOnly) {
  std::optional<StateReader> reader;
  std::array<std::byte, 256> into{};
  {
    test::Signal joined;
    ChildProcess child = ChildProcess::fork([&] {
      std::optional writer = StateWriter::create("config").value();
      (void)writer->set(kMessage);
      (void)joined.wait();
      if (GetParam() == Ends::by_death) ::_exit(0);
      writer.reset();
      return 0;
    });
    reader.emplace(StateReader::open("config", kLong, kWait).value());
    joined.tell();
    ASSERT_EQ(child.wait(), 0);
  }
  EXPECT_EQ(reader->get(into).value(), kMessage.size());
  EXPECT_EQ(code_of(reader->wait_changed(kLong)), expected());
  EXPECT_EQ(reader->get(into).value(), kMessage.size()) << "what there is can be read";
  StateWriter next = StateWriter::create("config").value();
  EXPECT_TRUE(next.set(kMessage));
  if (GetParam() == Ends::by_death) {
    EXPECT_EQ(reader->wait_changed(kLong), true);
  } else {
    EXPECT_EQ(code_of(reader->wait_changed(kLong)), ErrorCode::closed);
    StateReader anew = StateReader::open("config", kLong).value();
    EXPECT_EQ(anew.get(into).value(), kMessage.size());
  }
}

// Those for which the table says "never": the others' end is nothing to them.
TEST_P(RecoveryTest, EndsOfAQueueGoOnWhateverBecomesOfTheOthers) {
  const Region ring = Region::create(QueueOptions{.messages = 4}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring), kWait).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring), kWait).value();
  come_and_go(
      GetParam(), [&] { return QueueSender::open(copy_of(ring)); },
      [](QueueSender& other) { (void)other.send(kMessage, 0ns); });
  come_and_go(
      GetParam(), [&] { return QueueReceiver::open(copy_of(ring)); }, kNothing);
  std::array<std::byte, 256> into{};
  EXPECT_TRUE(receiver.receive(into, kLong).value());
  EXPECT_EQ(receiver.receive(into, 20ms).value(), std::nullopt);
  Result<bool> sent = true;
  while (sent && *sent) sent = sender.send(kMessage, 20ms);
  EXPECT_EQ(sent, false);
  EXPECT_TRUE(receiver.receive(into, kLong).value());
  EXPECT_EQ(sender.send(kMessage, kLong), true);
}

TEST_P(RecoveryTest, PublisherGoesOnWhateverBecomesOfItsSubscribers) {
  Topic topic = Topic::create({.policy = Policy::lossless, .messages = 4}).value();
  const TopicFds fds = topic.fds();
  const Topic keeps = Topic::attach(fds).value();
  Publisher publisher = Publisher::open(std::move(topic), kWait).value();
  come_and_go(
      GetParam(), [&] { return Subscriber::open(Topic::attach(keeps.fds()).value()); }, kNothing);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(publisher.publish(kMessage, kLong), true);
}

TEST_P(RecoveryTest, CollectorGoesOnWhateverBecomesOfItsContributors) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Collector collector = Collector::open(copy_of(ring), kWait).value();
  come_and_go(
      GetParam(), [&] { return Contributor::open(copy_of(ring)); },
      [](Contributor& contributor) { (void)contributor.try_send(kMessage); });
  EXPECT_TRUE(collector.peek_for(kLong).value());
  collector.release();
  EXPECT_EQ(collector.peek_for(20ms).value(), std::nullopt);
  Contributor next = Contributor::open(copy_of(ring)).value();
  EXPECT_TRUE(next.try_send(kMessage));
  EXPECT_TRUE(collector.peek_for(kLong).value());
}

TEST_P(RecoveryTest, ServerGoesOnWhateverBecomesOfItsClients) {
  const Region ring = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(ring), kWait).value();
  come_and_go(
      GetParam(), [&] { return Client::open(copy_of(ring)); }, kNothing);
  EXPECT_EQ(server.request_for(20ms).value(), std::nullopt);
  Client next = Client::open(copy_of(ring)).value();
  ASSERT_TRUE(next.claim_for(8, kLong).value());
  next.call();
  EXPECT_TRUE(server.request_for(kLong).value());
}

// --- What a topic whose publisher is dead says ---------------------------------------------------

TEST(DeadPublisherTest, IsSaidBeforeWhatItLeftIsHandedOut) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    const Topic topic = Topic::create({.policy = policy}).value();
    const Region keeps = copy_of(topic.region(), Access::read_only);
    ChildProcess child = ChildProcess::fork([&]() -> int {
      Publisher publisher =
          Publisher::open(policy == Policy::lossless ? Topic::attach(topic.fds()).value()
                                                     : std::move(const_cast<Topic&>(topic)))
              .value();
      (void)publisher.publish(kMessage);
      ::_exit(0);
    });
    ASSERT_EQ(child.wait(), 0);
    std::array<std::byte, 256> into{};
    Subscriber subscriber =
        Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kWait)
            .value();
    EXPECT_EQ(code_of(subscriber.receive(into, 0ns)), ErrorCode::peer_dead);
    EXPECT_EQ(subscriber.receive(into, 0ns).value(), kMessage.size());
    EXPECT_EQ(code_of(subscriber.receive(into, kLong)), ErrorCode::peer_dead);
  }
}

// --- Where a subscriber begins -------------------------------------------------------------------

class TopicStartTest : public ::testing::TestWithParam<Policy> {
 protected:
  [[nodiscard]] Subscriber open(Subscriber::Start start) const {
    return Subscriber::open(Topic::attach(fds_).value(), start).value();
  }
  void publish(int count) {
    for (int i = 0; i < count; ++i) {
      const std::array<std::byte, 1> message{std::byte(next_++)};
      ASSERT_TRUE(publisher_.publish(message, 0ns).value());
    }
  }
  // The numbers of all messages that are there.
  [[nodiscard]] std::string rest(Subscriber& subscriber) {
    std::string all;
    std::array<std::byte, 256> into{};
    while (subscriber.receive(into, 0ns).value()) {
      all += std::to_string(std::to_integer<int>(into[0])) + " ";
    }
    return all;
  }

  Topic topic_ = Topic::create({.policy = GetParam(), .messages = 8}).value();
  Topic copy_ = Topic::attach(topic_.fds()).value();
  TopicFds fds_ = copy_.fds();
  Publisher publisher_ = Publisher::open(std::move(topic_)).value();
  int next_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Of, TopicStartTest, ::testing::Values(Policy::lossless, Policy::lossy),
                         [](const auto& policy) {
                           return policy.param == Policy::lossless ? "Lossless" : "Lossy";
                         });

TEST_P(TopicStartTest, UsualIsTheNewestInALossyTopicAndTheOldestInALosslessOne) {
  publish(3);
  Subscriber usual = open(Subscriber::Start::usual);
  Subscriber oldest = open(Subscriber::Start::oldest);
  Subscriber newest = open(Subscriber::Start::newest);
  publish(1);
  EXPECT_EQ(rest(usual), GetParam() == Policy::lossy ? "3 " : "0 1 2 3 ");
  EXPECT_EQ(rest(oldest), "0 1 2 3 ");
  EXPECT_EQ(rest(newest), "3 ");
}

TEST_P(TopicStartTest, PositionGoesOnWithoutADuplicate) {
  publish(5);
  Subscriber subscriber = open(Subscriber::Start::at(3));
  EXPECT_EQ(subscriber.position(), 3U);
  EXPECT_EQ(rest(subscriber), "3 4 ");
  EXPECT_EQ(subscriber.missed(), 0U);
  Subscriber at_end = open(Subscriber::Start::at(5));
  EXPECT_EQ(rest(at_end), "");
  publish(1);
  EXPECT_EQ(rest(at_end), "5 ");
}

TEST_P(TopicStartTest, WhatIsGoneSinceThatPositionWasMissed) {
  publish(30);
  Subscriber subscriber = open(Subscriber::Start::at(3));
  const std::string got = rest(subscriber);
  EXPECT_EQ(got.substr(got.size() - 3), "29 ");
  EXPECT_EQ(
      subscriber.missed() + static_cast<std::uint64_t>(std::count(got.begin(), got.end(), ' ')),
      27U);
}

TEST_P(TopicStartTest, PositionOfAnotherRingIsTheOldest) {
  publish(2);
  Subscriber subscriber = open(Subscriber::Start::at(1000));
  EXPECT_EQ(rest(subscriber), "0 1 ");
}

}  // namespace
}  // namespace ringbell
