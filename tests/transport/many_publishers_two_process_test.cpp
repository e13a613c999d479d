// Topics of several publishers: one order for all, when the topic is closed, and what the death of
// a publisher or of a subscriber costs the others.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/many_publishers.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/numbered_topic.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::kAsleep;
using test::kLong;
using test::kLooks;
using test::kNameOfPolicy;
using test::options;
using test::Policy;
using test::publish;
using test::receive;
using test::rung;
using ::testing::HasSubstr;

class ManyPublishersTest : public test::ManyPublishersTest {};
INSTANTIATE_TEST_SUITE_P(EachPolicy, ManyPublishersTest,
                         ::testing::Values(Policy::lossless, Policy::lossy), kNameOfPolicy);

TEST_P(ManyPublishersTest, AllSubscribersSeeOneOrder) {
  std::vector<Publisher> publishers;
  for (int i = 0; i < 3; ++i) publishers.push_back(open_publisher());
  Subscriber one = open_subscriber();
  Subscriber other = open_subscriber();
  EXPECT_EQ(publishers[2].subscribers(), 2U);
  for (std::uint64_t number = 0; number < 200; ++number) {
    ASSERT_TRUE(publish(publishers[number * 7 % 3], number).value());
    EXPECT_EQ(receive(one).value(), number);
    if (number % 4 != 3) continue;
    EXPECT_EQ(other.lag(), 4U);
    EXPECT_EQ(publishers[0].fill(), lossy() ? 0U : 4U);
    for (std::uint64_t due = number - 3; due <= number; ++due) {
      EXPECT_EQ(receive(other).value(), due);
    }
    EXPECT_FALSE(receive(other, 0ns).value());
    EXPECT_EQ(publishers[1].position(), number + 1);
  }
}

TEST_P(ManyPublishersTest, ClaimsAreTheOrderAndWhatIsGivenUpIsPassedOver) {
  Publisher first = open_publisher();
  Publisher second = open_publisher();
  Subscriber subscriber = open_subscriber(kAsleep);
  const std::span<std::byte> room = first.claim().value();
  EXPECT_EQ(first.claim()->data(), room.data()) << "the same room again";
  ASSERT_TRUE(publish(second, 2).value());
  EXPECT_FALSE(receive(subscriber, 1ms).value()) << "another is before it";
  ASSERT_TRUE(publish(first, 1).value()) << "in the room that is claimed";
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(receive(subscriber).value(), 2U);

  ASSERT_TRUE(first.claim());
  ASSERT_TRUE(publish(second, 3).value());
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    first.abort();
  });
  EXPECT_EQ(rung([&] { return receive(subscriber); }).value(), 3U);
}

TEST_P(ManyPublishersTest, PublisherIsWokenByTheCommitOfOneThatIsARingBehind) {
  const Topic small = Topic::create(options(GetParam(), 2)).value();
  Publisher slow = Publisher::open(Topic::attach(small.fds()).value(), kAsleep).value();
  Publisher quick = Publisher::open(Topic::attach(small.fds()).value(), kAsleep).value();
  ASSERT_TRUE(slow.claim());
  ASSERT_TRUE(publish(quick, 1).value());
  EXPECT_FALSE(publish(quick, 2, 0ns).value());
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(slow.commit(8));
  });
  EXPECT_TRUE(rung([&] { return publish(quick, 2); }).value());
}

TEST_P(ManyPublishersTest, TopicIsClosedWhenAllPublishersHaveClosed) {
  std::optional<Publisher> first = open_publisher();
  std::optional<Publisher> second = open_publisher();
  Subscriber subscriber = open_subscriber(kAsleep);
  ASSERT_TRUE(publish(*first, 1).value());
  first.reset();
  EXPECT_EQ(subscriber.peer(), PeerState::alive);
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_FALSE(receive(subscriber, 0ns).value()) << "one is still there";
  EXPECT_FALSE(receive(subscriber, 5ms).value());
  ASSERT_TRUE(publish(*second, 2).value());
  ASSERT_TRUE(second->claim());
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    second.reset();
  });
  EXPECT_EQ(receive(subscriber).value(), 2U);
  EXPECT_EQ(code_of(rung([&] { return receive(subscriber); })), ErrorCode::closed);
  EXPECT_EQ(subscriber.peer(), PeerState::closed);
  later.join();
  Publisher next = open_publisher();
  ASSERT_TRUE(publish(next, 3).value());
  EXPECT_EQ(receive(subscriber).value(), 3U) << "a later one goes on";
}

