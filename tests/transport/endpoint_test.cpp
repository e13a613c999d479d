// Sender and Receiver in one process: every way to wait, and every way for it to end.
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using Clock = std::chrono::steady_clock;
using test::is_message;
using test::write_message;
using ::testing::HasSubstr;

// Generous: these machines are busy. A wait that hangs takes a test's whole time limit.
constexpr auto kPrompt = 15s;  // and not for ever, however busy the machine is
constexpr auto kLong = 20s;

struct How {
  const char* name;
  DoorbellKind doorbell;
  WaitOptions wait;
};

class EndpointTest : public ::testing::TestWithParam<How> {
 protected:
  void SetUp() override {
    channel.emplace(
        Channel::create({.capacity_bytes = 4096, .doorbell = GetParam().doorbell}).value());
    receiver.emplace(Receiver::attach(channel->fds(), GetParam().wait).value());
    sender.emplace(Sender::attach(channel->fds(), GetParam().wait).value());
  }

  std::span<const std::byte> message(std::uint64_t number, std::size_t size) {
    message_.resize(size);
    write_message(message_, number);
    return message_;
  }
  // How many messages of 100 bytes it took to fill the ring.
  std::uint64_t fill() {
    std::uint64_t count = 0;
    while (sender->try_send(message(count, 100))) ++count;
    return count;
  }

  std::optional<Channel> channel;
  std::optional<Receiver> receiver;
  std::optional<Sender> sender;
  std::array<std::byte, 4096> buffer{};

 private:
  std::vector<std::byte> message_;
};

INSTANTIATE_TEST_SUITE_P(
    EveryWait, EndpointTest,
    ::testing::Values(
        How{"Spin", DoorbellKind::none, {}},
        How{"SpinBesideFutex", DoorbellKind::futex, {.kind = WaitOptions::Kind::spin}},
        How{"SpinYielding", DoorbellKind::none, {.kind = WaitOptions::Kind::spin, .yield = true}},
        How{"Futex", DoorbellKind::futex, {}},
        How{"FutexAtOnce", DoorbellKind::futex, {.spin_budget = 0ns}},
        How{"Eventfd", DoorbellKind::eventfd, {}},
        How{"EventfdAtOnce", DoorbellKind::eventfd, {.spin_budget = 0ns}}),
    [](const auto& how) { return how.param.name; });

TEST_P(EndpointTest, MessagesComeAsTheyWereSent) {
  for (std::uint64_t number = 0; number < 1000; ++number) {
    const std::size_t size = test::size_of_message(number, sender->max_record_bytes());
    ASSERT_EQ(sender->send(message(number, size), kLong), true);
    ASSERT_EQ(receiver->receive(buffer, kLong), size);
    ASSERT_TRUE(is_message(std::span(buffer).first(size), number));
    // The head is published late; a ring found empty is all the sender's.
    ASSERT_FALSE(receiver->peek());
  }
}

TEST_P(EndpointTest, TryNeverWaits) {
  EXPECT_FALSE(receiver->peek());
  EXPECT_EQ(receiver->receive(buffer, 0ns), std::nullopt);
  EXPECT_EQ(receiver->receive(buffer, -1s), std::nullopt);
  EXPECT_GT(fill(), 10U);
  EXPECT_FALSE(sender->try_send(message(0, 100)));
  EXPECT_EQ(sender->send(message(0, 100), 0ns), false);
  EXPECT_EQ(sender->send(message(0, 100), -1s), false);
}

TEST_P(EndpointTest, WaitsEndWhenTheirTimeIsUp) {
  const auto start = Clock::now();
  EXPECT_EQ(receiver->receive(buffer, 20ms), std::nullopt);
  EXPECT_FALSE(receiver->peek_for(20ms).value());
  EXPECT_EQ(receiver->receive(buffer, 1ns), std::nullopt);
  EXPECT_GE(Clock::now() - start, 40ms);
  const std::uint64_t sent = fill();
  const auto full = Clock::now();
  EXPECT_EQ(sender->send(message(0, 100), 20ms), false);
  EXPECT_FALSE(sender->claim_for(100, 20ms).value());
  EXPECT_GE(Clock::now() - full, 40ms);
  EXPECT_LT(Clock::now() - start, 10s);
  for (std::uint64_t number = 0; number < sent; ++number) {
    ASSERT_EQ(receiver->receive(buffer, 0ns), 100U);
    ASSERT_TRUE(is_message(std::span(buffer).first(100), number));
  }
}

