// What endpoints count about themselves: waits, sleeps and rings, and nothing where they need none.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::byte, 8> kMessage{};
// Sleeps at once, and in slices that a test can wait for.
constexpr WaitOptions kSleepy{.spin_budget = 0ns, .longest_sleep = 1ms};

struct Pair {
  explicit Pair(const WaitOptions& wait) {
    Channel channel = Channel::create({.capacity_bytes = 4096}).value();
    receiver.emplace(Receiver::attach(channel.fds(), wait).value());
    sender.emplace(Sender::open(std::move(channel), wait).value());
  }
  std::optional<Sender> sender;
  std::optional<Receiver> receiver;
};

TEST(StatsTest, WhoNeverWaitsCountsNothing) {
  Pair pair(kSleepy);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(pair.sender->try_send(kMessage));
    ASSERT_TRUE(pair.receiver->peek());
    pair.receiver->release();
    ASSERT_FALSE(pair.receiver->peek_for(0ns).value());  // a look, no wait
  }
  for (const Stats& stats : {pair.sender->stats(), pair.receiver->stats()}) {
    EXPECT_EQ(stats.waits, 0U);
    EXPECT_EQ(stats.sleeps, 0U);
    EXPECT_EQ(stats.rings, 0U);
    EXPECT_EQ(stats.missed_rings, 0U);
  }
}

TEST(StatsTest, AWaitInSlicesIsOneWaitAndSeveralSleeps) {
  Pair pair(kSleepy);
  ASSERT_FALSE(pair.receiver->peek_for(300ms).value());
  EXPECT_EQ(pair.receiver->stats().waits, 1U);
  EXPECT_GE(pair.receiver->stats().sleeps, 2U);
  EXPECT_EQ(pair.receiver->stats().rings, 0U);
}

TEST(StatsTest, SpinningIsAWaitWithoutSleep) {
  Pair pair({.kind = WaitOptions::Kind::spin, .within_quota = false});
  ASSERT_FALSE(pair.receiver->peek_for(1ms).value());
  EXPECT_EQ(pair.receiver->stats().waits, 1U);
  EXPECT_EQ(pair.receiver->stats().sleeps, 0U);
}

TEST(StatsTest, WhoWakesASleeperHasRungOnce) {
  Pair pair({.spin_budget = 0ns, .longest_sleep = 20s});
  std::thread reader([&] {
    EXPECT_TRUE(pair.receiver->peek_for(20s).value());
    pair.receiver->release();
  });
  const std::uint32_t& bell = pair.sender->channel().region().spsc_control().data_bell.word;
  while (!core::Parking<>::peer_waits(bell, false)) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(pair.sender->try_send(kMessage));
  reader.join();
  // It looks once more between saying that it waits and sleeping.
  EXPECT_LE(pair.receiver->stats().sleeps, 1U);
  EXPECT_EQ(pair.sender->stats().rings, pair.receiver->stats().sleeps);
  EXPECT_EQ(pair.receiver->stats().waits, 1U);
  EXPECT_EQ(pair.receiver->stats().missed_rings, 0U);
}

TEST(StatsTest, EndpointsOfManyCountAsWell) {
  Topic topic = Topic::create({.messages = 16, .message_bytes = 8}).value();
  Subscriber subscriber =
      Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kSleepy)
          .value();
  const Publisher publisher = Publisher::open(std::move(topic)).value();
  std::array<std::byte, 8> room{};
  ASSERT_FALSE(subscriber.receive(room, 300ms).value().has_value());
  EXPECT_EQ(subscriber.stats().waits, 1U);
  EXPECT_GE(subscriber.stats().sleeps, 2U);
  EXPECT_EQ(publisher.stats().waits, 0U);
}

}  // namespace
}  // namespace ringbell
