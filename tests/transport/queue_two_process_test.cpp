// A queue among several processes: order, every way for a wait to end, and deaths with a message in
// hand.
#include <array>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;
using test::is_message;
using test::write_message;

constexpr std::uint32_t kBytes = 200;
constexpr auto kLong = 20s;

Region new_queue(std::uint64_t messages = 16,
                 core::DoorbellKind doorbell = core::DoorbellKind::futex) {
  return Region::create(QueueOptions{.messages = messages,
                                     .message_bytes = kBytes,
                                     .participants = 8,
                                     .doorbell = doorbell}
                            .region())
      .value();
}

void send(QueueSender& sender, std::uint64_t number, std::uint32_t size = 64) {
  std::vector<std::byte> bytes(size);
  write_message(bytes, number);
  ASSERT_EQ(sender.send(bytes, kLong), true) << number;
}

// The number of the message, whose bytes were checked.
std::optional<std::uint64_t> receive(QueueReceiver& receiver, Timeout timeout = kLong) {
  std::array<std::byte, kBytes> bytes{};
  const auto size = receiver.receive(bytes, timeout).value();
  if (!size) return std::nullopt;
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  EXPECT_TRUE(is_message(std::span(bytes).first(*size), number));
  return number;
}

TEST(QueueTest, MessagesOfEverySizeComeInOrder) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  for (std::uint32_t size = 8; size <= kBytes; ++size) {
    send(sender, size, size);
    EXPECT_EQ(receive(receiver), size);
  }
  EXPECT_EQ(sender.max_message_bytes(), kBytes);
}

TEST(QueueTest, FullAndEmptyAreNotNow) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  EXPECT_EQ(receive(receiver, 0ns), std::nullopt);
  EXPECT_EQ(receive(receiver, 10ms), std::nullopt);
  for (std::uint64_t i = 0; i < 16; ++i) send(sender, i);
  std::vector<std::byte> bytes(8);
  EXPECT_EQ(sender.send(bytes, 0ns), false);
  EXPECT_EQ(sender.send(bytes, 10ms), false);
  EXPECT_EQ(receive(receiver), 0U);
  EXPECT_EQ(sender.send(bytes, 0ns), true);
}

TEST(QueueTest, WhatDoesNotFitIsAnError) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  std::vector<std::byte> bytes(kBytes + 1);
  EXPECT_EQ(code_of(sender.send(bytes)), ErrorCode::too_large);
  send(sender, 7, 100);
  EXPECT_EQ(code_of(receiver.receive(std::span(bytes).first(99))), ErrorCode::too_large);
  EXPECT_EQ(receive(receiver), 7U);  // it was still there
}

TEST(QueueTest, SizeThatCannotBeIsCorrupt) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  send(sender, 1);
  const std::uint64_t lie = kBytes + 1;
  std::memcpy(region.data() + sizeof(core::MpmcState), &lie, sizeof lie);
  EXPECT_EQ(code_of(receiver.peek_for(kLong)), ErrorCode::corrupt);
}

TEST(QueueTest, OtherRingsAreRefused) {
  const Region channel =
      Region::create({.shape = {.capacity_bytes = 4096, .record_alignment = 8}}).value();
  EXPECT_EQ(code_of(QueueSender::open(copy_of(channel))), ErrorCode::not_a_region);
  const Region queue = new_queue();
  EXPECT_EQ(code_of(Contributor::open(copy_of(queue))), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(Sender::attach({.memory = queue.fd()})), ErrorCode::not_a_region);
  const Region bells = new_queue(16, core::DoorbellKind::eventfd);
  const auto by_eventfd = QueueReceiver::open(copy_of(bells));
  ASSERT_FALSE(by_eventfd);
  EXPECT_EQ(code_of(by_eventfd), ErrorCode::invalid_argument);
}

TEST(QueueTest, PlacesAreLimitedAndComeFreeAgain) {
  const Region region = new_queue();
  std::vector<QueueSender> senders;
  for (int i = 0; i < 8; ++i) senders.push_back(QueueSender::open(copy_of(region)).value());
  EXPECT_EQ(code_of(QueueReceiver::open(copy_of(region))), ErrorCode::no_place);
  senders.pop_back();
  EXPECT_TRUE(QueueReceiver::open(copy_of(region)));
}

