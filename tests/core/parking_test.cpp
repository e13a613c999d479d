// The parking protocol: the side that clears the parked bit rings, exactly once; publishing costs
// no fence while none is needed; no wake-up is lost, with the heavy barrier or with fences instead.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include <gtest/gtest.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/core/shared_parking.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>

#include <tests/support/cpus.hpp>

namespace ringbell::core {
namespace {

using Word = std::uint32_t;
constexpr Word kParked = Parking<>::kParked;
constexpr Word kFence = Parking<>::kFence;

// How often `ring` wakes.
template <class P = Parking<>>
int rings(Word& word) {
  int count = 0;
  P::ring(word, [&] { ++count; });
  return count;
}

TEST(ParkingTest, NobodyWaitsOnAnOpenWord) {
  Word word = 99;
  Parking<>::open(word, true);
  EXPECT_EQ(word, 0U);
  EXPECT_FALSE(Parking<>::peer_waits(word, false));
  EXPECT_FALSE(Parking<>::peer_waits(word, true));
  EXPECT_EQ(rings(word), 0);
}

TEST(ParkingTest, ParkedSideIsRungExactlyOnce) {
  Word word = 0;
  int barriers = 0;
  EXPECT_EQ(Parking<>::park(word, true, [&] { ++barriers; }), kParked);
  EXPECT_EQ(barriers, 1);
  EXPECT_EQ(word, kParked);
  EXPECT_TRUE(Parking<>::peer_waits(word, false));
  EXPECT_EQ(rings(word), 1);
  EXPECT_EQ(word, 0U);
  EXPECT_EQ(rings(word), 0);
  EXPECT_FALSE(Parking<>::peer_waits(word, false));
}

class FenceLoan : public ::testing::Test {
 protected:
  using Shared = SharedParking<>;
  static constexpr auto kLoan = Shared::Order::loan;
  static constexpr Word kBorrowed = Shared::kParked | Shared::kFence | Shared::kLent;

  // Parks on the word. `meanwhile` is what others do while the barrier runs.
  template <class Meanwhile>
  Word park(Meanwhile&& meanwhile) {
    return Shared::park(word_, kLoan, [&] {
      ++barriers_;
      meanwhile();
      return true;
    });
  }
  Word park() {
    return park([] {});
  }

