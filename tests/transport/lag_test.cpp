// How far a reader is behind and how full a ring is, of every end; how many subscribers there are;
// the newest record of a channel. None of it stores anything that another process sees.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/parked.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/waiting_ends.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;
using test::Policy;

constexpr std::uint64_t kFootprint = 16;  // of a message of 8 bytes, with its header
constexpr auto kLong = 20s;
using Buffer = std::array<std::byte, 64>;

std::array<std::byte, 8> message(std::uint64_t number) {
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}
std::uint64_t number_in(std::span<const std::byte> bytes) {
  std::uint64_t number = 0;
  EXPECT_EQ(bytes.size(), sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

// --- channels ------------------------------------------------------------------------------------

struct ChannelPair {
  explicit ChannelPair(std::uint64_t capacity_bytes = 4096)
      : channel(Channel::create({.capacity_bytes = capacity_bytes}).value()),
        receiver(Receiver::attach(channel.fds()).value()),
        sender(Sender::open(std::move(channel)).value()) {}
  void send(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = first; i < first + count; ++i) {
      ASSERT_TRUE(sender.try_send(message(i)));
    }
  }

  Channel channel;
  Receiver receiver;
  Sender sender;
};

TEST(Lag, OfAReceiverIsWhatWasCommittedAndNotGivenBack) {
  ChannelPair pair;
  EXPECT_EQ(pair.receiver.lag(), 0U);
  EXPECT_EQ(pair.sender.fill(), 0U);
  pair.send(0, 5);
  EXPECT_EQ(pair.receiver.lag(), 5 * kFootprint);
  EXPECT_EQ(pair.sender.fill(), 5 * kFootprint);
  ASSERT_TRUE(pair.receiver.peek());
  EXPECT_EQ(pair.receiver.lag(), 5 * kFootprint);  // it may still be asked for again
  pair.receiver.release();
  EXPECT_EQ(pair.receiver.lag(), 4 * kFootprint);
  ASSERT_TRUE(pair.receiver.peek());
  pair.receiver.hold();
  EXPECT_EQ(pair.receiver.lag(), 3 * kFootprint);
  EXPECT_EQ(pair.receiver.position() + pair.receiver.lag(), pair.sender.position());
  pair.receiver.unhold();
  EXPECT_EQ(pair.receiver.lag(), 4 * kFootprint);
  EXPECT_EQ(pair.receiver.drain([](auto) {}), 4U);
  EXPECT_FALSE(pair.receiver.peek());
  EXPECT_EQ(pair.receiver.lag(), 0U);
  EXPECT_EQ(pair.sender.fill(), 0U);
}

TEST(Lag, OfAReceiverLeavesOutWhatIsStaged) {
  ChannelPair pair;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pair.sender.claim(8));
    pair.sender.stage();
  }
  EXPECT_EQ(pair.receiver.lag(), 0U);
  EXPECT_EQ(pair.sender.fill(), 0U);
  pair.sender.flush();
  EXPECT_EQ(pair.receiver.lag(), 3 * kFootprint);
}

TEST(Lag, OfAFullRingIsItsCapacityButForTheHeaderThatStaysFree) {
  ChannelPair pair;
  while (pair.sender.try_send(message(1))) {
  }
  EXPECT_EQ(pair.receiver.lag(), 4096U - kFootprint);
  EXPECT_EQ(pair.sender.fill(), 4096U - kFootprint);
}

// Whatever stands in shared memory: the figure stays within the ring, and so does every look.
TEST(Lag, StaysWithinTheRingWhateverThePeerStores) {
  ChannelPair pair;
  pair.send(0, 10);
  const Region ring = copy_of(pair.sender.channel().region());
  for (const std::uint64_t head : {UINT64_MAX, UINT64_MAX - 7, std::uint64_t{1} << 40, 3UL}) {
    ring.spsc_control().head = head;
    EXPECT_LE(pair.sender.fill(), 4096U) << head;
  }
  const core::SpscMemory memory = ring.spsc_memory();
  const core::SpscPlaces at(memory);
  for (std::uint64_t position = 0; position < 4096; position += 8) {  // records of the whole ring
    at.header_at(position) = core::SpscPlaces::header_of(position, at.max_record_bytes());
  }
  EXPECT_LE(pair.receiver.lag(), 4096U);
  for (std::uint64_t position = 0; position < 4096; position += 8) {  // empty ones, without end
    at.header_at(position) = core::SpscPlaces::header_of(position, 0);
  }
  EXPECT_LE(pair.receiver.lag(), 4096U);
}