TEST_P(EndpointTest, BothSidesWaitForEachOther) {
  constexpr std::uint64_t kMessages = 20'000;
  std::thread other([&] {
    std::vector<std::byte> bytes(4096);
    for (std::uint64_t number = 0; number < kMessages; ++number) {
      const auto size = test::size_of_message(number, 1000);
      const std::span<std::byte> into = std::span(bytes).first(size);
      write_message(into, number);
      ASSERT_EQ(sender->send(into, kLong), true) << number;
    }
  });
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const auto record = receiver->peek_for(kLong);
    EXPECT_TRUE(record && *record && is_message(**record, number) &&
                (*record)->size() == test::size_of_message(number, 1000))
        << number;
    if (HasFailure()) break;
    receiver->release();
  }
  if (HasFailure()) receiver.reset();  // ends the sender's wait
  other.join();
}

TEST_P(EndpointTest, ClosedSenderIsReportedAfterDraining) {
  const std::uint64_t sent = fill();
  sender.reset();
  for (std::uint64_t number = 0; number < sent; ++number) {
    ASSERT_EQ(receiver->receive(buffer, kLong), 100U);
  }
  const auto start = Clock::now();
  const auto nothing = receiver->receive(buffer);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(code_of(nothing), ErrorCode::closed);
  EXPECT_LT(Clock::now() - start, kPrompt);
}

TEST_P(EndpointTest, ClosedSenderIsReportedToWhoeverPolls) {
  ASSERT_TRUE(sender->try_send(message(1, 10)));
  sender.reset();
  ASSERT_EQ(receiver->receive(buffer, 0ns), 10U);
  const auto nothing = receiver->receive(buffer, 0ns);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(code_of(nothing), ErrorCode::closed);
}

TEST_P(EndpointTest, ClosedSenderWakesTheWaitingReceiver) {
  std::thread other([&] { sender.reset(); });
  const auto start = Clock::now();
  const auto nothing = receiver->receive(buffer);
  EXPECT_LT(Clock::now() - start, kPrompt);
  other.join();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(code_of(nothing), ErrorCode::closed);
}

TEST_P(EndpointTest, ClosedReceiverIsReportedWhenTheRingIsFull) {
  receiver.reset();
  EXPECT_TRUE(sender->try_send(message(1, 10))) << "there is room still";
  fill();
  for (const Timeout timeout : {Timeout(kForever), Timeout(0)}) {
    const auto start = Clock::now();
    const Result<bool> sent = sender->send(message(1, 100), timeout);
    EXPECT_LT(Clock::now() - start, kPrompt);
    ASSERT_FALSE(sent);
    EXPECT_EQ(code_of(sent), ErrorCode::closed);
  }
}

TEST_P(EndpointTest, ClosedReceiverWakesTheWaitingSender) {
  fill();
  std::thread other([&] { receiver.reset(); });
  const auto start = Clock::now();
  const Result<bool> sent = sender->send(message(1, 100));
  EXPECT_LT(Clock::now() - start, kPrompt);
  other.join();
  ASSERT_FALSE(sent);
  EXPECT_EQ(code_of(sent), ErrorCode::closed);
}

TEST_P(EndpointTest, SecondOfARoleIsBusy) {
  const Result<Sender> second_sender = Sender::attach(channel->fds());
  ASSERT_FALSE(second_sender);
  EXPECT_EQ(code_of(second_sender), ErrorCode::busy);
  EXPECT_THAT(message_of(second_sender), HasSubstr("writer"));
  const Result<Receiver> second_receiver = Receiver::attach(channel->fds());
  ASSERT_FALSE(second_receiver);
  EXPECT_EQ(code_of(second_receiver), ErrorCode::busy);
  EXPECT_THAT(message_of(second_receiver), HasSubstr("reader"));
  // The refused ones did not disturb the others.
  ASSERT_TRUE(sender->try_send(message(1, 10)));
  EXPECT_EQ(receiver->receive(buffer, kLong), 10U);
}

