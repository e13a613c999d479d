// A WaitSet with one end of every kind, asleep by words, by descriptors, or by both.
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>
#include <tests/support/wait_sets.hpp>

namespace ringbell {
namespace {

using namespace test;

template <class Kind>
class WaitSetTest : public ::testing::Test {
 protected:
  using End = typename Kind::End;

  static constexpr auto kFutex = core::DoorbellKind::futex;
  // There is no descriptor in its place.
  static constexpr bool kNeedsAWord = std::is_same_v<Kind, ReceiverOfChannel<kFutex>> ||
                                      std::is_same_v<Kind, SenderOfChannel<kFutex>>;

  void SetUp() override {
    if (kNeedsAWord && !futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  }
  // False: the end is not announced.
  [[nodiscard]] bool falls_asleep() const {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while ((__atomic_load_n(&at.word(), __ATOMIC_RELAXED) & 1U) == 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(2ms);
    return true;
  }
  // The end is woken each time that something comes while the set sleeps.
  void is_woken(WaitSet& set, End& end, WaitSet::Id id) {
    for (int round = 0; round < 10; ++round) {
      std::jthread other([&] {
        EXPECT_TRUE(falls_asleep());
        EXPECT_TRUE(at.provide());
      });
      ASSERT_EQ(ready_within(set, kLong), Ids{id}) << round;
      other.join();
      ASSERT_TRUE(at.consume(end));
    }
    EXPECT_EQ(ready_within(set, 0ns), Ids{});
    EXPECT_EQ(set.stats().missed_rings, 0U);
  }

  Kind at;
};
TYPED_TEST_SUITE(WaitSetTest, InterruptibleEnds, InterruptibleNames);

TYPED_TEST(WaitSetTest, TellsWhatIsThereUntilItIsTaken) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  EXPECT_EQ(ready_within(set, 0ns), Ids{});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ready_within(set, 5ms), Ids{}) << "armed, and nothing came";
    ASSERT_TRUE(this->at.provide());
    EXPECT_EQ(ready_within(set, 0ns), Ids{id});
    EXPECT_EQ(ready_within(set, kForever), Ids{id}) << "again, as nothing was taken";
    ASSERT_TRUE(this->at.consume(end));
    EXPECT_EQ(ready_within(set, 0ns), Ids{});
  }
}

TYPED_TEST(WaitSetTest, IsWokenByARing) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  this->is_woken(set, end, id);
  EXPECT_GT(set.stats().sleeps, 0U);
}

TYPED_TEST(WaitSetTest, IsWokenByARingAmongDescriptors) {
  auto end = this->at.open(kByBell);
  const Pipe pipe;
  WaitSet set = set_with(kByBell);
  const WaitSet::Id readable = set.add(pipe.end()).value();
  const WaitSet::Id id = add(set, end).value();
  this->is_woken(set, end, id);
  for (int round = 0; round < 10; ++round) {
    std::jthread other([&] {
      EXPECT_TRUE(this->falls_asleep());
      pipe.fill();
    });
    ASSERT_EQ(ready_within(set, kLong), Ids{readable}) << round;
    pipe.drain();
  }
  this->is_woken(set, end, id);
}

// As on a kernel without futex_waitv: ends of two that ring by futex have no other way.
TYPED_TEST(WaitSetTest, IsWokenWithoutAWordOfItsOwn) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell, kNoWords);
  const Result<WaitSet::Id> id = add(set, end);
  EXPECT_EQ(id.has_value(), !TestFixture::kNeedsAWord);
  if (!id) {
    EXPECT_EQ(code_of(id), ErrorCode::unsupported);
    EXPECT_FALSE(end.waitable_fd().has_value());
    EXPECT_EQ(ready_within(set, 1ms), Ids{}) << "nothing was added";
    return;
  }
  this->is_woken(set, end, *id);
}

