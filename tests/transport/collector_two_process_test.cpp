// A collector among several processes: order within each contributor, every way for a wait to end,
// and deaths.
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/collector.hpp>

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

constexpr auto kLong = 20s;

Region new_collector(std::uint32_t contributors = 4) {
  return Region::create(
             CollectorOptions{.contributors = contributors, .capacity_bytes = 4096}.region())
      .value();
}

bool send(Contributor& contributor, std::uint64_t number, Timeout timeout = kLong) {
  std::vector<std::byte> bytes(8 + test::mix(number) % 300);
  write_message(bytes, number);
  return contributor.send(bytes, timeout).value_or(false);
}

std::optional<std::uint64_t> receive(Collector& collector, Timeout timeout = kLong) {
  const auto message = collector.peek_for(timeout).value();
  if (!message) return std::nullopt;
  std::uint64_t number = 0;
  std::memcpy(&number, message->data(), sizeof number);
  EXPECT_TRUE(is_message(*message, number));
  collector.release();
  return number;
}

TEST(CollectorTest, EachMessageSaysWhose) {
  const Region region = new_collector();
  Collector collector = Collector::open(copy_of(region)).value();
  Contributor first = Contributor::open(copy_of(region)).value();
  Contributor second = Contributor::open(copy_of(region)).value();
  ASSERT_NE(first.lane(), second.lane());
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(send(first, i));
    ASSERT_EQ(receive(collector), i);
    ASSERT_EQ(collector.lane(), first.lane());
    ASSERT_TRUE(send(second, i + 1000));
    ASSERT_EQ(receive(collector), i + 1000);
    ASSERT_EQ(collector.lane(), second.lane());
  }
  EXPECT_EQ(receive(collector, 0ns), std::nullopt);
  EXPECT_EQ(receive(collector, 5ms), std::nullopt);
}

TEST(CollectorTest, FullLaneIsNotNowForItsContributorAlone) {
  const Region region = new_collector();
  Collector collector = Collector::open(copy_of(region)).value();
  Contributor first = Contributor::open(copy_of(region)).value();
  Contributor second = Contributor::open(copy_of(region)).value();
  std::uint64_t sent = 0;
  while (send(first, sent, 0ns)) ++sent;
  EXPECT_GT(sent, 10U);
  EXPECT_FALSE(send(first, sent, 5ms));
  EXPECT_TRUE(send(second, 1000, 0ns));
  while (receive(collector, 0ns)) {
  }
  EXPECT_TRUE(send(first, sent, 0ns));
}

TEST(CollectorTest, StagedMessagesAreShownBeforeTheirContributorWaits) {
  const Region region = new_collector();
  Collector collector = Collector::open(copy_of(region)).value();
  Contributor contributor = Contributor::open(copy_of(region)).value();
  while (contributor.claim(100)) contributor.stage();
  EXPECT_FALSE(collector.peek());
  EXPECT_FALSE(contributor.claim_for(100, 1ms).value());
  EXPECT_TRUE(collector.peek());
}

TEST(CollectorTest, SuccessorGoesOnWhereTheClosedOneEnded) {
  const Region region = new_collector();
  Contributor contributor = Contributor::open(copy_of(region)).value();
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(send(contributor, i));
  for (std::uint64_t i = 0; i < 3; ++i) {
    Collector collector = Collector::open(copy_of(region)).value();
    EXPECT_EQ(receive(collector), i);
  }
}

TEST(CollectorTest, WhatCannotBeIsAnError) {
  const Region region = new_collector(1);
  Contributor contributor = Contributor::open(copy_of(region)).value();
  EXPECT_EQ(code_of(Contributor::open(copy_of(region))), ErrorCode::no_place);
  EXPECT_EQ(code_of(contributor.claim_for(5000)), ErrorCode::too_large);
  Collector collector = Collector::open(copy_of(region)).value();
  EXPECT_EQ(code_of(Collector::open(copy_of(region))), ErrorCode::busy);
  ASSERT_TRUE(send(contributor, 1));
  std::array<std::byte, 4> small{};
  EXPECT_EQ(code_of(collector.receive(small, kLong)), ErrorCode::too_large);
  EXPECT_EQ(receive(collector), 1U);
}

