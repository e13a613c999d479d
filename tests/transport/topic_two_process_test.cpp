// Topics among several processes, lossless and lossy: what each sees, late joiners, every way for a
// wait to end, and deaths.
#include <chrono>
#include <cstring>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <ringbell/transport/ends/topic.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/numbered_topic.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::receive;
using test::write_message;
using Policy = TopicOptions::Policy;

constexpr std::uint32_t kBytes = 120;
constexpr auto kLong = 20s;

class TopicTest : public ::testing::TestWithParam<Policy> {
 protected:
  static Topic new_topic(std::uint64_t messages = 16, std::uint32_t subscribers = 4) {
    return Topic::create({.policy = GetParam(),
                          .messages = messages,
                          .message_bytes = kBytes,
                          .subscribers = subscribers})
        .value();
  }
  static bool lossy() { return GetParam() == Policy::lossy; }
};

INSTANTIATE_TEST_SUITE_P(EachPolicy, TopicTest, ::testing::Values(Policy::lossless, Policy::lossy),
                         [](const auto& policy) {
                           return policy.param == Policy::lossy ? "Lossy" : "Lossless";
                         });

void publish(Publisher& publisher, std::uint64_t number) {
  std::vector<std::byte> bytes(8 + test::mix(number) % (kBytes - 7));
  write_message(bytes, number);
  ASSERT_EQ(publisher.publish(bytes, kLong), true) << number;
}

TEST_P(TopicTest, EachSubscriberSeesEveryMessage) {
  Topic topic = new_topic();
  Subscriber first = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Subscriber second = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  for (std::uint64_t i = 0; i < 200; ++i) {
    publish(publisher, i);
    EXPECT_EQ(receive(first).value(), i);
    EXPECT_EQ(receive(second).value(), i);
  }
  EXPECT_EQ(receive(first, 0ns).value(), std::nullopt);
  EXPECT_EQ(receive(first, 5ms).value(), std::nullopt);
  EXPECT_EQ(first.position(), 200U);
  EXPECT_EQ(first.missed(), 0U);
}

TEST_P(TopicTest, LateJoinerStartsAtTheOldestOrTheNewest) {
  Topic topic = new_topic();
  const TopicFds fds = topic.fds();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  for (std::uint64_t i = 0; i < 10; ++i) publish(publisher, i);
  Subscriber oldest =
      Subscriber::open(Topic::attach(fds).value(), Subscriber::Start::oldest).value();
  Subscriber newest =
      Subscriber::open(Topic::attach(fds).value(), Subscriber::Start::newest).value();
  EXPECT_EQ(receive(oldest).value(), 0U);
  EXPECT_EQ(receive(newest, 0ns).value(), std::nullopt);
  publish(publisher, 10);
  EXPECT_EQ(receive(newest).value(), 10U);
}

TEST_P(TopicTest, ClosedIsToldWhenAllWasRead) {
  Topic topic = new_topic();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  {
    Publisher publisher = Publisher::open(std::move(topic)).value();
    publish(publisher, 1);
  }
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::closed);
  EXPECT_EQ(code_of(receive(subscriber, 0ns)), ErrorCode::closed);
}

TEST_P(TopicTest, DeadPublisherIsToldWhenAllWasRead) {
  Topic topic = new_topic();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value(),
                                           Subscriber::Start::oldest, {.longest_sleep = 5ms})
                              .value();
  ChildProcess dies = ChildProcess::fork([&] {
    Publisher publisher = Publisher::open(std::move(topic)).value();
    publish(publisher, 1);
    ::raise(SIGKILL);
    return 1;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::peer_dead);
}

TEST_P(TopicTest, OnlyOnePublishesAtATime) {
  Topic topic = new_topic();
  const TopicFds fds = topic.fds();
  const Publisher publisher = Publisher::open(std::move(topic)).value();
  EXPECT_EQ(code_of(Publisher::open(Topic::attach(fds).value())),
            lossy() ? ErrorCode::permission : ErrorCode::busy);
}

TEST_P(TopicTest, WhatDoesNotFitIsAnError) {
  Topic topic = new_topic();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  std::vector<std::byte> bytes(kBytes + 1);
  EXPECT_EQ(code_of(publisher.publish(bytes)), ErrorCode::too_large);
  const auto too_short = subscriber.receive(std::span(bytes).first(kBytes - 1), 0s);
  ASSERT_FALSE(too_short);
  EXPECT_EQ(code_of(too_short), ErrorCode::invalid_argument);
}