TYPED_TEST(WaitSetTest, SpinsAsWell) {
  auto end = this->at.open(kByBell);
  const Pipe pipe;
  WaitSet set = set_with({.kind = WaitOptions::Kind::spin, .longest_sleep = 1h});
  const WaitSet::Id readable = set.add(pipe.end()).value();
  const WaitSet::Id id = add(set, end).value();
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(this->at.provide());
  });
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
  other.join();
  ASSERT_TRUE(this->at.consume(end));
  std::jthread writer([&] {
    std::this_thread::sleep_for(5ms);
    pipe.fill();
  });
  EXPECT_EQ(ready_within(set, kLong), Ids{readable});
}

TYPED_TEST(WaitSetTest, InterruptEndsAWaitAndOnlyOne) {
  auto end = this->at.open(kByBell);
  const Pipe pipe;
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  for (const bool with_descriptor : {false, true}) {
    if (with_descriptor) {
      ASSERT_TRUE(set.add(pipe.end()));
    }
    std::jthread other([&] {
      EXPECT_TRUE(this->falls_asleep());
      set.interrupt();
    });
    EXPECT_TRUE(is_interrupted_in_time(set));
    EXPECT_EQ(ready_within(set, 5ms), Ids{});
  }
  ASSERT_TRUE(this->at.provide());
  set.interrupt();
  EXPECT_EQ(ready_within(set, kLong), Ids{id}) << "what is there at once is told first";
}

TYPED_TEST(WaitSetTest, RemovedEndIsNotTold) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  EXPECT_TRUE(set.contains(id));
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  set.remove(id);
  EXPECT_FALSE(set.contains(id));
  ASSERT_TRUE(this->at.provide());
  EXPECT_EQ(ready_within(set, 5ms), Ids{});
  set.remove(id);
  const WaitSet::Id again = add(set, end).value();
  EXPECT_NE(again, id);
  EXPECT_EQ(ready_within(set, kLong), Ids{again});
}

// A wait of its own takes the announcement of a channel's end back.
TYPED_TEST(WaitSetTest, EndMayWaitByItselfInBetween) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  EXPECT_EQ(end.stats().sleeps, 0U) << "the set slept in its place";
  if constexpr (!std::is_same_v<typename TestFixture::End, Client>) {  // which gives its call up
    EXPECT_EQ(wait_on(end, 2ms), false);
  }
  this->is_woken(set, end, id);
}

TYPED_TEST(WaitSetTest, EndMayBeArmedByItselfInBetween) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = add(set, end).value();
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  ASSERT_TRUE(this->at.provide());
  ASSERT_TRUE(this->at.consume(end));
  EXPECT_TRUE(TypeParam::arm(end));
  this->is_woken(set, end, id);
}

// As by a peer that dies between its store and its ring.
TYPED_TEST(WaitSetTest, RingThatWasLeftOutCostsASlice) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with({.spin_budget = 0ns, .longest_sleep = 50ms});
  const WaitSet::Id id = add(set, end).value();
  std::jthread other([&] {
    EXPECT_TRUE(this->falls_asleep());
    const std::uint32_t parked = __atomic_exchange_n(&this->at.word(), 0U, __ATOMIC_RELAXED);
    EXPECT_TRUE(this->at.provide());
    __atomic_store_n(&this->at.word(), parked, __ATOMIC_RELAXED);
  });
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
}

TYPED_TEST(WaitSetTest, ChildOfForkDisturbsNothing) {
  auto end = this->at.open(kByBell);
  const Pipe pipe;
  std::optional<WaitSet> set(set_with(kByBell));
  const WaitSet::Id id = add(*set, end).value();
  ASSERT_TRUE(set->add(pipe.end()));
  EXPECT_EQ(ready_within(*set, 2ms), Ids{});
  ChildProcess child = ChildProcess::fork([&] {
    const auto waited = set->wait(0ns);
    if (waited || code_of(waited) != ErrorCode::invalid_argument) return 1;
    if (add(*set, end) || set->add(pipe.fds[1])) return 2;
    set->interrupt();
    set->remove(id);
    set.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  this->is_woken(*set, end, id);
}

}  // namespace
}  // namespace ringbell