TEST_P(ManyPublishersTest, OneOfAllIsEnoughToBeAlive) {
  const Subscriber subscriber = open_subscriber();
  for (std::size_t lives = 0; lives < 3; ++lives) {
    std::vector<Publisher> publishers;
    for (int i = 0; i < 3; ++i) publishers.push_back(open_publisher());
    const Publisher last = std::move(publishers[lives]);
    publishers.clear();
    EXPECT_EQ(subscriber.peer(), PeerState::alive) << lives;
  }
}

// However it looks for a message.
std::optional<std::uint64_t> found_by(int way, Subscriber& subscriber, Timeout timeout) {
  std::optional<std::uint64_t> number;
  const auto look = [&](std::span<const std::byte> message) {
    number = 0;
    std::memcpy(&*number, message.data(), sizeof *number);
  };
  switch (way) {
    case 0:
      return receive(subscriber, timeout).value();
    case 1:
      (void)subscriber.read(look, timeout).value();
      return number;
    default:
      if (!subscriber.has_message_for(timeout).value()) return std::nullopt;
      return receive(subscriber, 0ns).value();
  }
}

TEST_P(ManyPublishersTest, SubscriberThatWaitsPassesADeadOnesClaim) {
  for (const int way : {0, 1, 2}) {
    Subscriber subscriber = open_subscriber(kLooks, TopicStart::newest);
    Publisher lives = open_publisher();
    let_a_publisher_die_with_a_claim();
    ASSERT_TRUE(publish(lives, 1).value());
    EXPECT_EQ(found_by(way, subscriber, kLong), 1U) << way;
    EXPECT_EQ(subscriber.peer(), PeerState::alive);
    EXPECT_FALSE(receive(subscriber, 5ms).value()) << "the other lives";
  }
}

TEST_P(ManyPublishersTest, WhatIsGivenUpIsNoMessage) {
  Subscriber subscriber = open_subscriber();
  Publisher publisher = open_publisher();
  ASSERT_TRUE(publisher.claim());
  publisher.abort();
  EXPECT_FALSE(subscriber.has_message_for(5ms).value());
  EXPECT_EQ(subscriber.missed(), 0U);
  ASSERT_TRUE(publish(publisher, 1).value());
  EXPECT_EQ(found_by(2, subscriber, kLong), 1U);
}

TEST_P(ManyPublishersTest, ClaimOfALivingOneIsWaitedAt) {
  Subscriber subscriber = open_subscriber();
  Publisher slow = open_publisher();
  Publisher quick = open_publisher();
  ASSERT_TRUE(slow.claim());
  ASSERT_TRUE(publish(quick, 2).value());
  EXPECT_FALSE(receive(subscriber, 20ms).value()) << "asked after some times";
  ASSERT_TRUE(publish(slow, 1).value());
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(receive(subscriber).value(), 2U);
}

