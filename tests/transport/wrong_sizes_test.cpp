// A hostile peer writes over the size of a message in a slot: the end that reads it says so, also
// one that polls, and one that a loop arms.
#include <array>
#include <chrono>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using ::testing::HasSubstr;

constexpr std::uint64_t kUnusual = 53;  // no other word of a new ring is this
constexpr std::array<std::byte, kUnusual> kMessage{};
constexpr std::uint32_t kRoom = 64;

// Each word that is kUnusual becomes one that no slot has room for. Returns how many.
int spoil_sizes(const Region& region) {
  int spoilt = 0;
  std::byte* const end = region.base() + region.mapped_bytes();
  for (std::byte* at = region.data(); at + sizeof kUnusual <= end; at += sizeof kUnusual) {
    if (std::memcmp(at, &kUnusual, sizeof kUnusual) != 0) continue;
    std::memset(at, 0xff, sizeof kUnusual);
    ++spoilt;
  }
  return spoilt;
}

template <class End>
void expect_told(End& end) {
  ASSERT_TRUE(end.waitable_fd());
  EXPECT_FALSE(end.arm()) << "there is an Error to tell";
  std::array<std::byte, kRoom> room{};
  for (const Timeout timeout : {Timeout(0ns), Timeout(20s)}) {
    const auto got = end.receive(room, timeout);
    ASSERT_FALSE(got);
    EXPECT_STREQ(name_of(code_of(got)), "corrupt");
    EXPECT_THAT(message_of(got), HasSubstr("size is 0xffffffffffffffff"));
  }
  EXPECT_FALSE(end.arm()) << "it is still to be told";
}

TEST(WrongSizesTest, OfAQueueAreTold) {
  const Region region =
      Region::create(QueueOptions{.messages = 8, .message_bytes = kRoom}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  ASSERT_EQ(sender.send(kMessage, 0ns), true);
  ASSERT_GE(spoil_sizes(region), 1);
  expect_told(receiver);
}

// Of a topic of each kind, with a message in it.
template <class Look>
void look_at_spoilt_topics(Look&& look) {
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy, .messages = 8, .message_bytes = kRoom}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    Publisher publisher = Publisher::open(std::move(topic)).value();
    ASSERT_EQ(publisher.publish(kMessage, 0ns), true);
    ASSERT_GE(spoil_sizes(publisher.region()), 1);
    look(subscriber);
  }
}

TEST(WrongSizesTest, OfATopicAreTold) {
  look_at_spoilt_topics([](Subscriber& subscriber) { expect_told(subscriber); });
}

// As the first call after it, too.
TEST(WrongSizesTest, OfATopicAreToldToThoseThatReadInPlace) {
  look_at_spoilt_topics([](Subscriber& subscriber) {
    const auto fails = [](auto) { ADD_FAILURE() << "there is nothing to look at"; };
    EXPECT_EQ(code_of(subscriber.read(fails, 0ns)), ErrorCode::corrupt);
    EXPECT_EQ(code_of(subscriber.read(fails, 20s)), ErrorCode::corrupt);
    EXPECT_EQ(code_of(subscriber.has_message_for(20s)), ErrorCode::corrupt);
  });
}

}  // namespace
}  // namespace ringbell
