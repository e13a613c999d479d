// Every call of every end out of turn: nothing happens, or there is an Error, and messages go on
// through the ring whole. Debug builds assert in core what these calls would break.
#include <array>
#include <chrono>
#include <initializer_list>
#include <span>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/out_of_turn.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::Buffer;
using test::copy_of;
using test::expect_harmless;
using test::kBytes;
using test::kFourGiBAnd8;
using test::kLong;
using test::said_to_have;

// Each kind of ring: one end that sends and one that receives, with what goes through them.
template <bool timed>
struct ChannelPair {
  static constexpr bool kTimed = timed;
  Channel channel = Channel::create({.capacity_bytes = 4096, .timed = timed}).value();
  Channel same = Channel::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  Receiver receiver = Receiver::open(std::move(same)).value();

  bool send(std::span<const std::byte> message) { return sender.send(message, kLong).value(); }
  std::size_t receive(std::span<std::byte> into) {
    return receiver.receive(into, kLong).value().value();
  }
};

struct CollectorPair {
  Region region =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor sender = Contributor::open(copy_of(region)).value();
  Collector receiver = Collector::open(copy_of(region)).value();

  bool send(std::span<const std::byte> message) { return sender.send(message, kLong).value(); }
  std::size_t receive(std::span<std::byte> into) {
    return receiver.receive(into, kLong).value().value();
  }
};

struct QueuePair {
  Region region =
      Region::create(
          QueueOptions{.messages = 8, .message_bytes = kBytes, .participants = 4}.region())
          .value();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();

  bool send(std::span<const std::byte> message) { return sender.send(message, kLong).value(); }
  std::size_t receive(std::span<std::byte> into) {
    return receiver.receive(into, kLong).value().value();
  }
};

template <TopicOptions::Policy policy, std::uint32_t publishers>
struct TopicPair {
  Topic topic =
      Topic::create(
          {.policy = policy, .messages = 64, .message_bytes = kBytes, .publishers = publishers})
          .value();
  Subscriber receiver = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher sender = Publisher::open(std::move(topic)).value();

  bool send(std::span<const std::byte> message) { return sender.publish(message, kLong).value(); }
  std::size_t receive(std::span<std::byte> into) {
    return receiver.receive(into, kLong).value().value();
  }
};

// What Sender and Contributor have in common.
template <class Pair>
void expect_record_writer_harmless() {
  expect_harmless<Pair>({
      {"commit() without a claim", [](Pair& p) { p.sender.commit(); }},
      {"commit(n) without a claim", [](Pair& p) { p.sender.commit(8); }},
      {"commit(0) without a claim",
       [](Pair& p) {
         p.sender.commit(0);
         p.sender.stage(0);
         p.sender.flush();
       }},
      {"commit(0) twice",
       [](Pair& p) {
         ASSERT_TRUE(p.sender.claim(0));
         p.sender.commit(0);
         p.sender.commit(0);
         ASSERT_EQ(p.receiver.peek().value().size(), 0U);
         p.receiver.release();
       }},
      {"commit of more than was claimed",
       [](Pair& p) {
         ASSERT_EQ(p.sender.claim(9).value().size(), 9U);
         p.sender.commit(10);
         p.sender.commit(SIZE_MAX);
         p.sender.commit(kFourGiBAnd8);
       }},
      {"commit() after abort()",
       [](Pair& p) {
         ASSERT_EQ(p.sender.claim(9).value().size(), 9U);
         p.sender.abort();
         p.sender.commit();
         p.sender.commit(9);
       }},
      {"stage() without a claim, and flush()",
       [](Pair& p) {
         p.sender.stage();
         p.sender.stage(8);
         p.sender.flush();
       }},
      {"stage() of too much",
       [](Pair& p) {
         ASSERT_EQ(p.sender.claim(9).value().size(), 9U);
         p.sender.stage(10);
         p.sender.flush();
       }},
      {"flush_to() where nothing is staged",
       [](Pair& p) {
         p.sender.flush_to(0);
         p.sender.flush_to(p.sender.position() + 8);
         p.sender.flush_to(p.sender.position() - 8);
         p.sender.flush_to(UINT64_MAX);
       }},
      {"abort() without a claim", [](Pair& p) { p.sender.abort(); }},
      {"claim(0), and the claim is forgotten",
       [](Pair& p) { EXPECT_EQ(p.sender.claim(0).value().size(), 0U); }},
      {"claim() of more than fits",
       [](Pair& p) {
         EXPECT_FALSE(p.sender.claim(p.sender.max_record_bytes() + std::size_t{1}));
         EXPECT_FALSE(p.sender.claim(kFourGiBAnd8));
         EXPECT_FALSE(p.sender.claim(SIZE_MAX));
         p.sender.commit();
       }},
      {"claim_for() of too much",
       [](Pair& p) {
         EXPECT_EQ(code_of(p.sender.claim_for(kFourGiBAnd8, 0ns)), ErrorCode::too_large);
       }},
      {"send() of too much",
       [](Pair& p) {
         EXPECT_EQ(code_of(p.sender.send(said_to_have(kFourGiBAnd8), 0ns)), ErrorCode::too_large);
         EXPECT_FALSE(p.sender.try_send(said_to_have(kFourGiBAnd8)));
       }},
      {"arm() for what never fits, disarm() of nothing",
       [](Pair& p) {
         EXPECT_FALSE(p.sender.arm(kFourGiBAnd8));
         p.sender.disarm();
       }},
  });
}

