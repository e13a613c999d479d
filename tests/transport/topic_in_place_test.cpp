// Topics in place: room that is claimed and committed, a message that is peeked at, and read(f),
// which says afterwards whether what f saw was whole.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/core/thread_sanitizer.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using Policy = TopicOptions::Policy;
using Seen = Subscriber::Seen;
using test::ChildProcess;

constexpr auto kLong = 20s;
constexpr std::uint32_t kBytes = 100;
constexpr WaitOptions kAsleep{.spin_budget = 0ns, .longest_sleep = 1h};

struct Kind {
  Kind(Policy of_policy, std::uint32_t with_publishers = 1)  // NOLINT(google-explicit-constructor)
      : policy(of_policy), publishers(with_publishers) {}

  Policy policy;
  std::uint32_t publishers;
};

struct Ends {
  explicit Ends(const Kind& kind, std::uint64_t messages = 8, const WaitOptions& wait = {},
                std::uint32_t alignment = 8)
      : topic(Topic::create({.policy = kind.policy,
                             .messages = messages,
                             .message_bytes = kBytes,
                             .publishers = kind.publishers,
                             .payload_alignment = alignment})
                  .value()),
        subscriber(
            Subscriber::open(Topic::attach(topic.fds()).value(), TopicStart::oldest, wait).value()),
        publisher(Publisher::open(Topic(std::move(topic)), wait).value()) {}

  void publish(std::uint64_t number) {
    std::array<std::byte, 16> message{};
    test::write_message(message, number);
    ASSERT_TRUE(publisher->publish(message, kLong).value());
  }
  void publish_in_place(std::uint64_t number, std::size_t size_bytes) {
    const std::optional<std::span<std::byte>> room = publisher->claim_for(kLong).value();
    ASSERT_TRUE(room);
    ASSERT_EQ(room->size(), kBytes);
    test::write_message(room->first(size_bytes), number);
    ASSERT_TRUE(publisher->commit(size_bytes));
  }

  Topic topic;
  Subscriber subscriber;
  std::optional<Publisher> publisher;
};

class TopicInPlaceTest : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Policies, TopicInPlaceTest,
                         testing::Values(Kind(Policy::lossless), Kind(Policy::lossy),
                                         Kind(Policy::lossless, 2), Kind(Policy::lossy, 2)),
                         [](const auto& of) {
                           return std::string(of.param.publishers == 1 ? "" : "Many") +
                                  (of.param.policy == Policy::lossy ? "Lossy" : "Lossless");
                         });

TEST_P(TopicInPlaceTest, MessagesOfEverySizeAreWrittenAndReadWhereTheyStand) {
  Ends ends(GetParam(), 8, {}, 64);
  for (std::uint64_t number = 0; number < 300; ++number) {
    const std::size_t size = number % (kBytes + 1);
    ASSERT_NO_FATAL_FAILURE(ends.publish_in_place(number, size));
    int looks = 0;
    const Result<Seen> seen = ends.subscriber.read(
        [&](std::span<const std::byte> message) {
          ++looks;
          EXPECT_EQ(message.size(), size);
          EXPECT_TRUE(test::is_message(message, number));
          EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message.data()) % 64, 0U);
        },
        kLong);
    ASSERT_EQ(seen.value(), Seen::whole);
    EXPECT_EQ(looks, 1);
  }
  EXPECT_EQ(ends.subscriber.missed(), 0U);
  EXPECT_EQ(ends.subscriber.read([](auto) { FAIL(); }, 1ms).value(), Seen::nothing);
  ends.publisher.reset();
  EXPECT_EQ(code_of(ends.subscriber.read([](auto) { FAIL(); }, kLong)), ErrorCode::closed);
}

TEST_P(TopicInPlaceTest, CallsOutOfTurnDoNothing) {
  Ends ends(GetParam());
  Publisher& publisher = *ends.publisher;
  std::array<std::byte, kBytes> into{};
  EXPECT_FALSE(publisher.commit(0));
  ASSERT_TRUE(publisher.claim());
  EXPECT_FALSE(publisher.commit(kBytes + 1));
  EXPECT_FALSE(publisher.commit(SIZE_MAX));
  EXPECT_TRUE(publisher.commit(kBytes));
  EXPECT_FALSE(publisher.commit(1));
  ASSERT_TRUE(publisher.claim());
  publisher.abort();
  EXPECT_FALSE(publisher.commit(1));
  ASSERT_TRUE(publisher.claim());
  ASSERT_NO_FATAL_FAILURE(ends.publish(7));
  EXPECT_FALSE(publisher.commit(1)) << "the other message took its place";
  EXPECT_FALSE(ends.subscriber.release());
  EXPECT_EQ(ends.subscriber.receive(into, kLong).value(), kBytes);
  EXPECT_EQ(ends.subscriber.receive(into, kLong).value(), 16U);
  EXPECT_TRUE(test::is_message(std::span(into).first(16), 7));
  EXPECT_FALSE(ends.subscriber.receive(into, 0ns).value());
  EXPECT_FALSE(ends.subscriber.release());
}

