// Timed channels and collectors: each record carries when it was sent and by which sender, and a
// receiver passes over what is too old.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr auto kAge = 20ms;

class TimeToLiveTest : public ::testing::Test {
 protected:
  void send(std::uint64_t number) {
    std::array<std::byte, 40> message{};
    std::memcpy(message.data(), &number, sizeof number);
    if (number % 3 == 0) {  // each way to send
      ASSERT_TRUE(sender_.try_send(message));
    } else {
      const auto room = sender_.claim_for(message.size(), kLong).value();
      ASSERT_TRUE(room);
      std::memcpy(room->data(), message.data(), message.size());
      number % 3 == 1 ? sender_.commit() : sender_.stage();
    }
    sender_.flush();
  }
  static std::uint64_t number_in(std::span<const std::byte> record) {
    EXPECT_EQ(record.size(), 40U);
    std::uint64_t number = 0;
    std::memcpy(&number, record.data(), sizeof number);
    return number;
  }
  // Of the next record that is fresh; nothing: there is none.
  std::optional<std::uint64_t> next(std::chrono::nanoseconds time_to_live) {
    const auto record = receiver_.peek_fresh_for(time_to_live, 0ns).value();
    if (!record) return std::nullopt;
    const std::uint64_t number = number_in(*record);
    receiver_.release();
    return number;
  }

  Channel channel_ = Channel::create({.capacity_bytes = 4096, .timed = true}).value();
  Sender sender_ = Sender::attach(channel_.fds()).value();
  Receiver receiver_ = Receiver::attach(channel_.fds()).value();
};

TEST_F(TimeToLiveTest, WhatIsOlderIsPassedOverAndCounted) {
  for (std::uint64_t number = 0; number < 6; ++number) send(number);
  std::this_thread::sleep_for(kAge);
  for (std::uint64_t number = 6; number < 9; ++number) send(number);
  EXPECT_EQ(next(1h), 0U) << "old enough for this one";
  EXPECT_EQ(receiver_.expired(), 0U);
  std::this_thread::sleep_for(kAge);
  send(9);
  EXPECT_EQ(next(1h), 1U);
  EXPECT_EQ(next(0ns), std::nullopt);
  EXPECT_EQ(receiver_.expired(), 8U);
  send(10);
  EXPECT_EQ(next(1h), 10U);
  EXPECT_EQ(receiver_.expired(), 8U);
}

TEST_F(TimeToLiveTest, WithinItsTimeEachRecordComesOnceAndInOrder) {
  for (std::uint64_t number = 0; number < 500; ++number) {
    // What stood in the place of the time would be too old for ever.
    core::user_header_of(sender_.claim_for(40, kLong).value().value()).time_ns = UINT64_MAX;
    sender_.abort();
    send(number);
    ASSERT_EQ(next(1h), number);
  }
  EXPECT_EQ(receiver_.expired(), 0U);
  EXPECT_EQ(receiver_.lag(), 0U);
}

TEST_F(TimeToLiveTest, OtherCallsSeeEachRecordAndNoneOfItsTime) {
  send(1);
  std::this_thread::sleep_for(1ms);
  EXPECT_EQ(number_in(receiver_.peek().value()), 1U);
  EXPECT_EQ(number_in(receiver_.peek_for(kLong).value().value()), 1U);
  receiver_.release();
  EXPECT_FALSE(receiver_.peek());  // which gives back what was read
  EXPECT_LT(sender_.max_record_bytes(), 4096U - 8 - 16);
  EXPECT_TRUE(sender_.claim_for(sender_.max_record_bytes(), kLong).value());
}

TEST_F(TimeToLiveTest, WaitsForAFreshOneAndTellsHowTheSenderEnded) {
  std::jthread sending([&] {
    std::this_thread::sleep_for(5ms);
    send(7);
  });
  EXPECT_EQ(number_in(receiver_.peek_fresh_for(1h, kLong).value().value()), 7U);
  sending.join();
  std::this_thread::sleep_for(1ms);
  { const Sender gone = std::move(sender_); }
  const auto end = receiver_.peek_fresh_for(1us, kLong);
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), ErrorCode::closed);
  EXPECT_EQ(receiver_.expired(), 1U);
}

// A time that is to come is of another boot, or a lie.
TEST_F(TimeToLiveTest, RecordFromTheFutureIsTooOld) {
  const auto room = sender_.claim_for(8, kLong).value();
  core::user_header_of(*room).time_ns = UINT64_MAX;  // less than that ago, if it wraps around
  sender_.commit();
  EXPECT_EQ(next(std::chrono::nanoseconds::max()), std::nullopt);
  EXPECT_EQ(receiver_.expired(), 1U);
}