TEST(MisuseTest, OfASender) { expect_record_writer_harmless<ChannelPair<false>>(); }
TEST(MisuseTest, OfAContributor) { expect_record_writer_harmless<CollectorPair>(); }

// A message of 0 bytes is one: it comes in its turn, and is not "nothing came".
template <class Pair>
void expect_empty_messages_to_arrive() {
  Pair pair;
  Buffer bytes{};
  Buffer into{};
  for (int lap = 0; lap < 200; ++lap) {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 8, 0, 0, 56}) {
      ASSERT_TRUE(pair.send(std::span(bytes).first(size)));
      ASSERT_TRUE(pair.send({}));
      ASSERT_EQ(pair.receive(into), size);
      ASSERT_EQ(pair.receive(into), 0U);
    }
  }
  EXPECT_EQ(pair.receiver.receive(into, 0ns).value(), std::nullopt);
}

TEST(EmptyMessageTest, ThroughAChannel) { expect_empty_messages_to_arrive<ChannelPair<false>>(); }
TEST(EmptyMessageTest, ThroughACollector) { expect_empty_messages_to_arrive<CollectorPair>(); }
TEST(EmptyMessageTest, ThroughAQueue) { expect_empty_messages_to_arrive<QueuePair>(); }
TEST(EmptyMessageTest, ThroughALosslessTopic) {
  expect_empty_messages_to_arrive<TopicPair<TopicOptions::Policy::lossless, 1>>();
  expect_empty_messages_to_arrive<TopicPair<TopicOptions::Policy::lossless, 2>>();
}
TEST(EmptyMessageTest, ThroughALossyTopic) {
  expect_empty_messages_to_arrive<TopicPair<TopicOptions::Policy::lossy, 1>>();
  expect_empty_messages_to_arrive<TopicPair<TopicOptions::Policy::lossy, 2>>();
}

// One record that is there.
template <class Pair>
void put_one(Pair& pair) {
  const std::array<std::byte, 16> message{};
  ASSERT_TRUE(pair.send(message));
}

template <class Pair>
void expect_receiver_harmless() {
  expect_harmless<Pair>({
      {"release() without a record", [](Pair& p) { p.receiver.release(); }},
      {"release() of what was not peeked",
       [](Pair& p) {
         put_one(p);
         p.receiver.release();
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
       }},
      {"release() twice",
       [](Pair& p) {
         put_one(p);
         put_one(p);
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
         p.receiver.release();
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
         p.receiver.release();
       }},
      {"hold() without a record, and twice",
       [](Pair& p) {
         p.receiver.hold();
         put_one(p);
         put_one(p);
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.hold();
         p.receiver.hold();
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
       }},
      {"release() after unhold()",
       [](Pair& p) {
         put_one(p);
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.hold();
         p.receiver.unhold();
         p.receiver.release();
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
         p.receiver.unhold();
       }},
      {"release_to() where nothing is held",
       [](Pair& p) {
         const std::uint64_t before = p.receiver.position();
         p.receiver.release_to(before + 8);
         p.receiver.release_to(before - 8);
         p.receiver.release_to(UINT64_MAX);
         put_one(p);
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.hold();
         p.receiver.release_to(p.receiver.position() + 8);
         p.receiver.release_to(p.receiver.position());
         p.receiver.release_to(before);
         p.receiver.release_to(before);
       }},
      {"peek_newest() without a record, twice, and over held ones",
       [](Pair& p) {
         EXPECT_FALSE(p.receiver.peek_newest());
         put_one(p);
         put_one(p);
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.hold();
         ASSERT_EQ(p.receiver.peek_newest().value().size(), 16U);
         p.receiver.unhold();  // nothing is held
         p.receiver.release();
         ASSERT_EQ(p.receiver.peek_newest().value().size(), 16U);
         p.receiver.release();
         p.receiver.release();
         EXPECT_FALSE(p.receiver.peek_newest());
       }},
      {"user_header() of what is not peeked",
       [](Pair& p) {
         EXPECT_FALSE(p.receiver.user_header());
         put_one(p);
         put_one(p);
         EXPECT_FALSE(p.receiver.user_header());
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         EXPECT_EQ(p.receiver.user_header().has_value(), Pair::kTimed);
         p.receiver.hold();
         EXPECT_FALSE(p.receiver.user_header());
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
         EXPECT_FALSE(p.receiver.user_header());
       }},
      {"receive() into nothing",
       [](Pair& p) {
         EXPECT_EQ(p.receiver.receive({}, 0ns).value(), std::nullopt);
         put_one(p);
         EXPECT_EQ(code_of(p.receiver.receive({}, kLong)), ErrorCode::too_large);
         EXPECT_EQ(p.receiver.drain([](auto) {}), 1U);
         p.receiver.release();
       }},
  });
}

