// Interruptions at random moments of a wait: none is lost. A lost one would last an hour here.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <thread>

#include <pthread.h>
#include <sched.h>

#include <gtest/gtest.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/sleepers.hpp>

namespace ringbell {
namespace {

using namespace test;

constexpr int kRounds = kSanitized ? 300 : 3000;
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};

enum class By : std::uint8_t { thread, signal };

template <class End>
End* g_end = nullptr;

void dawdle(std::uint64_t rolled) {
  for (std::uint64_t left = rolled; left > 0; --left) core::HardwareAtomics::compiler_fence();
}

// Another thread interrupts as soon as it sees that a round has begun, or a little later.
template <class Kind>
int interrupt_each_wait(By by, bool fences) {
  if (fences && !deny_membarrier()) return kNoFilter;
  Kind kind;
  auto end = kind.open(kByBell);
  using End = decltype(end);
  g_end<End> = &end;
  struct sigaction handler {};
  handler.sa_handler = [](int) { g_end<End>->interrupt(); };
  ::sigaction(SIGUSR1, &handler, nullptr);
  std::uint64_t round = 0;
  const pthread_t waiting = ::pthread_self();
  constexpr core::Edge kRound{"round"};
  std::jthread other([&](const std::stop_token& stop) {
    Dice dice(seed());
    for (std::uint64_t next = 1; next <= kRounds; ++next) {
      while (core::HardwareAtomics::load(round, std::memory_order_acquire, kRound) != next) {
        if (stop.stop_requested()) return;
        ::sched_yield();
      }
      dawdle(dice.roll(1U << dice.roll(15)));
      by == By::thread ? end.interrupt() : static_cast<void>(::pthread_kill(waiting, SIGUSR1));
    }
  });
  for (std::uint64_t next = 1; next <= kRounds; ++next) {
    core::HardwareAtomics::store(round, next, std::memory_order_release, kRound);
    const Result<bool> waited = wait_on(end, 20s);
    if (waited || code_of(waited) != ErrorCode::cancelled) return kLostWakeUp;
  }
  return kFine;
}

template <class Kind>
class InterruptStressTest : public ::testing::Test {
 protected:
  static void no_interruption_is_lost(By by, bool fences) {
    const PrintedSeed printed;
    // Nothing here asks the kernel about membarrier before the child does.
    ChildProcess child = ChildProcess::fork([&] { return interrupt_each_wait<Kind>(by, fences); });
    const std::optional<int> outcome = child.wait();
    if (outcome == kNoFilter) GTEST_SKIP() << "no seccomp filter can be installed here";
    EXPECT_EQ(outcome, kFine);
  }
};

TYPED_TEST_SUITE(InterruptStressTest, InterruptibleEnds, InterruptibleNames);

TYPED_TEST(InterruptStressTest, NoneOfAThreadIsLost) {
  this->no_interruption_is_lost(By::thread, false);
}
TYPED_TEST(InterruptStressTest, NoneOfASignalHandlerIsLost) {
  if (kSanitized) GTEST_SKIP() << "the thread sanitizer puts handlers off until after a sleep";
  this->no_interruption_is_lost(By::signal, false);
}
TYPED_TEST(InterruptStressTest, NoneIsLostWithoutMembarrier) {
  this->no_interruption_is_lost(By::thread, true);
}

}  // namespace
}  // namespace ringbell