TEST_P(ManyPublishersTest, SubscriberThatOnlyPollsPassesADeadOnesClaim) {
  for (const int way : {0, 1, 2, 3}) {
    const bool peeks = way == 3;
    if (peeks && lossy()) continue;
    Subscriber subscriber = open_subscriber(kLooks, TopicStart::newest);
    Publisher lives = open_publisher();
    let_a_publisher_die_with_a_claim();
    ASSERT_TRUE(publish(lives, 1).value());
    int polls = 0;
    for (; polls < 10'000; ++polls) {
      if (peeks ? subscriber.peek().has_value() : found_by(way, subscriber, 0ns).has_value()) {
        break;
      }
    }
    EXPECT_LT(polls, 10'000);
  }
}

TEST_P(ManyPublishersTest, SubscriberInALoopPassesADeadOnesClaim) {
  Subscriber subscriber = open_subscriber();
  Publisher lives = open_publisher();
  WaitSet set = WaitSet::create().value();
  ASSERT_TRUE(set.add(subscriber));
  let_a_publisher_die_with_a_claim();
  ASSERT_TRUE(publish(lives, 1).value());
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  std::optional<std::uint64_t> got;
  while (!(got = found_by(1, subscriber, 0ns)) && std::chrono::steady_clock::now() < deadline) {
    (void)set.wait(kLong);
  }
  EXPECT_EQ(got, 1U);
}

TEST_P(ManyPublishersTest, PublisherPassesADeadOnesClaimWhereNoneReads) {
  Publisher lives = open_publisher();
  let_a_publisher_die_with_a_claim();
  for (std::uint64_t number = 0; number < 50; ++number) {
    ASSERT_TRUE(publish(lives, number).value()) << number;
  }
}

TEST_P(ManyPublishersTest, DeathOfTheLastIsToldWhenAllWasRead) {
  Subscriber subscriber = open_subscriber();
  std::optional<Publisher> closes = open_publisher();
  let_die([&] {  // two claims, that a place which was given up stands between
    auto* const first = new Publisher(open_publisher());
    auto* const second = new Publisher(open_publisher());
    if (!first->claim() || !second->claim()) ::_exit(1);
    second->abort();
    if (!second->claim()) ::_exit(1);
  });
  ASSERT_TRUE(publish(*closes, 1).value());
  closes.reset();
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::peer_dead);
  EXPECT_EQ(subscriber.peer(), PeerState::dead);
}

TEST_P(ManyPublishersTest, NextPublisherBuriesTheDead) {
  Subscriber subscriber = open_subscriber(kAsleep);
  let_a_publisher_die_with_a_claim();
  std::optional<Publisher> next = open_publisher();
  ASSERT_TRUE(publish(*next, 1).value());
  EXPECT_EQ(receive(subscriber, 0ns).value(), 1U) << "its claim was given up at once";
  next.reset();
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::closed);
}

TEST_P(ManyPublishersTest, DeadSubscriberHoldsNoPublisherUp) {
  Publisher first = open_publisher();
  Publisher second = open_publisher();
  Subscriber lives = open_subscriber();
  let_die([&] { new Subscriber(open_subscriber()); });
  EXPECT_EQ(first.subscribers(), 1U);
  for (std::uint64_t number = 0; number < 100; ++number) {
    ASSERT_TRUE(publish(number % 2 == 0 ? first : second, number).value()) << number;
    EXPECT_EQ(receive(lives).value(), number);
  }
  EXPECT_EQ(first.evictions() + second.evictions(), lossy() ? 0U : 1U);
}

TEST_P(ManyPublishersTest, PublisherThatWasTakenForDeadSaysSo) {
  Publisher publisher = open_publisher();
  Subscriber subscriber = open_subscriber();
  ASSERT_TRUE(publisher.claim());
  EXPECT_EQ(take_all_for_dead(), 1U);
  EXPECT_EQ(code_of(publish(publisher, 1)), ErrorCode::evicted);
  ASSERT_TRUE(publisher.claim());
  (void)take_all_for_dead();
  EXPECT_FALSE(publisher.commit(8));
  EXPECT_FALSE(publisher.commit(8)) << "nothing is claimed";
  EXPECT_TRUE(publish(publisher, 2).value());
  if (lossy()) {
    EXPECT_EQ(receive(subscriber).value(), 2U);
  } else {
    EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::evicted);
  }
}

TEST_P(ManyPublishersTest, SubscriberGoesOnWhereItWas) {
  Publisher first = open_publisher();
  Publisher second = open_publisher();
  for (std::uint64_t number = 0; number < 4; ++number) ASSERT_TRUE(publish(first, number).value());
  ASSERT_TRUE(second.claim());
  second.abort();
  for (std::uint64_t number = 4; number < 8; ++number) ASSERT_TRUE(publish(second, number).value());
  for (const std::uint64_t position : {3U, 4U, 5U}) {
    Subscriber again = open_subscriber(kLooks, TopicStart::at(position));
    EXPECT_EQ(receive(again).value(), position < 5 ? position : 4U) << position;
    EXPECT_EQ(again.missed(), 0U);
  }
}

