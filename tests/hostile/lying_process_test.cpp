// Each side of each ring in a process of its own, while another process stores garbage into the
// same memory as fast as it can, and now and then does what an honest peer would.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

#include <gtest/gtest.h>

#include <tests/hostile/attack_time.hpp>
#include <tests/hostile/pairs.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::hostile {
namespace {

constexpr std::chrono::milliseconds kAttack{150};
constexpr int kRooms = 3;  // each of another shape
constexpr std::uint64_t kMuch = 1000;

// What the three processes share besides the room.
struct Shared {
  std::atomic<bool> stop{false};
  Tally victim;
  Tally liar;

  [[nodiscard]] bool have_done_much() {
    return AttackTime::now(liar.garbage) > kMuch && victim.steps > kMuch && victim.messages > 0;
  }
};

// Storms without pause, or a lie now and then, and sometimes a ring like new: so that the victim
// gets beyond its first check.
template <class P>
int lie(const typename P::Room& room, Shared& shared, Choices choices) {
  Liar liar(room.targets(), room.landmarks());
  typename P::Peer peer(room, choices);
  Tally peers;
  while (!shared.stop) {
    if (choices.one_in(64)) {
      for (const std::span<std::byte> area : room.everything()) {
        std::memset(area.data(), 0, area.size());
      }
    }
    const std::uint64_t strikes = choices.roll(3) == 0 ? 64 : choices.roll(2);
    for (std::uint64_t i = 0; i < strikes; ++i) shared.liar.garbage += liar.strike(choices);
    for (std::uint64_t i = choices.roll(16); i > 0; --i) peer.step(choices, peers);
  }
  return 0;
}

template <class P>
int suffer(const typename P::Room& room, Shared& shared, Choices choices) {
  typename P::template Victim<core::HardwareAtomics> victim(room, choices);
  const AttackTime time(kAttack);
  while (time.goes_on([&] { return shared.have_done_much(); })) {
    for (int i = 0; i < 100; ++i, ++shared.victim.steps) victim.step(choices, shared.victim);
  }
  return 0;
}

template <class P>
class LyingProcessTest : public testing::Test {
 protected:
  void attack(std::uint64_t seed) {
    Choices choices(seed);
    const typename P::Room room(choices);
    auto liar = test::ChildProcess::fork([&] { return lie<P>(room, *shared_, Choices(seed + 1)); });
    ASSERT_TRUE(liar.started());
    auto victim =
        test::ChildProcess::fork([&] { return suffer<P>(room, *shared_, Choices(seed + 2)); });
    // A signal ends it negative; a victim that hangs has no status.
    EXPECT_EQ(victim.wait(), 0) << "the victim crashed, hung, or left its room";
    shared_->stop = true;
    EXPECT_EQ(liar.wait(), 0);
    shared_->stop = false;
  }

  test::PrintedSeed printed_;
  WalledBytes memory_{sizeof(Shared), alignof(Shared), Against::left_wall};
  Shared* shared_ = new (memory_.data()) Shared;
};
TYPED_TEST_SUITE(LyingProcessTest, EveryPair, NameOfPair);

TYPED_TEST(LyingProcessTest, CannotCrashItsPeerOrHoldItUp) {
  for (std::uint64_t i = 0; i < kRooms; ++i) this->attack(test::mix(test::seed() + i));
  Tally& tally = this->shared_->victim;
  tally.garbage = this->shared_->liar.garbage;
  tally.print(TypeParam::kName);
  EXPECT_GT(tally.garbage, kMuch);
  EXPECT_GT(tally.steps, kMuch);
  EXPECT_GT(tally.messages, 0U);
}

}  // namespace
}  // namespace ringbell::hostile