TEST(QueueTest, MessageInHandGoesOnWhenItsReceiverCloses) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver other = QueueReceiver::open(copy_of(region)).value();
  send(sender, 5);
  {
    QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
    ASSERT_TRUE(receiver.peek());
    EXPECT_FALSE(other.peek());
  }
  ASSERT_TRUE(other.peek_for(kLong).value());
  EXPECT_TRUE(other.redelivered());
  EXPECT_TRUE(other.release());
}

TEST(QueueTest, ClaimedMessageIsSkippedWhenItsSenderCloses) {
  const Region region = new_queue();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  QueueSender second = QueueSender::open(copy_of(region)).value();
  {
    QueueSender first = QueueSender::open(copy_of(region)).value();
    ASSERT_TRUE(first.claim());
    send(second, 2);
    EXPECT_EQ(receive(receiver, 0ns), std::nullopt);  // it waits for the first
  }
  EXPECT_EQ(receive(receiver), 2U);
}

TEST(QueueTest, DeadSendersClaimIsSkippedByWhoeverWaitsForIt) {
  const Region region = new_queue();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region), {.longest_sleep = 5ms}).value();
  ChildProcess dies = ChildProcess::fork([&] {
    QueueSender sender = QueueSender::open(copy_of(region)).value();
    if (!sender.claim()) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  send(sender, 3);
  EXPECT_EQ(receive(receiver), 3U);
  EXPECT_EQ(receiver.recovered().skipped + sender.recovered().skipped, 1U);
}

TEST(QueueTest, DeadReceiversMessageComesAgainMarked) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  send(sender, 11);
  ChildProcess dies = ChildProcess::fork([&] {
    QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
    if (!receiver.peek()) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  ASSERT_TRUE(receiver.peek_for(kLong).value());
  EXPECT_TRUE(receiver.redelivered());
  EXPECT_TRUE(receiver.release());
  EXPECT_EQ(receiver.recovered().returned, 1U);
}

// Three senders, one of which dies again and again, and two receivers: each message of the two that
// live comes once, and in order from each.
TEST(QueueTest, ManyProcessesSleepAndWakeAndDie) {
  constexpr std::uint64_t kEach = 20'000;
  const Region region = new_queue();
  const auto sending = [&](std::uint64_t from) {
    QueueSender sender = QueueSender::open(copy_of(region), {.spin_budget = 0ns}).value();
    std::vector<std::byte> bytes(64);
    for (std::uint64_t i = 0; i < kEach; ++i) {
      write_message(bytes, from << 32U | i);
      if (!sender.send(bytes, kLong).value_or(false)) return 1;
    }
    return sender.missed_rings() == 0 ? 0 : 2;
  };
  ChildProcess first = ChildProcess::fork([&] { return sending(1); });
  ChildProcess second = ChildProcess::fork([&] { return sending(2); });
  ChildProcess killer = ChildProcess::fork([&] {
    for (int i = 0; i < 20; ++i) {
      ChildProcess dies = ChildProcess::fork([&] { return sending(3); });
      ::usleep(3000);
      dies.kill_now();
    }
    return 0;
  });
  std::array<std::uint64_t, 4> next{};
  std::uint64_t of_the_living = 0;
  QueueReceiver receiver =
      QueueReceiver::open(copy_of(region), {.spin_budget = 0ns, .longest_sleep = 20ms}).value();
  while (of_the_living < 2 * kEach) {
    const std::optional<std::uint64_t> number = receive(receiver);
    ASSERT_TRUE(number);
    const std::uint64_t from = *number >> 32U;
    const std::uint64_t i = *number & UINT32_MAX;
    ASSERT_THAT(from, testing::AllOf(testing::Ge(1U), testing::Le(3U)));
    if (from == 3) continue;  // each of its lives starts anew
    ASSERT_EQ(i, next[from]++);
    ++of_the_living;
  }
  while (receive(receiver, 300ms)) {
  }
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  EXPECT_EQ(killer.wait(), 0);
}

}  // namespace
}  // namespace ringbell