TEST(CollectorTest, CorruptLaneIsToldAndHarmsNobody) {
  const Region region = new_collector();
  Collector collector = Collector::open(copy_of(region)).value();
  Contributor liar = Contributor::open(copy_of(region)).value();
  Contributor honest = Contributor::open(copy_of(region)).value();
  const std::uint64_t nonsense = core::SpscPlaces::header_of(0, 0x77777777);
  std::memcpy(region.fan_in_memory().ring(liar.lane()).data, &nonsense, sizeof nonsense);
  EXPECT_FALSE(collector.peek_for(10ms).value());
  EXPECT_EQ(collector.corrupt_lanes(), 1U);
  EXPECT_STREQ(collector.finding(liar.lane()).field, "RecordHeader");
  EXPECT_EQ(collector.finding(liar.lane()).value, nonsense);
  EXPECT_EQ(collector.finding(honest.lane()).field, nullptr);
  EXPECT_EQ(collector.lane_count(), 4U);
  ASSERT_TRUE(send(honest, 5));
  EXPECT_EQ(receive(collector), 5U);
}

TEST(CollectorTest, ContributorLearnsOfTheEnd) {
  const Region region = new_collector();
  Contributor contributor = Contributor::open(copy_of(region), {.longest_sleep = 5ms}).value();
  { const Collector collector = Collector::open(copy_of(region)).value(); }
  std::uint64_t sent = 0;
  while (send(contributor, sent, 0ns)) ++sent;
  std::vector<std::byte> bytes(300);
  EXPECT_EQ(code_of(contributor.send(bytes, kLong)), ErrorCode::closed);
  ChildProcess dies = ChildProcess::fork([&] {
    const Collector collector = Collector::open(copy_of(region)).value();
    ::raise(SIGKILL);
    return 1;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  EXPECT_EQ(code_of(contributor.send(bytes, kLong)), ErrorCode::peer_dead);
  Collector successor = Collector::open(copy_of(region)).value();
  for (std::uint64_t i = 0; i < sent; ++i) EXPECT_EQ(receive(successor), i);
}

TEST(CollectorTest, SuccessorTakesUpTheLaneOfADeadContributor) {
  const Region region = new_collector(1);
  ChildProcess dies = ChildProcess::fork([&] {
    Contributor contributor = Contributor::open(copy_of(region)).value();
    if (!send(contributor, 1) || !contributor.claim(100)) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  Contributor contributor = Contributor::open(copy_of(region)).value();
  ASSERT_TRUE(send(contributor, 2));
  Collector collector = Collector::open(copy_of(region)).value();
  EXPECT_EQ(receive(collector), 1U);
  EXPECT_EQ(receive(collector), 2U);
}

TEST(CollectorTest, ManyProcessesSleepAndWake) {
  constexpr std::uint64_t kEach = 10'000;
  constexpr std::uint64_t kContributors = 4;
  const Region region = new_collector();
  std::vector<ChildProcess> children;
  children.reserve(kContributors);
  for (std::uint64_t from = 0; from < kContributors; ++from) {
    children.push_back(ChildProcess::fork([&] {
      Contributor contributor = Contributor::open(copy_of(region), {.spin_budget = 0ns}).value();
      for (std::uint64_t i = 0; i < kEach; ++i) {
        if (!send(contributor, from << 32U | i)) return 1;
      }
      return contributor.missed_rings() == 0 ? 0 : 2;
    }));
  }
  Collector collector = Collector::open(copy_of(region), {.spin_budget = 0ns}).value();
  std::array<std::uint64_t, kContributors> next{};
  for (std::uint64_t i = 0; i < kContributors * kEach; ++i) {
    const std::optional<std::uint64_t> number = receive(collector);
    ASSERT_TRUE(number) << i;
    ASSERT_EQ(*number & UINT32_MAX, next.at(*number >> 32U)++);
  }
  for (ChildProcess& child : children) EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(collector.corrupt_lanes(), 0U);
}

}  // namespace
}  // namespace ringbell