TEST_F(TimeToLiveTest, EachRecordTellsWhoseItIsAndWhichOfThose) {
  const std::uint64_t before = record_time_ns();
  for (std::uint32_t number = 1; number < 200; ++number) {
    if (number % 3 != 0) (void)sender_.claim_for(40, kLong).value().value();  // and not used
    if (number % 2 == 0) sender_.abort();
    sender_.set_source(number < 100 ? 7 : UINT32_MAX);
    send(number);
    EXPECT_FALSE(receiver_.user_header()) << "nothing is peeked";
    ASSERT_EQ(number_in(receiver_.peek().value()), number);
    const UserHeader header = receiver_.user_header().value();
    EXPECT_EQ(header.sequence, number);
    EXPECT_EQ(header.source, number < 100 ? 7 : UINT32_MAX);
    EXPECT_GE(header.time_ns, before);
    EXPECT_LE(header.time_ns, record_time_ns());
    receiver_.release();
  }
  EXPECT_FALSE(receiver_.user_header());
}

TEST_F(TimeToLiveTest, StagedRecordsAreNumberedAndAnAbortLeavesAGap) {
  const auto stage = [&] {
    (void)sender_.claim_for(8, kLong).value().value();
    sender_.stage();
  };
  const auto next_number = [&] {
    if (!receiver_.peek()) return 0U;
    const std::uint32_t number = receiver_.user_header().value().sequence;
    receiver_.hold();
    EXPECT_FALSE(receiver_.user_header()) << "it is held, and no other one is peeked";
    return number;
  };
  for (int i = 0; i < 3; ++i) stage();
  sender_.flush();
  for (int i = 0; i < 2; ++i) stage();
  sender_.abort();
  send(0);
  for (const std::uint32_t number : {1U, 2U, 3U, 6U, 0U}) EXPECT_EQ(next_number(), number);
}

TEST_F(TimeToLiveTest, NextSenderCountsAnew) {
  send(0);
  { const Sender gone = std::move(sender_); }
  sender_ = Sender::attach(channel_.fds()).value();
  send(3);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(receiver_.peek());
    EXPECT_EQ(receiver_.user_header().value().sequence, 1U);
    EXPECT_EQ(receiver_.user_header().value().source, static_cast<std::uint32_t>(::getpid()));
    receiver_.release();
  }
}

// What only a hostile sender does: a record that was peeked is none any more.
TEST_F(TimeToLiveTest, RecordThatWasTakenBackHasNoHeader) {
  send(0);
  const std::uint64_t position = receiver_.position();
  ASSERT_TRUE(receiver_.peek());
  core::SpscPlaces(channel_.region().spsc_memory()).header_at(position) = 0;
  EXPECT_FALSE(receiver_.user_header());
  receiver_.release();
  EXPECT_EQ(receiver_.position(), position);
}

// What only a hostile sender writes: a record in each place, whatever was given back.
TEST_F(TimeToLiveTest, OldRecordsWithoutEndDoNotKeepAReaderThatOnlyLooks) {
  const core::SpscPlaces places(channel_.region().spsc_memory());
  const std::uint64_t bytes = places.footprint(0);
  const auto fill_ring_from = [&](std::uint64_t position) {
    for (std::uint64_t at = position; at < position + 4096; at += bytes) {
      places.header_at(at) = core::SpscPlaces::header_of(at, 0);
    }
  };
  fill_ring_from(0);
  std::jthread lies([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      using Atomics = core::HardwareAtomics;
      fill_ring_from(Atomics::load(channel_.region().spsc_control().head, std::memory_order_relaxed,
                                   core::Edge{"spsc.R"}));
    }
  });
  // Until it has often been quick enough to keep ahead of the reader for a lap, at least.
  const auto end = std::chrono::steady_clock::now() + kLong;
  for (int laps = 0; laps < 100 && std::chrono::steady_clock::now() < end;) {
    const std::uint64_t before = receiver_.position();
    (void)receiver_.peek_fresh_for(0ns, 0ns);
    const std::uint64_t passed_over = receiver_.position() - before;
    ASSERT_LE(passed_over, 4096 + bytes);
    if (passed_over >= 4096) ++laps;
  }
}

TEST(UntimedChannelTest, HasNoTimesToGoBy) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  ASSERT_TRUE(sender.try_send(std::array<std::byte, 8>{}));
  const auto record = receiver.peek_fresh_for(1h, kLong);
  ASSERT_FALSE(record);
  EXPECT_EQ(code_of(record), ErrorCode::invalid_argument);
  EXPECT_TRUE(receiver.peek());
  EXPECT_FALSE(receiver.user_header());
}