TEST(Lag, IsNeverMoreThanWasSentWhileTheSenderGoesOn) {
  ChannelPair pair;
  constexpr std::uint64_t kMessages = 20'000;
  std::atomic<std::uint64_t> sent = 0;  // begun
  std::thread sends([&] {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      sent.store(i + 1);
      ASSERT_EQ(pair.sender.send(message(i), kLong), true);
    }
  });
  std::uint64_t received = 0;
  while (received < kMessages) {
    const std::uint64_t lag = pair.receiver.lag();
    ASSERT_LE(received + lag / kFootprint, sent.load());
    for (std::uint64_t i = 0; i < lag / kFootprint; ++i) {  // all of it is there
      const auto next = pair.receiver.peek();
      ASSERT_TRUE(next);
      ASSERT_EQ(number_in(*next), received++);
      pair.receiver.release();
    }
  }
  sends.join();
}

TEST(PeekNewest, SkipsAllOlderRecordsAndGivesThemBack) {
  ChannelPair pair;
  EXPECT_FALSE(pair.receiver.peek_newest());
  pair.send(0, 20);
  ASSERT_TRUE(pair.receiver.peek());
  EXPECT_EQ(number_in(pair.receiver.peek_newest().value()), 19U);
  EXPECT_EQ(pair.receiver.lag(), kFootprint);
  EXPECT_EQ(number_in(pair.receiver.peek_newest().value()), 19U);  // until it is released
  pair.send(20, 1);
  EXPECT_EQ(number_in(pair.receiver.peek_newest().value()), 20U);
  pair.receiver.release();
  EXPECT_FALSE(pair.receiver.peek_newest());
  EXPECT_EQ(pair.sender.fill(), 0U);
}

TEST(PeekNewest, GivesHeldRecordsBackIfThereIsANewerOne) {
  ChannelPair pair;
  pair.send(0, 2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pair.receiver.peek());
    pair.receiver.hold();
  }
  EXPECT_FALSE(pair.receiver.peek_newest());
  pair.receiver.unhold();
  EXPECT_EQ(number_in(pair.receiver.peek().value()), 0U);  // they were still held
  pair.receiver.hold();
  ASSERT_TRUE(pair.receiver.peek());
  pair.receiver.hold();
  pair.send(2, 1);
  EXPECT_EQ(number_in(pair.receiver.peek_newest().value()), 2U);
  pair.receiver.unhold();
  EXPECT_EQ(number_in(pair.receiver.peek().value()), 2U);
}

TEST(PeekNewest, WaitsForARecordAndTellsWhyNoneCame) {
  ChannelPair pair;
  EXPECT_EQ(pair.receiver.peek_newest_for(1ms), std::nullopt);
  std::thread sends([&] {
    std::this_thread::sleep_for(5ms);
    pair.send(7, 1);
  });
  EXPECT_EQ(number_in(pair.receiver.peek_newest_for(kLong).value().value()), 7U);
  sends.join();
  pair.receiver.release();
  { const Sender gone = std::move(pair.sender); }
  EXPECT_EQ(code_of(pair.receiver.peek_newest_for(kLong)), ErrorCode::closed);
}

// A sender that goes on: what comes is never older than what came before, and the last one comes.
TEST(PeekNewest, NeverGoesBackWhileTheSenderGoesOn) {
  ChannelPair pair;
  constexpr std::uint64_t kLast = 50'000;
  std::thread sends([&] {
    for (std::uint64_t i = 1; i <= kLast; ++i) ASSERT_EQ(pair.sender.send(message(i), kLong), true);
  });
  std::uint64_t last = 0;
  while (last < kLast) {
    const auto newest = pair.receiver.peek_newest_for(kLong);
    ASSERT_TRUE(newest && *newest);
    const std::uint64_t number = number_in(**newest);
    ASSERT_GT(number, last);
    last = number;
    pair.receiver.release();
  }
  sends.join();
}

// --- collectors, queues, services ----------------------------------------------------------------

TEST(Lag, OfACollectorIsThatOfAllLanes) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 3, .capacity_bytes = 4096}.region()).value();
  Collector collector = Collector::open(copy_of(ring)).value();
  Contributor one = Contributor::open(copy_of(ring)).value();
  Contributor other = Contributor::open(copy_of(ring)).value();
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(one.try_send(message(i)));
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(other.try_send(message(i)));
  EXPECT_EQ(collector.lag(), 7 * kFootprint);
  EXPECT_EQ(one.fill(), 4 * kFootprint);
  EXPECT_EQ(other.fill(), 3 * kFootprint);
  for (std::uint64_t left = 7; left > 0; --left) {
    ASSERT_TRUE(collector.peek());
    EXPECT_EQ(collector.lag(), left * kFootprint);
    collector.release();
  }
  EXPECT_FALSE(collector.peek());
  EXPECT_EQ(collector.lag(), 0U);
  EXPECT_EQ(one.fill() + other.fill(), 0U);
}