  Word word_ = 0;
  int barriers_ = 0;
};

TEST_F(FenceLoan, FirstToSleepRunsTheBarrierForAll) {
  EXPECT_EQ(park([&] { EXPECT_EQ(word_, Shared::kParked | Shared::kFence); }), kBorrowed);
  EXPECT_EQ(park(), kBorrowed);
  EXPECT_EQ(rings<Shared>(word_), 1);
  EXPECT_EQ(park(), kBorrowed + Shared::kOneRing);
  EXPECT_EQ(barriers_, 1);
}

TEST_F(FenceLoan, OneThatKeepsToItsBarrierRunsIt) {
  (void)park();
  const auto barrier = [&] {
    ++barriers_;
    return true;
  };
  EXPECT_EQ(Shared::park(word_, Shared::Order::barrier, barrier), kBorrowed);
  EXPECT_EQ(barriers_, 2);
}

TEST_F(FenceLoan, TwoLendAtOnce) {
  EXPECT_EQ(park([&] { word_ |= Shared::kLent; }), kBorrowed);
  EXPECT_EQ(word_, kBorrowed);
}

// The fence bit may have been away meanwhile.
TEST_F(FenceLoan, NothingIsLentAfterARing) {
  const Word parked = park([&] { EXPECT_EQ(rings<Shared>(word_), 1); });
  EXPECT_FALSE(Shared::is_still(word_, parked));
  EXPECT_EQ(word_ & Shared::kLent, 0U);
}

TEST_F(FenceLoan, NothingIsLentWithoutABarrier) {
  EXPECT_EQ(Shared::park(word_, kLoan, [] { return false; }), Shared::kParked | Shared::kFence);
}

TEST_F(FenceLoan, LentBitAloneIsNoLoan) {
  word_ = Shared::kLent;
  EXPECT_EQ(park(), kBorrowed);
  EXPECT_EQ(barriers_, 1);
}

TEST_F(FenceLoan, OnlyARingEndsASleep) {
  const Word parked = park();
  word_ |= Shared::kForGood;
  EXPECT_TRUE(Shared::is_still(word_, parked));
  EXPECT_EQ(rings<Shared>(word_), 1);
  EXPECT_FALSE(Shared::is_still(word_, parked));
}

TEST_F(FenceLoan, IsTakenBackWhileNoneIsParked) {
  const Word parked = park();
  Shared::take_fences_back(word_);
  EXPECT_EQ(word_, parked);
  EXPECT_EQ(rings<Shared>(word_), 1);
  EXPECT_NE(word_ & Shared::kLent, 0U) << "the next sleep may come soon";
  Shared::take_fences_back(word_);
  EXPECT_EQ(word_, Shared::kOneRing);
}

TEST_F(FenceLoan, FencesForGoodStay) {
  Shared::open(word_, Shared::Order::fences);
  Shared::take_fences_back(word_);
  EXPECT_EQ(word_, Shared::kFence | Shared::kForGood);
}

TEST(ParkingTest, HeavyBarrierComesAfterTheBitIsSet) {
  Word word = 0;
  (void)Parking<>::park(word, true, [&] { EXPECT_EQ(word, kParked); });
}

TEST(ParkingTest, UnparkedSideIsNotRung) {
  Word word = 0;
  (void)Parking<>::park(word, true, [] {});
  Parking<>::unpark(word, true);
  EXPECT_EQ(word, 0U);
  EXPECT_EQ(rings(word), 0);
}

TEST(ParkingTest, FenceBitSurvivesEverything) {
  Word word = 0;
  const auto never = [] { ADD_FAILURE() << "there is no heavy barrier to be had"; };
  Parking<>::open(word, false);
  EXPECT_EQ(word, kFence);
  EXPECT_TRUE(Parking<>::peer_waits(word, false)) << "the publisher must come to the fence";
  EXPECT_EQ(rings(word), 0);
  EXPECT_EQ(word, kFence);
  EXPECT_EQ(Parking<>::park(word, false, never), kParked | kFence);
  EXPECT_EQ(word, kParked | kFence);
  EXPECT_EQ(rings(word), 1);
  EXPECT_EQ(word, kFence);
  (void)Parking<>::park(word, false, never);
  Parking<>::unpark(word, false);
  EXPECT_EQ(word, kFence);
}

TEST(ParkingTest, BitsOfALiarDoNoHarm) {
  for (const Word lie : {Word{4}, Word{0x80000000}, Word{0xfffffffe}, Word{0xffffffff}}) {
    Word word = lie;
    EXPECT_TRUE(Parking<>::peer_waits(word, false));
    EXPECT_EQ(rings(word), (lie & kParked) != 0 ? 1 : 0);
    EXPECT_EQ(word, lie & ~kParked);
  }
}

// Counts what the protocol asks of the machine.
struct CountingAtomics : HardwareAtomics {
  static inline int fences = 0;
  static inline int exchanges = 0;
  static inline int stores = 0;
  static void start() { fences = exchanges = stores = 0; }

  static void fence(std::memory_order order, Edge edge) noexcept {
    ++fences;
    HardwareAtomics::fence(order, edge);
  }
  template <SharedWord T>
  static void store(T& word, T value, std::memory_order order, Edge edge) noexcept {
    ++stores;
    HardwareAtomics::store(word, value, order, edge);
  }
  template <SharedWord T>
  static bool compare_exchange(T& word, T& expected, T desired, std::memory_order success,
                               std::memory_order failure, Edge edge) noexcept {
    ++exchanges;
    return HardwareAtomics::compare_exchange(word, expected, desired, success, failure, edge);
  }
};

using Counted = Parking<CountingAtomics>;

TEST(ParkingTest, PublishingWithNobodyParkedIsOneLoad) {
  Word word = 0;
  Counted::open(word, true);
  CountingAtomics::start();
  EXPECT_FALSE(Counted::peer_waits(word, false));
  EXPECT_EQ(CountingAtomics::fences, 0);
  EXPECT_EQ(CountingAtomics::exchanges, 0);
  EXPECT_EQ(CountingAtomics::stores, 0);
}

TEST(ParkingTest, PublisherFencesIfTheParkerHasNoBarrier) {
  Word word = 0;
  Counted::open(word, false);
  CountingAtomics::start();
  EXPECT_TRUE(Counted::peer_waits(word, false));
  EXPECT_EQ(rings<Counted>(word), 0);
  EXPECT_EQ(CountingAtomics::fences, 1);
  EXPECT_EQ(CountingAtomics::exchanges, 0);
}

TEST(ParkingTest, PublisherFencesIfNoBarrierReachesIt) {
  Word word = 0;
  Counted::open(word, true);
  CountingAtomics::start();
  EXPECT_FALSE(Counted::peer_waits(word, true));
  EXPECT_EQ(CountingAtomics::fences, 1);
}

TEST(ParkingTest, ParkerFencesOnlyWithoutBarrier) {
  Word word = 0;
  CountingAtomics::start();
  (void)Counted::park(word, true, [] {});
  EXPECT_EQ(CountingAtomics::fences, 0);
  (void)Counted::park(word, false, [] {});
  EXPECT_EQ(CountingAtomics::fences, 1);
}

// The race itself. Each round the publisher makes the condition true and looks at the bell word,
// while the parker sets the bit and looks at the condition. At least one must see the other: if
// neither does, the parker sleeps and is not woken.
class DekkerRace {
 public:
  explicit DekkerRace(bool can_barrier) : can_barrier_(can_barrier) {}

