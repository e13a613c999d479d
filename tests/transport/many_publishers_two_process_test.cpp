// Topics of several publishers: one order for all, when the topic is closed, and what the death of
// a publisher or of a subscriber costs the others.
#include <array>
#include <chrono>
#include <cstdint>
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
#include <tests/support/message.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/numbered_topic.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Policy = TopicOptions::Policy;
using test::ChildProcess;
using test::receive;

constexpr auto kLong = 20s;
constexpr std::uint32_t kBytes = 40;
constexpr WaitOptions kAsleep{.spin_budget = 0ns, .longest_sleep = 1h};
constexpr WaitOptions kLooks{.spin_budget = 0ns, .longest_sleep = 1ms};

TopicOptions options(std::uint64_t messages = 16, std::uint32_t publishers = 3) {
  return {.policy = Policy::lossless,
          .messages = messages,
          .message_bytes = kBytes,
          .publishers = publishers};
}

Result<bool> publish(Publisher& publisher, std::uint64_t number, Timeout timeout = kLong) {
  std::array<std::byte, 16> bytes{};
  test::write_message(bytes, number);
  return publisher.publish(bytes, timeout);
}

// A wait also looks when its time is up: this one was rung.
template <class Wait>
auto rung(Wait&& wait) {
  const auto start = std::chrono::steady_clock::now();
  auto result = wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, kLong / 2);
  return result;
}

class ManyPublishersTest : public ::testing::Test {
 protected:
  [[nodiscard]] Publisher open_publisher(const WaitOptions& wait = kLooks) const {
    return Publisher::open(Topic::attach(topic_.fds()).value(), wait).value();
  }
  [[nodiscard]] Subscriber open_subscriber(const WaitOptions& wait = kLooks,
                                           TopicStart start = TopicStart::oldest) const {
    return Subscriber::open(Topic::attach(topic_.fds()).value(), start, wait).value();
  }
  // A process that claims room, or subscribes, and is killed.
  template <class Act>
  void let_die(Act&& act) const {
    ChildProcess dies = ChildProcess::fork([&] {
      act();
      return 0;  // without a destructor's help: fork() ends it by _exit()
    });
    ASSERT_EQ(dies.wait(), 0);
  }
  void let_a_publisher_die_with_a_claim() const {
    let_die([&] {
      auto* const never_closed = new Publisher(open_publisher());
      if (!never_closed->claim()) ::_exit(1);
    });
  }

  Topic topic_ = Topic::create(options()).value();
};

TEST_F(ManyPublishersTest, AllSubscribersSeeOneOrder) {
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
    EXPECT_EQ(publishers[0].fill(), 4U);
    for (std::uint64_t due = number - 3; due <= number; ++due) {
      EXPECT_EQ(receive(other).value(), due);
    }
    EXPECT_FALSE(receive(other, 0ns).value());
    EXPECT_EQ(publishers[1].position(), number + 1);
  }
}