TEST(MisuseTest, OfAReceiver) {
  expect_receiver_harmless<ChannelPair<false>>();
  expect_receiver_harmless<ChannelPair<true>>();
}

TEST(MisuseTest, OfACollector) {
  using Pair = CollectorPair;
  expect_harmless<Pair>({
      {"release() without a message", [](Pair& p) { p.receiver.release(); }},
      {"release() of what was not peeked, and twice",
       [](Pair& p) {
         put_one(p);
         p.receiver.release();
         ASSERT_EQ(p.receiver.peek().value().size(), 16U);
         p.receiver.release();
         p.receiver.release();
       }},
      {"a lane that there is not",
       [](Pair& p) { EXPECT_EQ(p.receiver.finding(UINT32_MAX).field, nullptr); }},
      {"receive() into nothing",
       [](Pair& p) {
         put_one(p);
         EXPECT_EQ(code_of(p.receiver.receive({}, kLong)), ErrorCode::too_large);
         Buffer into{};
         EXPECT_EQ(p.receiver.receive(into, kLong), 16U);
       }},
  });
}

TEST(MisuseTest, OfAQueue) {
  using Pair = QueuePair;
  expect_harmless<Pair>({
      {"commit() without a claim", [](Pair& p) { EXPECT_FALSE(p.sender.commit(8)); }},
      {"commit() twice",
       [](Pair& p) {
         ASSERT_TRUE(p.sender.claim());
         EXPECT_TRUE(p.sender.commit(8));
         EXPECT_FALSE(p.sender.commit(8));
         ASSERT_TRUE(p.receiver.peek());
         EXPECT_TRUE(p.receiver.release());
       }},
      {"commit() of too much",
       [](Pair& p) {
         ASSERT_TRUE(p.sender.claim());
         EXPECT_FALSE(p.sender.commit(kBytes + 1));
         EXPECT_FALSE(p.sender.commit(kFourGiBAnd8));
         p.sender.abort();
       }},
      {"claim() twice gives the same room",
       [](Pair& p) {
         const auto room = p.sender.claim();
         ASSERT_EQ(room.value().size(), kBytes);
         EXPECT_EQ(p.sender.claim().value().data(), room->data());
         EXPECT_FALSE(p.sender.arm());
         p.sender.abort();
       }},
      {"abort() without a claim",
       [](Pair& p) {
         p.sender.abort();
         p.sender.abort();
       }},
      {"send() of too much",
       [](Pair& p) {
         EXPECT_EQ(code_of(p.sender.send(said_to_have(kFourGiBAnd8), 0ns)), ErrorCode::too_large);
       }},
      {"release() without a message, and twice",
       [](Pair& p) {
         EXPECT_FALSE(p.receiver.release());
         put_one(p);
         EXPECT_FALSE(p.receiver.release());
         ASSERT_TRUE(p.receiver.peek());
         EXPECT_TRUE(p.receiver.release());
         EXPECT_FALSE(p.receiver.release());
       }},
      {"recover() of nothing",
       [](Pair& p) {
         EXPECT_EQ(p.sender.recover().skipped, 0U);
         EXPECT_EQ(p.receiver.recover().returned, 0U);
       }},
      {"recover() with a message in hand, which stays there",
       [](Pair& p) {
         put_one(p);
         ASSERT_TRUE(p.receiver.peek());
         EXPECT_EQ(p.receiver.recover().returned, 0U);
         EXPECT_TRUE(p.receiver.release());
       }},
  });
}

template <class Pair>
void expect_topic_harmless() {
  expect_harmless<Pair>({
      {"publish() of too much",
       [](Pair& p) {
         EXPECT_EQ(code_of(p.sender.publish(said_to_have(kFourGiBAnd8), 0ns)),
                   ErrorCode::too_large);
       }},
      {"receive() into too little",
       [](Pair& p) {
         EXPECT_EQ(code_of(p.receiver.receive({}, 0ns)), ErrorCode::invalid_argument);
       }},
      {"evict() of nothing, disarm() of nothing",
       [](Pair& p) {
         EXPECT_EQ(p.sender.evict(), 0U);
         p.sender.disarm();
         p.receiver.disarm();
       }},
  });
}

TEST(MisuseTest, OfALosslessTopic) {
  expect_topic_harmless<TopicPair<TopicOptions::Policy::lossless, 1>>();
  expect_topic_harmless<TopicPair<TopicOptions::Policy::lossless, 2>>();
}
TEST(MisuseTest, OfALossyTopic) {
  expect_topic_harmless<TopicPair<TopicOptions::Policy::lossy, 1>>();
  expect_topic_harmless<TopicPair<TopicOptions::Policy::lossy, 2>>();
}

}  // namespace
}  // namespace ringbell