TEST_P(ManyPublishersTest, NoMorePublishersThanTheTopicTakes) {
  std::vector<Publisher> publishers;
  for (int i = 0; i < 3; ++i) publishers.push_back(open_publisher());
  const auto fourth = Publisher::open(Topic::attach(topic_.fds()).value());
  EXPECT_EQ(code_of(fourth), ErrorCode::no_place);
  EXPECT_THAT(message_of(fourth), HasSubstr("TopicOptions::publishers"));
  publishers.pop_back();
  EXPECT_TRUE(Publisher::open(Topic::attach(topic_.fds()).value()));
  EXPECT_EQ(code_of(publishers[0].wait_for_subscribers(100'000, 0ns)), ErrorCode::invalid_argument);
  EXPECT_FALSE(publishers[0].wait_for_subscribers(1, 0ns).value());
}

TEST(ManyPublishersOptionsTest, WhatCannotBeIsRefused) {
  const auto refused = [](const TopicOptions& wanted, const std::string& says) {
    const Result<Topic> topic = Topic::create(wanted);
    ASSERT_EQ(code_of(topic), ErrorCode::invalid_argument);
    EXPECT_THAT(message_of(topic), HasSubstr(says));
  };
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    refused(options(policy, 16, 0), "publishers is 0; it must be between 1 and 64");
    refused(options(policy, 16, 65), "publishers is 65; it must be between 1 and 64");
    EXPECT_TRUE(Topic::create(options(policy, 16, 64)));
    EXPECT_FALSE(core::has_many_writers(Topic::create(options(policy, 16, 1))->region().kind()));
  }
  TopicOptions fewer = options(Policy::lossless);
  fewer.subscribers = 8;
  refused(fewer, "subscribers is 8; a topic of several publishers has places for 64");
  const test::TemporaryNameFolder folder;
  EXPECT_EQ(code_of(Publisher::create("ticks", fewer)), ErrorCode::invalid_argument);
}

// --- by name -------------------------------------------------------------------------------------

class ManyPublishersByNameTest : public ::testing::TestWithParam<Policy> {};
INSTANTIATE_TEST_SUITE_P(EachPolicy, ManyPublishersByNameTest,
                         ::testing::Values(Policy::lossless, Policy::lossy), kNameOfPolicy);

TEST_P(ManyPublishersByNameTest, PublishersJoinWhatIsThere) {
  const test::TemporaryNameFolder folder;
  std::optional<Publisher> first = Publisher::create("ticks", options(GetParam()), kLooks).value();
  const auto other = Publisher::create("ticks", options(GetParam(), 16, 4));
  EXPECT_EQ(code_of(other), ErrorCode::other_ring);
  EXPECT_THAT(message_of(other), HasSubstr("with publishers 3, not 4"));
  EXPECT_EQ(code_of(Publisher::create("ticks", options(GetParam(), 16, 1))), ErrorCode::other_ring);
  Publisher second = Publisher::create("ticks", options(GetParam()), kLooks).value();
  first.reset();
  Subscriber subscriber = Subscriber::open("ticks", TopicStart::oldest, kLong, kLooks).value();
  ASSERT_TRUE(publish(second, 5).value());
  EXPECT_EQ(receive(subscriber).value(), 5U);
}

TEST_P(ManyPublishersByNameTest, TypedEndsCarryTheMessagesOfEach) {
  const test::TemporaryNameFolder folder;
  using Ticks = typed::Publisher<std::uint64_t>;
  Ticks first = Ticks::create("ticks", options(GetParam())).value();
  Ticks second = Ticks::create("ticks", options(GetParam())).value();
  auto subscriber = typed::Subscriber<std::uint64_t>::open("ticks", TopicStart::oldest).value();
  ASSERT_TRUE(first.publish(1).value());
  auto loan = second.loan();
  *loan = 2;
  ASSERT_TRUE(loan.publish());
  for (const std::uint64_t due : {1U, 2U}) {
    EXPECT_EQ(subscriber.receive(kLong).value(), due);
  }
}

TEST_P(ManyPublishersByNameTest, LastOneOutTakesTheNameAway) {
  const test::TemporaryNameFolder folder;
  {
    std::optional<Publisher> first = Publisher::create("ticks", options(GetParam())).value();
    const Publisher second = Publisher::create("ticks", options(GetParam())).value();
    first.reset();
    EXPECT_EQ(names::list()->size(), 1U);
  }
  EXPECT_TRUE(names::list()->empty());
}

}  // namespace
}  // namespace ringbell