TEST_F(ManyPublishersTest, ClaimsAreTheOrderAndWhatIsGivenUpIsPassedOver) {
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

TEST_F(ManyPublishersTest, PublisherIsWokenByTheCommitOfOneThatIsARingBehind) {
  const Topic small = Topic::create(options(2)).value();
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

TEST_F(ManyPublishersTest, TopicIsClosedWhenAllPublishersHaveClosed) {
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

TEST_F(ManyPublishersTest, SubscriberThatWaitsPassesADeadOnesClaim) {
  Subscriber subscriber = open_subscriber();
  Publisher lives = open_publisher();
  let_a_publisher_die_with_a_claim();
  ASSERT_TRUE(publish(lives, 1).value());
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(subscriber.peer(), PeerState::alive);
  EXPECT_FALSE(receive(subscriber, 5ms).value()) << "the other lives";
}

TEST_F(ManyPublishersTest, SubscriberThatOnlyPollsPassesADeadOnesClaim) {
  for (const bool peeks : {false, true}) {
    Subscriber subscriber = open_subscriber(kLooks, TopicStart::newest);
    Publisher lives = open_publisher();
    let_a_publisher_die_with_a_claim();
    ASSERT_TRUE(publish(lives, 1).value());
    int polls = 0;
    for (; polls < 10'000; ++polls) {
      if (peeks ? subscriber.peek().has_value() : receive(subscriber, 0ns).value().has_value()) {
        break;
      }
    }
    EXPECT_LT(polls, 10'000);
  }
}

TEST_F(ManyPublishersTest, SubscriberInALoopPassesADeadOnesClaim) {
  Subscriber subscriber = open_subscriber();
  Publisher lives = open_publisher();
  WaitSet set = WaitSet::create().value();
  ASSERT_TRUE(set.add(subscriber));
  let_a_publisher_die_with_a_claim();
  ASSERT_TRUE(publish(lives, 1).value());
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!subscriber.peek() && std::chrono::steady_clock::now() < deadline) {
    (void)set.wait(kLong);
  }
  EXPECT_TRUE(subscriber.peek());
}

TEST_F(ManyPublishersTest, PublisherPassesADeadOnesClaimWhereNoneReads) {
  Publisher lives = open_publisher();
  let_a_publisher_die_with_a_claim();
  for (std::uint64_t number = 0; number < 50; ++number) {
    ASSERT_TRUE(publish(lives, number).value()) << number;
  }
}

TEST_F(ManyPublishersTest, DeathOfTheLastIsToldWhenAllWasRead) {
  Subscriber subscriber = open_subscriber();
  std::optional<Publisher> closes = open_publisher();
  let_a_publisher_die_with_a_claim();
  ASSERT_TRUE(publish(*closes, 1).value());
  closes.reset();
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::peer_dead);
  EXPECT_EQ(subscriber.peer(), PeerState::dead);
}

TEST_F(ManyPublishersTest, NextPublisherBuriesTheDead) {
  Subscriber subscriber = open_subscriber(kAsleep);
  let_a_publisher_die_with_a_claim();
  std::optional<Publisher> next = open_publisher();
  ASSERT_TRUE(publish(*next, 1).value());
  EXPECT_EQ(receive(subscriber, 0ns).value(), 1U) << "its claim was given up at once";
  next.reset();
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::closed);
}

TEST_F(ManyPublishersTest, DeadSubscriberIsEvictedByWhicheverPublisherItHoldsUp) {
  Publisher first = open_publisher();
  Publisher second = open_publisher();
  Subscriber lives = open_subscriber();
  let_die([&] { new Subscriber(open_subscriber()); });
  EXPECT_EQ(first.subscribers(), 1U);
  for (std::uint64_t number = 0; number < 100; ++number) {
    ASSERT_TRUE(publish(number % 2 == 0 ? first : second, number).value()) << number;
    EXPECT_EQ(receive(lives).value(), number);
  }
  EXPECT_EQ(first.evictions() + second.evictions(), 1U);
}

TEST_F(ManyPublishersTest, PublisherThatWasTakenForDeadSaysSo) {
  Publisher publisher = open_publisher();
  Subscriber subscriber = open_subscriber();
  const auto all_are_dead = [](core::ParticipantId) { return true; };
  const core::ManyMemory memory = topic_.region().many_memory();
  ASSERT_TRUE(publisher.claim());
  EXPECT_EQ(core::ManyLossless<>::recover(memory, all_are_dead).skipped, 1U);
  EXPECT_EQ(code_of(publish(publisher, 1)), ErrorCode::evicted);
  ASSERT_TRUE(publisher.claim());
  (void)core::ManyLossless<>::recover(memory, all_are_dead);
  EXPECT_FALSE(publisher.commit(8));
  EXPECT_FALSE(publisher.commit(8)) << "nothing is claimed";
  EXPECT_TRUE(publish(publisher, 2).value());
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::evicted);
}

