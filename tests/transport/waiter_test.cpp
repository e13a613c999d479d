// When a waiting side asks whether its peer lives, and whether it was interrupted.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <ringbell/transport/sleep/parker.hpp>
#include <ringbell/transport/sleep/waiter.hpp>
#include <ringbell/transport/sleep/yield_budget.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

// One that says what it was asked. Its sleeps last to their end, or are ended by a ring at once.
struct Peer {
  std::string* asked;
  bool* is_ready;
  bool rings;

  [[nodiscard]] static bool closed() { return false; }
  [[nodiscard]] static bool is_kept_off() { return false; }
  [[nodiscard]] Waited ask() const {
    *asked += "ask ";
    return Waited::peer_dead;
  }
  template <class Ready>
  [[nodiscard]] bool sleep(Ready&& ready, Waiter::Clock::time_point until) const {
    *asked += "sleep ";
    if (!rings) std::this_thread::sleep_until(until);
    *is_ready = true;
    return ready();
  }
  void took_its_turn() const { *asked += "turn "; }
};

class WaiterTest : public ::testing::Test {
 protected:
  // What the peer is asked while this side waits for something.
  std::string wait(bool rings, bool comes) {
    std::string asked;
    bool is_ready = false;
    (void)waiter_.wait_until([&] { return comes && is_ready; }, Peer{&asked, &is_ready, rings},
                             20s);
    return asked;
  }

 private:
  Waiter waiter_{{.spin_budget = 0ns, .longest_sleep = 1ms}, true};
};

TEST_F(WaiterTest, AsksAfterASleepThatBroughtNothing) {
  EXPECT_EQ(wait(false, false), "sleep ask ");
}

TEST_F(WaiterTest, AsksNobodyWhoRang) {
  EXPECT_EQ(wait(true, true), "sleep ");
  EXPECT_EQ(wait(true, true), "sleep ");
}

// A publisher that dies before it rings costs one sleep, not another one until that is known.
TEST_F(WaiterTest, AsksFirstAfterSomethingCameWithoutARing) {
  EXPECT_EQ(wait(false, true), "sleep ");
  EXPECT_EQ(wait(true, true), "ask ");
  EXPECT_EQ(wait(true, true), "sleep ");
}

// A peer that lives until it closes, and counts the questions.
struct Living {
  int* asks;
  const bool* has_closed;

  [[nodiscard]] bool closed() const { return *has_closed; }
  [[nodiscard]] static bool is_kept_off() { return false; }
  [[nodiscard]] Waited ask() const {
    ++*asks;
    return closed() ? Waited::peer_closed : Waited::ready;
  }
  template <class Ready>
  [[nodiscard]] bool sleep(Ready&& ready, Waiter::Clock::time_point until) const {
    std::this_thread::sleep_until(until);
    return ready();
  }
};

TEST(ShortWaitTest, AsksAtItsEndOnceAMillisecond) {
  Waiter waiter({.spin_budget = 0ns, .longest_sleep = 1h}, true);
  int asks = 0;
  bool closed = false;
  const auto wait = [&](Timeout timeout) {
    return waiter.wait_until([] { return false; }, Living{&asks, &closed}, timeout);
  };
  const auto start = Waiter::Clock::now();
  for (int turn = 0; turn < 1000; ++turn) ASSERT_EQ(wait(1us), Waited::timed_out);
  EXPECT_GE(asks, 1);
  EXPECT_LE(asks, 2 + (Waiter::Clock::now() - start) / 1ms);
  asks = 0;
  for (int turn = 0; turn < 5; ++turn) EXPECT_EQ(wait(2ms), Waited::timed_out);
  EXPECT_EQ(asks, 5);
  closed = true;
  EXPECT_EQ(wait(1us), Waited::peer_closed) << "also where it does not ask";
}

// A budget whose end cannot be counted is no budget of nothing: what comes late still comes while
// this side spins.
TEST(HugeBudgetTest, IsSpentSpinning) {
  for (const std::chrono::nanoseconds budget : {std::chrono::nanoseconds(1h), kForever}) {
    Waiter waiter({.spin_budget = budget}, true);
    std::string asked;
    bool rung = false;
    int looks = 0;
    EXPECT_EQ(waiter.wait_until([&] { return ++looks > 2000; }, Peer{&asked, &rung, true}, 20s),
              Waited::ready);
    EXPECT_EQ(asked, "") << budget.count();
  }
}

// What is being copied meanwhile does not count against the budget.
TEST(SpinBudgetTest, LastsLongerByWhatACopyTakes) {
  for (const bool copies : {false, true}) {
    Waiter waiter({.spin_budget = 1us}, true);
    std::string asked;
    bool rung = false;
    const auto come_at = Waiter::Clock::now() + 20ms;
    const auto has_come = [&] { return rung || Waiter::Clock::now() >= come_at; };
    const Timeout copying = copies ? Timeout(20s) : Timeout::zero();
    EXPECT_EQ(waiter.wait_until(has_come, Peer{&asked, &rung, true}, 20s, copying), Waited::ready);
    EXPECT_EQ(asked, copies ? "" : "sleep ");
  }
}