TEST(TimedCollectorTest, EachMessageTellsWhoseItIsAndWhichOfThose) {
  for (const std::uint32_t alignment : {8U, 64U}) {
    const Region region = Region::create(CollectorOptions{.contributors = 3,
                                                          .capacity_bytes = 4096,
                                                          .record_alignment = alignment,
                                                          .payload_alignment = alignment,
                                                          .timed = true}
                                             .region())
                              .value();
    std::array<Contributor, 3> contributors{Contributor::open(copy_of(region)).value(),
                                            Contributor::open(copy_of(region)).value(),
                                            Contributor::open(copy_of(region)).value()};
    Collector collector = Collector::open(copy_of(region)).value();
    for (Contributor& each : contributors) each.set_source(100 + each.lane());
    EXPECT_FALSE(collector.user_header());
    const std::uint64_t before = record_time_ns();
    std::array<std::uint32_t, 3> due{1, 1, 1};
    for (std::uint32_t i = 0; i < 300; ++i) {
      Contributor& each = contributors[i % 3];
      const std::array<std::byte, 50> message{std::byte(i)};
      ASSERT_TRUE(each.send(std::span(message).first(1 + i % 50), kLong).value());
      const auto found = collector.peek_for(kLong).value();
      ASSERT_TRUE(found);
      EXPECT_EQ(found->front(), std::byte(i));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found->data()) % alignment, 0U);
      const UserHeader header = collector.user_header().value();
      EXPECT_EQ(header.source, 100 + collector.lane());
      EXPECT_EQ(header.sequence, due[collector.lane()]++);
      EXPECT_GE(header.time_ns, before);
      collector.release();
      EXPECT_FALSE(collector.user_header());
    }
  }
}

// What only a hostile contributor does: the next lane's message is not lost by it.
TEST(TimedCollectorTest, MessageThatWasTakenBackHasNoHeader) {
  const Region region =
      Region::create(CollectorOptions{.contributors = 2, .timed = true}.region()).value();
  Contributor one = Contributor::open(copy_of(region)).value();
  Contributor other = Contributor::open(copy_of(region)).value();
  Collector collector = Collector::open(copy_of(region)).value();
  ASSERT_TRUE(one.try_send(std::array<std::byte, 8>{}));
  ASSERT_TRUE(other.try_send(std::array<std::byte, 8>{}));
  ASSERT_TRUE(collector.peek());
  const std::uint32_t spoilt = collector.lane();
  core::SpscPlaces(region.fan_in_memory().ring(spoilt)).header_at(0) = 0;
  EXPECT_FALSE(collector.user_header());
  collector.release();
  ASSERT_TRUE(collector.peek_for(kLong).value());
  EXPECT_NE(collector.lane(), spoilt);
}

TEST(TimedCollectorTest, OtherCollectorsHaveNoHeaders) {
  const Region region = Region::create(CollectorOptions{}.region()).value();
  Contributor contributor = Contributor::open(copy_of(region)).value();
  Collector collector = Collector::open(copy_of(region)).value();
  ASSERT_TRUE(contributor.try_send(std::array<std::byte, 8>{}));
  ASSERT_TRUE(collector.peek());
  EXPECT_FALSE(collector.user_header());
}

TEST(TypedUserHeaderTest, MessageInHandHasItsHeader) {
  const Channel channel = Channel::create({.timed = true, .type = type_of<int>()}).value();
  auto sender = typed::Sender<int>::open(Channel::attach(channel.fds()).value()).value();
  auto receiver = typed::Receiver<int>::open(Channel::attach(channel.fds()).value()).value();
  sender.set_source(9);
  ASSERT_TRUE(sender.try_send(1));
  ASSERT_TRUE(sender.try_send(2));
  for (const std::uint32_t number : {1U, 2U}) {
    const auto message = receiver.next(kLong);
    ASSERT_TRUE(message);
    EXPECT_EQ(receiver.user_header().value().sequence, number);
    EXPECT_EQ(receiver.user_header().value().source, 9U);
  }
  EXPECT_FALSE(receiver.user_header());
}

TEST(UntimedChannelTest, OnlyRingsOfRecordsAreTimed) {
  RegionOptions options = QueueOptions{}.region();
  options.shape.user_header_bytes = 16;
  EXPECT_EQ(code_of(Region::create(options)), ErrorCode::invalid_argument);
  options = ChannelOptions{}.region();
  options.shape.user_header_bytes = 8;
  EXPECT_EQ(code_of(Region::create(options)), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace ringbell
