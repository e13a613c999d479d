// What an end of a queue does when it joins: it takes what dead ends held, and looks at no slot if
// there is nothing to take.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr std::uint32_t kBytes = 64;
constexpr auto kLong = 20s;
constexpr std::array<std::byte, 8> kMessage{std::byte{42}};

// A receiver in a child that dies with a message in hand.
void die_with_one_of(const Region& region) {
  ChildProcess child = ChildProcess::fork([&] {
    QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
    if (!receiver.peek_for(kLong).value()) return 1;
    ::kill(::getpid(), SIGKILL);
    return 2;
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
}

// So many slots that asking after some participants is less than looking at all of them.
Region large_queue(std::uint32_t participants) {
  return Region::create(QueueOptions{.messages = 1U << 17U,
                                     .message_bytes = kBytes,
                                     .participants = participants}
                            .region())
      .value();
}
// Whether this end has looked at most of the ring: by pages, which may be huge.
template <class End>
bool has_seen_all(const End& end) {
  const std::uint64_t seen_bytes = end.region().memory_in_use().value().resident_bytes;
  return seen_bytes > end.region().mapped_bytes() / 4;
}

TEST(JoiningTest, AnEndThatJoinsLooksAtNoSlotWhileAllAreThere) {
  const Region region = large_queue(64);
  const QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  { const QueueSender closed = QueueSender::open(copy_of(region)).value(); }
  const QueueSender sender = QueueSender::open(copy_of(region)).value();
  EXPECT_FALSE(has_seen_all(receiver));
  EXPECT_FALSE(has_seen_all(sender));
}

// By a number of its own, or by the dead receiver's.
TEST(JoiningTest, AnEndThatJoinsTakesWhatADeadOneHeld) {
  for (const std::uint32_t participants : {2U, 8U}) {
    const Region region = large_queue(participants);
    QueueSender sender = QueueSender::open(copy_of(region)).value();
    ASSERT_EQ(sender.send(kMessage, kLong), true);
    die_with_one_of(region);
    QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
    EXPECT_EQ(receiver.recovered().returned, 1U) << participants;
    EXPECT_TRUE(receiver.peek());
  }
}

TEST(JoiningTest, AnEndThatJoinsLooksAtNoSlotAfterTheDeadWereBuried) {
  const Region region = large_queue(8);
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  ASSERT_EQ(sender.send(kMessage, kLong), true);
  die_with_one_of(region);
  {
    QueueReceiver receiver = QueueReceiver::open(copy_of(region), {.longest_sleep = 1ms}).value();
    ASSERT_TRUE(receiver.peek_for(kLong).value());
    ASSERT_TRUE(receiver.release());
    EXPECT_FALSE(receiver.peek_for(50ms).value());
  }
  const QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  EXPECT_FALSE(has_seen_all(receiver));
}

}  // namespace
}  // namespace ringbell