TEST_P(TopicTest, ProcessesThatSleepSeeEverythingOrKnowWhatTheyMissed) {
  constexpr std::uint64_t kMessages = 30'000;
  Topic topic = new_topic(64);
  const TopicFds fds = topic.fds();
  const auto reading = [&] {
    Subscriber subscriber = Subscriber::open(Topic::attach(fds).value(), Subscriber::Start::oldest,
                                             {.spin_budget = 0ns})
                                .value();
    std::uint64_t received = 0;
    std::uint64_t next = 0;
    for (;;) {
      const Result<std::optional<std::uint64_t>> number = receive(subscriber);
      if (!number) break;
      if (!*number || **number < next) return 1;
      next = **number + 1;
      ++received;
    }
    if (received + subscriber.missed() != subscriber.position()) return 2;
    if (subscriber.position() != kMessages) return 3;
    if (!lossy() && received != kMessages) return 4;
    return testing::Test::HasFailure() ? 5 : 0;
  };
  ChildProcess first = ChildProcess::fork(reading);
  ChildProcess second = ChildProcess::fork(reading);
  {
    Publisher publisher = Publisher::open(std::move(topic), {.spin_budget = 0ns}).value();
    ::usleep(20'000);  // the subscribers join
    for (std::uint64_t i = 0; i < kMessages; ++i) publish(publisher, i);
  }
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
}

TEST(LosslessTopicTest, PublisherWaitsForTheSlowestAndNotForTheDead) {
  Topic topic =
      Topic::create({.policy = Policy::lossless, .messages = 8, .message_bytes = kBytes}).value();
  const TopicFds fds = topic.fds();
  Publisher publisher = Publisher::open(std::move(topic), {.longest_sleep = 5ms}).value();
  ChildProcess dies = ChildProcess::fork([&] {
    const Subscriber subscriber = Subscriber::open(Topic::attach(fds).value()).value();
    ::raise(SIGKILL);
    return 1;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  Subscriber subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  for (std::uint64_t i = 0; i < 8; ++i) publish(publisher, i);
  std::vector<std::byte> bytes(8);
  EXPECT_EQ(publisher.publish(bytes, 0ns), false);
  EXPECT_EQ(publisher.publish(bytes, 20ms), false);
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(receive(subscriber).value(), i);
  EXPECT_EQ(receive(subscriber, 0ns).value(), std::nullopt);
  publish(publisher, 8);
  EXPECT_EQ(receive(subscriber).value(), 8U);
}

TEST(LosslessTopicTest, AsManySubscribersAsItTakesAndNoMore) {
  const Topic topic = Topic::create({.policy = Policy::lossless, .subscribers = 2}).value();
  std::vector<Subscriber> all;
  for (int i = 0; i < 2; ++i) {
    all.push_back(Subscriber::open(Topic::attach(topic.fds()).value()).value());
  }
  const Result<Subscriber> third = Subscriber::open(Topic::attach(topic.fds()).value());
  ASSERT_FALSE(third);
  EXPECT_EQ(code_of(third), ErrorCode::no_place);
  EXPECT_NE(message_of(third).find("all 2 places"), std::string::npos) << third.error().message;
  EXPECT_NE(message_of(third).find("TopicOptions::subscribers, and 64; lossy: no limit"),
            std::string::npos)
      << third.error().message;
  all.pop_back();
  EXPECT_TRUE(Subscriber::open(Topic::attach(topic.fds()).value()));
}

TEST(LosslessTopicTest, ForkedCopyOfASubscriberDoesNotLeaveForIt) {
  Topic topic = Topic::create({.policy = Policy::lossless, .messages = 4}).value();
  const TopicFds fds = topic.fds();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  std::optional<Subscriber> subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  ChildProcess child = ChildProcess::fork([&] {
    subscriber.reset();
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
  std::vector<std::byte> bytes(8);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(publisher.publish(bytes, 0ns), true);
  EXPECT_EQ(publisher.publish(bytes, 0ns), false);  // it is still waited for
}

TEST(LossyTopicTest, PublisherNeverWaitsAndSubscriberKnowsWhatItMissed) {
  Topic topic = Topic::create({.messages = 16, .message_bytes = kBytes}).value();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  for (std::uint64_t i = 0; i < 1000; ++i) publish(publisher, i);
  std::uint64_t received = 0;
  while (receive(subscriber, 0ns).value()) ++received;
  EXPECT_GT(received, 4U);
  EXPECT_EQ(received + subscriber.missed(), 1000U);
}

TEST(LossyTopicTest, SubscriberCanOnlyLook) {
  const Topic topic = Topic::create({.messages = 16, .message_bytes = kBytes}).value();
  const TopicFds fds = topic.fds();
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds.memory, 0), MAP_FAILED);
  const Subscriber subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  EXPECT_EQ(::mprotect(subscriber.region().base(), 4096, PROT_READ | PROT_WRITE), -1);
  const auto publisher = Publisher::open(Topic::attach(fds).value());
  ASSERT_FALSE(publisher);
  EXPECT_EQ(code_of(publisher), ErrorCode::permission);
}

TEST(TopicAttachTest, WrongOrMissingRegionsAreRefused) {
  const Topic lossy = Topic::create({.messages = 4}).value();
  const Topic lossless = Topic::create({.policy = Policy::lossless, .messages = 4}).value();
  EXPECT_FALSE(Topic::attach({.memory = lossy.fds().memory}));
  EXPECT_FALSE(Topic::attach({.memory = lossless.fds().memory, .bells = lossy.fds().bells}));
  EXPECT_FALSE(Topic::attach({.memory = lossy.fds().memory, .bells = lossless.fds().memory}));
  EXPECT_FALSE(Topic::attach({.memory = lossy.fds().bells}));
  EXPECT_FALSE(Topic::attach({}));
}

}  // namespace
}  // namespace ringbell