TEST_F(ManyPublishersTest, SubscriberGoesOnWhereItWas) {
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

TEST_F(ManyPublishersTest, NoMorePublishersThanTheTopicTakes) {
  std::vector<Publisher> publishers;
  for (int i = 0; i < 3; ++i) publishers.push_back(open_publisher());
  const auto fourth = Publisher::open(Topic::attach(topic_.fds()).value());
  EXPECT_EQ(code_of(fourth), ErrorCode::no_place);
  EXPECT_THAT(message_of(fourth), HasSubstr("TopicOptions::publishers"));
  publishers.pop_back();
  EXPECT_TRUE(Publisher::open(Topic::attach(topic_.fds()).value()));
  EXPECT_EQ(code_of(publishers[0].wait_for_subscribers(65, 0ns)), ErrorCode::invalid_argument);
  EXPECT_FALSE(publishers[0].wait_for_subscribers(1, 0ns).value());
}

TEST(ManyPublishersOptionsTest, WhatCannotBeIsRefused) {
  const auto refused = [](const TopicOptions& wanted, const std::string& says) {
    const Result<Topic> topic = Topic::create(wanted);
    ASSERT_EQ(code_of(topic), ErrorCode::invalid_argument);
    EXPECT_THAT(message_of(topic), HasSubstr(says));
  };
  refused({.policy = Policy::lossy, .publishers = 2}, "publishers is 2; a lossy topic has one");
  refused(options(16, 0), "publishers is 0; it must be between 1 and 64");
  refused(options(16, 65), "publishers is 65; it must be between 1 and 64");
  TopicOptions fewer = options();
  fewer.subscribers = 8;
  refused(fewer, "subscribers is 8; a topic of several publishers has places for 64");
  const test::TemporaryNameFolder folder;
  EXPECT_EQ(code_of(Publisher::create("ticks", fewer)), ErrorCode::invalid_argument);
  EXPECT_TRUE(Topic::create(options(16, 64)));
  EXPECT_EQ(Topic::create(options(16, 1))->region().kind(), core::RingKind::broadcast_lossless);
}

// --- by name -------------------------------------------------------------------------------------

TEST(ManyPublishersByNameTest, PublishersJoinWhatIsThere) {
  const test::TemporaryNameFolder folder;
  std::optional<Publisher> first = Publisher::create("ticks", options(), kLooks).value();
  const auto other = Publisher::create("ticks", options(16, 4));
  EXPECT_EQ(code_of(other), ErrorCode::other_ring);
  EXPECT_THAT(message_of(other), HasSubstr("with publishers 3, not 4"));
  EXPECT_EQ(code_of(Publisher::create("ticks", options(16, 1))), ErrorCode::other_ring);
  Publisher second = Publisher::create("ticks", options(), kLooks).value();
  first.reset();
  Subscriber subscriber = Subscriber::open("ticks", TopicStart::oldest, kLong, kLooks).value();
  ASSERT_TRUE(publish(second, 5).value());
  EXPECT_EQ(receive(subscriber).value(), 5U);
}

TEST(ManyPublishersByNameTest, TypedEndsCarryTheMessagesOfEach) {
  const test::TemporaryNameFolder folder;
  using Ticks = typed::Publisher<std::uint64_t>;
  Ticks first = Ticks::create("ticks", options()).value();
  Ticks second = Ticks::create("ticks", options()).value();
  auto subscriber = typed::Subscriber<std::uint64_t>::open("ticks").value();
  ASSERT_TRUE(first.publish(1).value());
  auto loan = second.loan();
  *loan = 2;
  ASSERT_TRUE(loan.publish());
  for (const std::uint64_t due : {1U, 2U}) {
    EXPECT_EQ(subscriber.receive(kLong).value(), due);
  }
}

TEST(ManyPublishersByNameTest, LastOneOutTakesTheNameAway) {
  const test::TemporaryNameFolder folder;
  {
    std::optional<Publisher> first = Publisher::create("ticks", options()).value();
    const Publisher second = Publisher::create("ticks", options()).value();
    first.reset();
    EXPECT_EQ(names::list()->size(), 1U);
  }
  EXPECT_TRUE(names::list()->empty());
}

}  // namespace
}  // namespace ringbell