TEST_P(EndpointTest, SuccessorsGoOnWhereTheClosedOnesEnded) {
  for (std::uint64_t number = 0; number < 10; ++number) {
    ASSERT_TRUE(sender->try_send(message(number, 50)));
  }
  for (std::uint64_t number = 0; number < 4; ++number) {
    ASSERT_EQ(receiver->receive(buffer, 0ns), 50U);
  }
  receiver.reset();
  sender.reset();
  sender.emplace(Sender::attach(channel->fds(), GetParam().wait).value());
  receiver.emplace(Receiver::attach(channel->fds(), GetParam().wait).value());
  ASSERT_TRUE(sender->try_send(message(10, 50)));
  for (std::uint64_t number = 4; number <= 10; ++number) {  // closed in order: nothing is repeated
    ASSERT_EQ(receiver->receive(buffer, kLong), 50U);
    ASSERT_TRUE(is_message(std::span(buffer).first(50), number)) << number;
  }
  EXPECT_EQ(receiver->receive(buffer, 0ns), std::nullopt);
}

TEST_P(EndpointTest, ReceiverWaitsForASenderThatHasNotComeYet) {
  sender.reset();
  receiver.reset();
  const Channel fresh =
      Channel::create({.capacity_bytes = 4096, .doorbell = GetParam().doorbell}).value();
  receiver.emplace(Receiver::attach(fresh.fds(), GetParam().wait).value());
  EXPECT_EQ(receiver->receive(buffer, 5ms), std::nullopt);
  std::thread other([&] {
    sender.emplace(Sender::attach(fresh.fds(), GetParam().wait).value());
    EXPECT_TRUE(sender->try_send(message(3, 30)));
  });
  EXPECT_EQ(receiver->receive(buffer, kLong), 30U);
  other.join();
}

TEST_P(EndpointTest, ImpossibleSizesAreErrors) {
  const std::uint32_t largest = sender->max_record_bytes();
  const Result<bool> sent = sender->send(message(1, largest + 1));
  ASSERT_FALSE(sent);
  EXPECT_EQ(code_of(sent), ErrorCode::too_large);
  EXPECT_THAT(message_of(sent), HasSubstr(std::to_string(largest)));
  EXPECT_EQ(code_of(sender->claim_for(~0U)), ErrorCode::too_large);
  EXPECT_EQ(sender->send(message(1, largest), kLong), true);
}

TEST_P(EndpointTest, MessageStaysIfTheBufferIsTooSmall) {
  ASSERT_TRUE(sender->try_send(message(5, 100)));
  for (const std::size_t small : {std::size_t{0}, std::size_t{99}}) {
    const auto got = receiver->receive(std::span(buffer).first(small), kLong);
    ASSERT_FALSE(got);
    EXPECT_EQ(code_of(got), ErrorCode::too_large);
    EXPECT_THAT(message_of(got), HasSubstr("100"));
  }
  ASSERT_EQ(receiver->receive(std::span(buffer).first(100), kLong), 100U);
  EXPECT_TRUE(is_message(std::span(buffer).first(100), 5));
}

TEST_P(EndpointTest, BatchIsDrainedInOneGo) {
  for (std::uint64_t number = 0; number < 20; ++number) {
    const std::span<std::byte> room = sender->claim(64).value();
    write_message(room.first(60), number);
    sender->stage(60);
  }
  EXPECT_FALSE(receiver->peek());
  sender->flush();
  std::uint64_t number = 0;
  const auto check = [&](std::span<const std::byte> record) {
    EXPECT_TRUE(record.size() == 60 && is_message(record, number)) << number;
    ++number;
  };
  EXPECT_EQ(receiver->drain(check, 5), 5U);
  EXPECT_EQ(receiver->drain(check), 15U);
  EXPECT_EQ(receiver->drain(check), 0U);
}

TEST_P(EndpointTest, StagedRecordsAreFlushedBeforeTheSenderWaits) {
  std::uint64_t staged = 0;
  for (; sender->claim(100); ++staged) sender->stage();
  EXPECT_FALSE(receiver->peek());
  EXPECT_FALSE(sender->claim_for(100, 1ns).value());
  EXPECT_EQ(receiver->drain([](auto) {}), staged);
  EXPECT_TRUE(sender->claim_for(100, kLong).value());
}

TEST_P(EndpointTest, LyingSenderIsReportedAndNeverHangsTheReceiver) {
  Region& region = channel->region();
  const core::SpscPlaces places(region.spsc_memory());
  const std::uint64_t start = receiver->position();
  for (std::uint64_t at = 0; at < region.geometry().capacity_bytes; at += places.footprint(1)) {
    places.header_at(start + at) = core::SpscPlaces::header_of(start + at, 1);
  }
  EXPECT_LE(receiver->drain([](auto) {}), region.geometry().capacity_bytes / 16) << "a full circle";
  const std::uint64_t next = receiver->position();
  places.header_at(next) = core::SpscPlaces::header_of(next, UINT32_MAX);
  const auto got = receiver->receive(buffer);
  ASSERT_FALSE(got);
  EXPECT_EQ(code_of(got), ErrorCode::corrupt);
}