TEST_P(TopicInPlaceTest, SubscriberIsWokenByACommit) {
  Ends ends(GetParam(), 8, kAsleep);
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    ends.publish_in_place(3, 8);
  });
  std::array<std::byte, kBytes> into{};
  EXPECT_EQ(ends.subscriber.receive(into, kLong).value(), 8U);
}

TEST_P(TopicInPlaceTest, ClaimsForNoReaderAreRefused) {
  Ends ends(GetParam());
  ends.publisher->require_reader();
  ASSERT_TRUE(ends.publisher->claim_for(0ns).value());
  { const Subscriber gone = std::move(ends.subscriber); }
  EXPECT_EQ(code_of(ends.publisher->claim_for(kLong)), ErrorCode::no_reader);
  EXPECT_FALSE(ends.publisher->claim());
  EXPECT_FALSE(ends.publisher->commit(1)) << "the claim before is forgotten";
  ends.publisher->require_reader(false);
  EXPECT_TRUE(ends.publisher->claim());
}

TEST_P(TopicInPlaceTest, WhatALookThrowsComesOutAndTheMessageComesAgain) {
  Ends ends(GetParam());
  ASSERT_NO_FATAL_FAILURE(ends.publish(5));
  EXPECT_THROW((void)ends.subscriber.read([](auto) { throw std::runtime_error("no"); }),
               std::runtime_error);
  bool is_it = false;
  const auto look = [&](auto message) { is_it = test::is_message(message, 5); };
  EXPECT_EQ(ends.subscriber.read(look, 0ns).value(), Seen::whole);
  EXPECT_TRUE(is_it);
}

// --- lossless ------------------------------------------------------------------------------------

TEST(TopicInPlaceTest, PeekedMessageStaysUntilItIsReleased) {
  Ends ends(Policy::lossless, 2);
  Subscriber& subscriber = ends.subscriber;
  EXPECT_TRUE(subscriber.reads_in_place());
  EXPECT_FALSE(subscriber.peek());
  EXPECT_FALSE(subscriber.peek_for(1ms).value());
  ASSERT_NO_FATAL_FAILURE(ends.publish(0));
  ASSERT_NO_FATAL_FAILURE(ends.publish(1));
  for (std::uint64_t number = 0; number < 20; ++number) {
    const auto message = subscriber.peek_for(kLong).value();
    ASSERT_TRUE(message);
    EXPECT_FALSE(ends.publisher->claim_for(0ns).value()) << "the publisher waits for it";
    EXPECT_TRUE(subscriber.has_message_for(0ns).value());
    EXPECT_EQ(subscriber.peek()->data(), message->data());
    EXPECT_TRUE(test::is_message(*message, number));
    EXPECT_TRUE(subscriber.release());
    EXPECT_FALSE(subscriber.release()) << "once";
    ASSERT_NO_FATAL_FAILURE(ends.publish(number + 2));
  }
  ends.publisher.reset();
  EXPECT_TRUE(subscriber.peek_for(kLong).value());
  EXPECT_TRUE(subscriber.release());
  EXPECT_TRUE(subscriber.peek());
  EXPECT_TRUE(subscriber.release());
  EXPECT_FALSE(subscriber.peek());
  EXPECT_EQ(code_of(subscriber.peek_for(kLong)), ErrorCode::closed);
}

TEST(TopicInPlaceTest, ReceiveTakesThePeekedMessage) {
  Ends ends(Policy::lossless);
  std::array<std::byte, kBytes> into{};
  ASSERT_NO_FATAL_FAILURE(ends.publish(4));
  ASSERT_TRUE(ends.subscriber.peek());
  EXPECT_EQ(ends.subscriber.receive(into, 0ns).value(), 16U);
  EXPECT_TRUE(test::is_message(std::span(into).first(16), 4));
  EXPECT_FALSE(ends.subscriber.release());
}

TEST(TopicInPlaceTest, EvictedSubscriberLearnsThatItMayBeTorn) {
  for (const bool by_read : {false, true}) {
    Ends ends(Policy::lossless, 2);
    ASSERT_NO_FATAL_FAILURE(ends.publish(1));
    const auto overwrite = [&] {
      core::BroadcastLossless<>::evict(ends.publisher->region().lossless_memory(),
                                       [](auto) { return true; });
      for (std::uint64_t number = 2; number < 5; ++number) ends.publish(number);
    };
    if (by_read) {
      EXPECT_EQ(ends.subscriber.read([&](auto) { overwrite(); }, kLong).value(), Seen::torn);
    } else {
      ASSERT_TRUE(ends.subscriber.peek());
      overwrite();
      EXPECT_FALSE(ends.subscriber.release());
    }
    EXPECT_EQ(code_of(ends.subscriber.peek_for(kLong)), ErrorCode::evicted);
    EXPECT_EQ(code_of(ends.subscriber.read([](auto) { FAIL(); }, kLong)), ErrorCode::evicted);
  }
}