// Where spinning is in vain the peer may be waiting for this CPU.
TEST(YieldBudgetTest, IsSpentBeforeASleepOnceSpinningWasInVain) {
  Waiter waiter({.spin_budget = 1us, .within_quota = false}, true);
  std::string asked;
  bool rung = false;
  const Peer peer{&asked, &rung, true};
  EXPECT_EQ(waiter.wait_until([] { return false; }, peer, 20s), Waited::peer_dead);
  EXPECT_EQ(asked, "sleep ask ");
  asked.clear();
  int looks = 0;
  EXPECT_EQ(waiter.wait_until([&] { return ++looks == 2; }, peer, 20s), Waited::ready);
  EXPECT_EQ(asked, "turn ");
}

TEST(YieldBudgetTest, IsSpentWhileItPaysAndEverMoreSeldomWhileItDoesNot) {
  YieldBudget budget(true);
  const YieldBudget::Clock::time_point now{1h};
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(budget.next(now));
    budget.learn(true, now, now + 499us);
  }
  int skipped = 0;
  for (int i = 0; i < 3; ++i) {
    for (; !budget.next(now); ++skipped) {
    }
    budget.learn(false, now, now + 1us);
  }
  EXPECT_EQ(skipped, 0 + 1 + 2);
  EXPECT_FALSE(YieldBudget(false).next(now));
}

// Another process keeps the CPU: what came then came late.
TEST(YieldBudgetTest, IsNotSpentForASecondAfterASliceAndForTwiceAsLongAfterTheNext) {
  YieldBudget budget(true);
  const YieldBudget::Clock::time_point now{1h};
  const auto waits_for = [&] {
    budget.learn(true, now - 500us, now);
    for (std::chrono::seconds pause(0);; ++pause) {
      for (int asked = 0; asked < 2000; ++asked) {  // some are skipped in any case
        if (budget.next(now + pause)) return pause;
      }
    }
  };
  EXPECT_EQ(waits_for(), 1s);
  EXPECT_EQ(waits_for(), 2s);
  for (int i = 0; i < 4; ++i) (void)waits_for();
  EXPECT_EQ(waits_for(), 64s);
  EXPECT_EQ(waits_for(), 64s);
  for (std::uint32_t i = 0; i < YieldBudget::kManyTurns; ++i) budget.learn(true, now, now);
  EXPECT_EQ(waits_for(), 1s);
}

TEST(LongestSleepTest, LongestSleepIsBetweenAMillisecondAndAnHour) {
  EXPECT_EQ(Waiter({.longest_sleep = 0ns}, true).slice(), 1ms);
  EXPECT_EQ(Waiter({.longest_sleep = 7ms}, true).slice(), 7ms);
  EXPECT_EQ(Waiter({.longest_sleep = 2h}, true).slice(), 1h);
}

// What comes while this side spins would hide an interruption for ever.
TEST(InterruptionTest, EndsAWaitThatWouldOnlyHaveToSpin) {
  Waiter waiter({.spin_budget = 1h}, true);
  std::string asked;
  bool rung = false;
  waiter.interrupt();
  int looks = 0;
  EXPECT_EQ(waiter.wait_until([&] { return ++looks > 1; }, Peer{&asked, &rung, true}, 20s),
            Waited::cancelled);
}

TEST(InterruptionTest, DoesNotEndACallThatOnlyPolls) {
  Waiter waiter({}, true);
  std::string asked;
  bool rung = false;
  waiter.interrupt();
  const auto never = [] { return false; };
  EXPECT_EQ(waiter.wait_until(never, Peer{&asked, &rung, true}, 0s), Waited::timed_out);
  EXPECT_EQ(waiter.wait_until(never, Peer{&asked, &rung, true}, 20s), Waited::cancelled);
}

// A sleep in which the interruption comes with the announcement, before the bell can tell of it.
struct LateSleep {
  Parker* parker;
  bool* slept;

  [[nodiscard]] std::uint32_t announce() const {
    parker->interrupt([] {});
    return 1;
  }
  [[nodiscard]] static bool stay_awake() { return false; }
  void on(std::uint32_t /*parked*/, Timeout /*longest*/) const { *slept = true; }
  [[nodiscard]] static bool is_still(std::uint32_t /*parked*/) { return true; }
};

TEST(InterruptionTest, IsLookedAtAfterASleepWasAnnounced) {
  Parker parker({}, true);
  bool slept = false;
  const LateSleep sleep{&parker, &slept};
  EXPECT_FALSE(parker.park([] { return false; }, Parker::Clock::now() + 20s, sleep));
  EXPECT_FALSE(slept);
}

TEST(InterruptionTest, LeavesErrnoAsItWas) {
  Parker parker({}, true);
  errno = ERANGE;
  parker.interrupt([] { errno = EINTR; });
  EXPECT_EQ(errno, ERANGE);
}

}  // namespace
}  // namespace ringbell