  void run() {
    (void)test::usable_cpus();
    std::thread parker([this] {
      test::pin_to_cpu(0);
      park();
    });
    std::thread publisher([this] {
      test::pin_to_cpu(1);
      publish();
    });
    parker.join();
    publisher.join();
    std::printf("%d rounds; saw the other: both %d, only the parker %d, only the publisher %d\n",
                rounds_, both_, parker_only_, publisher_only_);
    EXPECT_EQ(lost_, 0) << "lost wake-ups";
  }

 private:
  static constexpr int kFewestRounds = 100;
  static constexpr int kMaxRounds = 300'000;
  static constexpr int kLongestDelay = 100'000;

  static Word load(const Word& word) {
    return HardwareAtomics::load(word, std::memory_order_acquire, Edge{"test"});
  }
  static void store(Word& word, Word value) {
    HardwareAtomics::store(word, value, std::memory_order_release, Edge{"test"});
  }
  // False: time is up (only for the parker) or the other side has ended.
  static bool wait_for(const Word& word, Word value, const Word& end) {
    for (int looks = 1; load(word) != value; ++looks) {
      if (load(end) != 0) return false;
      if (looks % 256 == 0) std::this_thread::yield();
    }
    return true;
  }

  void publish() {
    for (Word round = 1; wait_for(start_.word, round, end_.word); ++round) {
      store(condition_.word, round);  // C1
      rang_.word = 0;
      if (Parking<>::peer_waits(bell_.word, false)) {
        Parking<>::ring(bell_.word, [this] { rang_.word = 1; });
      }
      store(done_.word, round);
    }
  }

  void park() {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + std::chrono::seconds(1);  // or until there are enough
    Parking<>::open(bell_.word, can_barrier_);
    for (Word round = 1; round <= kMaxRounds && (round <= kFewestRounds || Clock::now() < until);
         ++round) {
      store(start_.word, round);
      for (int i = 0; i < delay_ + static_cast<int>(round % 32); ++i) {
        HardwareAtomics::compiler_fence();
      }
      (void)Parking<>::park(bell_.word, can_barrier_, [] { membarrier::heavy_barrier(); });
      const bool saw = load(condition_.word) == round;  // K3
      ASSERT_TRUE(wait_for(done_.word, round, end_.word));
      const bool rung = rang_.word != 0;
      ++rounds_;
      lost_ += !saw && !rung ? 1 : 0;
      // The race is where either side may come first: go there, and stay near.
      delay_ = std::clamp(delay_ + (saw ? -16 : 16), 0, kLongestDelay);
      both_ += saw && rung ? 1 : 0;
      parker_only_ += saw && !rung ? 1 : 0;
      publisher_only_ += !saw && rung ? 1 : 0;
      Parking<>::unpark(bell_.word, can_barrier_);
    }
    store(end_.word, 1);
  }

  struct alignas(128) Line {
    Word word = 0;
  };
  Line bell_;
  Line condition_;
  Line start_;
  Line done_;
  Line end_;
  Line rang_;
  bool can_barrier_;
  int delay_ = 0;
  int rounds_ = 0;
  int lost_ = 0;
  int both_ = 0;
  int parker_only_ = 0;
  int publisher_only_ = 0;
};

TEST(ParkingTest, NoWakeUpIsLostWithTheHeavyBarrier) {
  if (!membarrier::can_issue() || !membarrier::register_process()) {
    GTEST_SKIP() << "no membarrier on this machine";
  }
  DekkerRace(true).run();
}

TEST(ParkingTest, NoWakeUpIsLostWithFencesInstead) { DekkerRace(false).run(); }

}  // namespace
}  // namespace ringbell::core