TEST(Lag, OfAQueueCountsWhatIsReadyAndItsFillWhatIsInAnyHand) {
  const Region ring =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 8, .participants = 4}.region())
          .value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  EXPECT_EQ(receiver.lag(), 0U);
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(sender.send(message(i)).value());
  ASSERT_TRUE(receiver.peek());
  ASSERT_TRUE(sender.claim());
  EXPECT_EQ(receiver.lag(), 4U);
  EXPECT_EQ(sender.fill(), 6U);  // one is in hand, one is claimed
  sender.abort();
  EXPECT_TRUE(receiver.release());
  EXPECT_EQ(sender.fill(), 4U);
  Buffer into{};
  while (receiver.receive(into, 0ns).value()) {
  }
  EXPECT_EQ(receiver.lag(), 0U);
  EXPECT_EQ(sender.fill(), 0U);
}

TEST(Lag, OfAServerCountsTheCallsThatAreNotAnswered) {
  const Region ring = Region::create(ServiceOptions{.clients = 3}.region()).value();
  Server server = Server::open(copy_of(ring)).value();
  std::array clients{Client::open(copy_of(ring)).value(), Client::open(copy_of(ring)).value()};
  EXPECT_EQ(server.lag(), 0U);
  for (Client& client : clients) {
    ASSERT_TRUE(client.claim_for(8).value());
    client.call();
  }
  EXPECT_EQ(server.lag(), 2U);
  ASSERT_TRUE(server.request());
  EXPECT_EQ(server.lag(), 2U);  // it is being served
  ASSERT_TRUE(server.claim(1));
  server.respond();
  EXPECT_EQ(server.lag(), 1U);
  EXPECT_EQ(server.serve([](auto, auto&&) {}, 1, kLong), 1U);
  EXPECT_EQ(server.lag(), 0U);
}

// --- topics --------------------------------------------------------------------------------------

class Topics : public ::testing::TestWithParam<Policy> {
 protected:
  static bool lossy() { return GetParam() == Policy::lossy; }
  static TopicOptions options() {
    return {.policy = GetParam(), .messages = 16, .message_bytes = 8, .subscribers = 4};
  }
  static Subscriber subscribe(const TopicFds& fds, const WaitOptions& wait = {}) {
    return Subscriber::open(Topic::attach(fds).value(), Subscriber::Start::newest, wait).value();
  }
  static std::uint64_t take(Subscriber& from) {
    Buffer into{};
    const auto size = from.receive(into, 0ns);
    EXPECT_TRUE(size && *size);
    return number_in(std::span(into).first(sizeof(std::uint64_t)));
  }

  Topic topic_ = Topic::create(options()).value();
  TopicFds fds_ = topic_.fds();
  Publisher publisher_ = Publisher::open(std::move(topic_)).value();
};

INSTANTIATE_TEST_SUITE_P(EachPolicy, Topics, ::testing::Values(Policy::lossless, Policy::lossy),
                         [](const auto& policy) {
                           return policy.param == Policy::lossy ? "Lossy" : "Lossless";
                         });

TEST_P(Topics, ASubscriberKnowsHowFarItIsBehind) {
  Subscriber quick = subscribe(fds_);
  Subscriber slow = subscribe(fds_);
  EXPECT_EQ(quick.lag(), 0U);
  for (std::uint64_t round = 0; round < 5; ++round) {  // around the ring more than once
    for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(publisher_.publish(message(i)).value());
    EXPECT_EQ(quick.lag(), 10U);
    EXPECT_EQ(slow.lag(), 10U);
    EXPECT_EQ(publisher_.fill(), lossy() ? 0U : 10U);
    for (std::uint64_t i = 0; i < 10; ++i) {
      EXPECT_EQ(quick.lag(), 10 - i);
      take(quick);
    }
    EXPECT_EQ(quick.lag(), 0U);
    EXPECT_EQ(publisher_.fill(), lossy() ? 0U : 10U);  // of the slowest
    for (std::uint64_t i = 0; i < 10; ++i) take(slow);
    Buffer none{};
    EXPECT_EQ(slow.receive(none, 0ns), std::nullopt);
    EXPECT_EQ(quick.receive(none, 0ns), std::nullopt);
    EXPECT_EQ(publisher_.fill(), 0U);
  }
}