TEST_P(EndpointTest, LyingReceiverIsReportedToTheSender) {
  fill();
  channel->region().spsc_control().head = ~std::uint64_t{7};
  const Result<bool> sent = sender->send(message(1, 100));
  ASSERT_FALSE(sent);
  EXPECT_EQ(code_of(sent), ErrorCode::corrupt);
  sender.reset();
  receiver.reset();
  channel->region().spsc_control().head = 3;
  EXPECT_EQ(code_of(Sender::attach(channel->fds())), ErrorCode::corrupt);
  EXPECT_EQ(code_of(Receiver::attach(channel->fds())), ErrorCode::corrupt);
}

TEST_P(EndpointTest, MovedEndpointsWorkAndTheOldOnesCloseNothing) {
  Sender new_sender(std::move(*sender));
  sender.reset();
  Receiver new_receiver(std::move(*receiver));
  receiver.reset();
  EXPECT_EQ(new_sender.send(message(4, 40), kLong), true);
  EXPECT_EQ(new_receiver.receive(buffer, kLong), 40U);
  EXPECT_EQ(new_receiver.receive(buffer, 1ms), std::nullopt) << "and not closed";
}

// --- turns on one CPU: a reader keeps the lines of what it has read ------------------------------

constexpr std::uint64_t kRing = 4096;

Endpoint side_of(const Channel& channel, Role role, const WaitOptions& wait) {
  Endpoint side = Endpoint::open(Channel::attach(channel.fds()).value(), role, wait).value();
  EXPECT_EQ(side.takes_turns(kRing), wait.yield) << "before anything went through";
  side.moved_to(10 * kRing);
  return side;
}

TEST(TurnsTest, TakenByASideThatSlept) {
  const Channel channel = Channel::create({.capacity_bytes = kRing}).value();
  Endpoint reader = side_of(channel, Role::reader, {.spin_budget = 0ns});
  EXPECT_FALSE(reader.takes_turns(kRing));
  EXPECT_EQ(reader.wait_until([] { return false; }, 2ms), Waited::timed_out);
  EXPECT_TRUE(reader.takes_turns(kRing));
  reader.moved_to(11 * kRing - 8);
  EXPECT_TRUE(reader.takes_turns(kRing));
  reader.moved_to(11 * kRing);
  EXPECT_FALSE(reader.takes_turns(kRing)) << "a whole ring went through, and none slept";
}

TEST(TurnsTest, TakenByASideThatWokeItsPeer) {
  const Channel channel = Channel::create({.capacity_bytes = kRing}).value();
  Endpoint reader = side_of(channel, Role::reader, {});
  Endpoint writer = side_of(channel, Role::writer, {});
  reader.published();
  EXPECT_FALSE(reader.takes_turns(kRing));
  EXPECT_TRUE(writer.arm([] { return false; }));
  reader.published();
  EXPECT_TRUE(reader.takes_turns(kRing));
}

TEST(TurnsTest, TakenByASideThatGaveTheCpuAwayAndThenHadWhatItWaitedFor) {
  const Channel channel = Channel::create({.capacity_bytes = kRing}).value();
  Endpoint reader = side_of(channel, Role::reader, {.within_quota = false});
  EXPECT_EQ(reader.wait_until([] { return false; }, 2ms), Waited::timed_out);  // spinning is vain
  reader.moved_to(20 * kRing);
  EXPECT_FALSE(reader.takes_turns(kRing));
  int looks = 0;
  EXPECT_EQ(reader.wait_until([&] { return ++looks == 2; }, 20s), Waited::ready);
  EXPECT_TRUE(reader.takes_turns(kRing));
}

TEST(TurnsTest, TakenByASideThatGivesTheCpuAway) {
  const Channel channel = Channel::create({.capacity_bytes = kRing}).value();
  const Endpoint reader =
      side_of(channel, Role::reader, {.kind = WaitOptions::Kind::spin, .yield = true});
  EXPECT_TRUE(reader.takes_turns(kRing));
}

}  // namespace
}  // namespace ringbell