TEST(TopicInPlaceTest, DeathIsToldFirstAndWhatIsLeftCanBePeekedAt) {
  const test::TemporaryNameFolder folder;
  ChildProcess dies = ChildProcess::fork([] {
    Publisher publisher =
        Publisher::create("topic", {.policy = Policy::lossless, .message_bytes = kBytes}).value();
    if (!publisher.wait_for_subscribers(1, kLong).value()) return 1;
    std::array<std::byte, 16> message{};
    test::write_message(message, 6);
    if (!publisher.publish(message).value()) return 2;
    ::pause();
    return 3;
  });
  Subscriber keeps = Subscriber::open("topic", TopicStart::oldest, kLong).value();
  ASSERT_TRUE(keeps.has_message_for(kLong).value());
  dies.kill_now();
  Topic topic = Topic::attach({.memory = keeps.region().fd(), .bells = -1}).value();
  Subscriber late = Subscriber::open(std::move(topic), TopicStart::oldest).value();
  EXPECT_FALSE(late.peek());
  EXPECT_EQ(code_of(late.peek_for(kLong)), ErrorCode::peer_dead);
  ASSERT_TRUE(late.peek());
  EXPECT_TRUE(test::is_message(*late.peek(), 6));
}

// --- lossy ---------------------------------------------------------------------------------------

TEST(TopicInPlaceTest, LossyTopicIsNotPeekedAt) {
  Ends ends(Policy::lossy);
  ASSERT_NO_FATAL_FAILURE(ends.publish(1));
  EXPECT_FALSE(ends.subscriber.reads_in_place());
  EXPECT_FALSE(ends.subscriber.peek());
  EXPECT_EQ(code_of(ends.subscriber.peek_for(0ns)), ErrorCode::unsupported);
  EXPECT_EQ(ends.subscriber.read([](auto) {}, 0ns).value(), Seen::whole);
}

TEST(TopicInPlaceTest, LookAtWhatIsOverwrittenIsTornAndCountsAsMissed) {
  Ends ends(Policy::lossy, 4);
  ASSERT_NO_FATAL_FAILURE(ends.publish(0));
  const auto overwrite = [&](auto) {
    for (std::uint64_t number = 1; number < 6; ++number) ends.publish(number);
  };
  EXPECT_EQ(ends.subscriber.read(overwrite, kLong).value(), Seen::torn);
  const std::uint64_t missed = ends.subscriber.missed();
  EXPECT_GT(missed, 0U);
  std::uint64_t due = missed;
  const auto look = [&](auto message) { EXPECT_TRUE(test::is_message(message, due)) << due; };
  for (; due < 6; ++due) ASSERT_EQ(ends.subscriber.read(look, 0ns).value(), Seen::whole);
  EXPECT_EQ(ends.subscriber.read(look, 0ns).value(), Seen::nothing);
}

TEST(TopicInPlaceTest, LookAtWhatCannotBeIsAnError) {
  Ends ends(Policy::lossy);
  ASSERT_NO_FATAL_FAILURE(ends.publish(1));
  ends.publisher->region().lossy_memory().slots[8] = std::byte{0xff};  // the size's lowest byte
  ends.publisher->region().lossy_memory().slots[15] = std::byte{0xff};
  for (const auto timeout : {0ns, std::chrono::nanoseconds(kLong)}) {
    EXPECT_EQ(code_of(ends.subscriber.read([](auto) { FAIL(); }, timeout)), ErrorCode::corrupt);
  }
}

// A publisher that writes without a pause: what is called whole was whole.
TEST(TopicInPlaceTest, WhatIsCalledWholeWasNotTorn) {
  if (core::thread_sanitizer::kWatches) GTEST_SKIP() << "it calls a look in place a race";
  Ends ends(Policy::lossy, 8);
  std::jthread publishing([&](const std::stop_token& stop) {
    for (std::uint64_t number = 0; !stop.stop_requested(); ++number) {
      ends.publish_in_place(number, kBytes);
    }
  });
  std::uint64_t whole = 0;
  std::uint64_t torn = 0;
  std::array<std::byte, kBytes> seen{};
  const auto end = std::chrono::steady_clock::now() + kLong;
  while ((whole < 20'000 || torn < 5) && std::chrono::steady_clock::now() < end) {
    const auto look = [&](std::span<const std::byte> message) {
      std::memcpy(seen.data(), message.data(), message.size());
      if (torn < 5) std::this_thread::yield();  // so that some are overwritten
    };
    switch (ends.subscriber.read(look, kLong).value()) {
      case Seen::whole:
        ++whole;
        ASSERT_TRUE(test::is_message(seen, ends.subscriber.position() - 1));
        break;
      case Seen::torn:
        ++torn;
        break;
      case Seen::nothing:
        break;
    }
  }
  EXPECT_GE(whole, 20'000U);
  EXPECT_GT(torn, 0U);
}

}  // namespace
}  // namespace ringbell