class LossyTopics : public Topics {};  // others' subscribers miss nothing
INSTANTIATE_TEST_SUITE_P(Lossy, LossyTopics, ::testing::Values(Policy::lossy));
TEST_P(LossyTopics, WhatASubscriberIsBehindIncludesWhatItWillMiss) {
  Subscriber subscriber = subscribe(fds_);
  for (std::uint64_t published = 1; published <= 100; ++published) {
    ASSERT_TRUE(publisher_.publish(message(published)).value());
    ASSERT_EQ(subscriber.lag(), published);
  }
  Buffer into{};
  std::uint64_t received = 0;
  while (subscriber.receive(into, 0ns).value()) {
    ++received;
    ASSERT_EQ(subscriber.lag(), 100 - received - subscriber.missed());
  }
  EXPECT_GT(subscriber.missed(), 0U);
}

TEST_P(Topics, LivingSubscribersAreCounted) {
  EXPECT_EQ(publisher_.subscribers(), 0U);
  std::vector<Subscriber> joined;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    joined.push_back(subscribe(fds_));
    EXPECT_EQ(publisher_.subscribers(), i);
  }
  Subscriber moved = std::move(joined.back());
  joined.pop_back();
  EXPECT_EQ(publisher_.subscribers(), 4U);
  joined.clear();
  EXPECT_EQ(publisher_.subscribers(), 1U);
}

TEST_P(Topics, ADeadSubscriberIsNotCounted) {
  const test::Signal joined;
  ChildProcess child = ChildProcess::fork([&] {
    const Subscriber subscriber = subscribe(fds_);
    joined.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(joined.wait());
  EXPECT_EQ(publisher_.subscribers(), 1U);
  child.kill_now();
  EXPECT_EQ(publisher_.subscribers(), 0U);
}

// The child's copy is none, and the parent's stays one.
TEST_P(Topics, ACopyInAChildOfForkIsNotCounted) {
  std::optional<Subscriber> subscriber = subscribe(fds_);
  const test::Signal copied;
  ChildProcess child = ChildProcess::fork([&] {
    copied.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(copied.wait());
  EXPECT_EQ(publisher_.subscribers(), 1U);
  subscriber.reset();
  EXPECT_EQ(publisher_.subscribers(), 0U);
}

TEST_P(Topics, ThePublisherWaitsForItsSubscribers) {
  EXPECT_EQ(publisher_.wait_for_subscribers(0, 0ns), true);
  EXPECT_EQ(publisher_.wait_for_subscribers(1, 0ns), false);
  EXPECT_EQ(publisher_.wait_for_subscribers(1, 2ms), false);
  EXPECT_EQ(code_of(publisher_.wait_for_subscribers(5000, 0ns)), ErrorCode::invalid_argument);
  std::optional<Subscriber> first;
  std::optional<Subscriber> second;
  std::thread join([&] {
    first = subscribe(fds_);
    std::this_thread::sleep_for(10ms);
    second = subscribe(fds_);
  });
  EXPECT_EQ(publisher_.wait_for_subscribers(2, kLong), true);
  // Each sees all that is published from now on.
  ASSERT_TRUE(publisher_.publish(message(42)).value());
  join.join();
  EXPECT_EQ(take(*first), 42U);
  EXPECT_EQ(take(*second), 42U);
}

// A publisher that sleeps for an hour between two looks is rung.
TEST_P(Topics, ASubscriberThatJoinsWakesAPublisherThatWaits) {
  { const Publisher gone = std::move(publisher_); }
  Topic topic = Topic::create(options()).value();
  const TopicFds fds = topic.fds();
  const Region bells = test::bells_of(topic);
  Publisher publisher = Publisher::open(std::move(topic), {.longest_sleep = 1h}).value();
  std::optional<Subscriber> joined;
  std::thread join([&] {
    EXPECT_TRUE(test::wait_until_parked(bells.bells().space_bell.word));
    joined = subscribe(fds);
  });
  EXPECT_EQ(publisher.wait_for_subscribers(1, kLong), true);
  join.join();
}

// One that is found by name counts too, and holds up no name.
TEST_P(Topics, SubscribersByNameAreCountedAndKeepNoName) {
  const test::TemporaryNameFolder folder;
  std::optional<Publisher> publisher = Publisher::create("t", options()).value();
  Subscriber subscriber = Subscriber::open("t", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(publisher->subscribers(), 1U);
  publisher.reset();
  if (!lossy()) return;
  EXPECT_EQ(code_of(Subscriber::open("t", Subscriber::Start::oldest, 1ms)), ErrorCode::not_found);
  publisher = Publisher::create("t", options()).value();  // another ring
  EXPECT_EQ(publisher->subscribers(), 0U);
}

}  // namespace
}  // namespace ringbell
