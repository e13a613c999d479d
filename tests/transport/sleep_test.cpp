// How one sleeps and is woken, without an end around it: doorbells, the budget to spin, and the
// thread behind a descriptor.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/sleep/doorbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>
#include <ringbell/transport/sleep/loop_bell.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>
#include <ringbell/transport/sleep/sleeper.hpp>
#include <ringbell/transport/sleep/spin_budget.hpp>

#include <tests/support/child_process.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;

TEST(SleeperTest, LoopsSliceIsKeptWithinBoundsAndBelowItsOwn) {
  for (const auto& [wanted, slice] :
       std::vector<std::pair<std::chrono::nanoseconds, std::chrono::nanoseconds>>{
           {-1ns, 1ms}, {0ns, 1ms}, {3ms, 3ms}, {24h, 50ms}}) {
    Sleeper sleeper(DoorbellKind::futex, {.longest_sleep = 50ms});
    EXPECT_EQ(sleeper.slice(), 50ms);
    EXPECT_FALSE(sleeper.slept_a_slice());
    sleeper.slice_is_over(wanted);
    EXPECT_EQ(sleeper.slice(), slice) << wanted.count();
    EXPECT_TRUE(sleeper.slept_a_slice());
    EXPECT_FALSE(sleeper.slept_a_slice()) << "it was told";
  }
}

TEST(SleeperTest, AnotherSleepsInItsManner) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "membarrier is refused here";
  const auto manner_of = [](const WaitOptions& wait) {
    return Sleeper(DoorbellKind::futex, wait).manner();
  };
  EXPECT_EQ(manner_of({.longest_sleep = 50ms}).longest_sleep, 50ms);
  EXPECT_NE(manner_of({}).fence_below_bytes, 0U);
  EXPECT_EQ(manner_of({.fence_below_bytes = 0}).fence_below_bytes, 0U);
}

TEST(DoorbellTest, FutexWakesASleeperInAnotherProcess) {
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto& word = *static_cast<std::uint32_t*>(page);
  const Doorbell bell(DoorbellKind::futex);
  ChildProcess child = ChildProcess::fork([&] {
    const auto start = std::chrono::steady_clock::now();
    bell.sleep(word, 0, 15s);
    return std::chrono::steady_clock::now() - start < 15s ? 0 : 1;
  });
  std::atomic<bool> ended = false;
  std::thread waking([&] {
    while (!ended) {
      bell.wake(word);
      std::this_thread::sleep_for(1ms);
    }
  });
  EXPECT_EQ(child.wait(), 0);
  ended = true;
  waking.join();
  ::munmap(page, 4096);
}

TEST(DoorbellTest, KindHasAName) {
  EXPECT_STREQ(name_of(DoorbellKind::none), "none");
  EXPECT_STREQ(name_of(DoorbellKind::futex), "futex");
  EXPECT_STREQ(name_of(DoorbellKind::eventfd), "eventfd");
  EXPECT_STREQ(name_of(DoorbellKind{9}), "unknown");
}

// Those that fall asleep later find the word changed.
TEST(DoorbellTest, OneRingOfAFutexWakesAllThatSleepOnIt) {
  const Doorbell bell(DoorbellKind::futex);
  for (int i = 0; i < 3; ++i) {
    std::uint32_t word = 0;
    std::vector<std::thread> sleepers;
    std::atomic<int> late = 0;
    for (int n = 0; n < 3; ++n) {
      sleepers.emplace_back([&] {
        const auto start = std::chrono::steady_clock::now();
        bell.sleep(word, 0, 15s);
        if (std::chrono::steady_clock::now() - start >= 15s) ++late;
      });
    }
    std::this_thread::sleep_for(50ms);
    std::atomic_ref(word).store(1);
    bell.wake(word);
    for (std::thread& sleeper : sleepers) sleeper.join();
    ASSERT_EQ(late, 0);
  }
}

TEST(DoorbellTest, SleepEndsAtItsTimeOrAtOnceIfTheWordHasChanged) {
  const std::uint32_t word = 5;
  const Doorbell futex(DoorbellKind::futex);
  const Doorbell eventfd = Doorbell::create_eventfd().value();
  const auto start = std::chrono::steady_clock::now();
  futex.sleep(word, 5, 20ms);
  eventfd.sleep(word, 5, 20ms);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 40ms);
  futex.sleep(word, 4, kForever);
}

TEST(DoorbellTest, EventfdOfACarelessPeerIsMadeNonBlocking) {
  FileDescriptor blocking{::eventfd(0, EFD_CLOEXEC)};
  const int fd = blocking.get();
  const Doorbell bell = Doorbell::from_eventfd(std::move(blocking)).value();
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

// As a hostile peer can that holds the same open file.
TEST(DoorbellTest, SilenceDoesNotWaitIfTheBellBlocks) {
  const Doorbell bell = Doorbell::create_eventfd().value();
  ASSERT_EQ(::fcntl(bell.fd(), F_SETFL, 0), 0);
  ChildProcess child = ChildProcess::fork([&] {
    bell.silence();
    return 0;
  });
  EXPECT_EQ(child.wait(10s), 0) << "it waits for a ring";
}

TEST(SpinBudgetTest, IsGivenUpWhereItDoesNotPayAndTriedAgainEverMoreSeldom) {
  SpinBudget budget(20us);
  const auto skipped = [&] {
    int times = 0;
    while (budget.next() == 0us) ++times;
    return times;
  };
  EXPECT_EQ(skipped(), 0);
  for (const int times : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024}) {
    budget.learn(false);
    EXPECT_EQ(skipped(), times);
  }
  budget.learn(true);
  EXPECT_EQ(skipped(), 0);
  EXPECT_EQ(budget.next(), 20us);
}

// The signals that the thread with this name has blocked.
std::uint64_t blocked_in(const std::string& thread) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    if (name != thread) continue;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigBlk:")) return std::stoull(line.substr(7), nullptr, 16);
    }
  }
  return 0;
}

TEST(LoopBellTest, ThreadHasAllSignalsBlockedAndItsMakerNone) {
  std::uint32_t word = 0;
  const std::unique_ptr<LoopBell> bell = LoopBell::start(word, 1s).value();
  std::uint64_t blocked = 0;
  for (int i = 0; i < 20'000 && blocked == 0; ++i) {  // until it has said its name
    blocked = blocked_in("ringbell-loop");
    std::this_thread::sleep_for(1ms);
  }
  sigset_t own;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &own), 0);
  for (const int signal : {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD, SIGIO}) {
    EXPECT_NE(blocked >> (signal - 1) & 1U, 0U) << signal;
    EXPECT_EQ(::sigismember(&own, signal), 0) << signal;
  }
}

TEST(FutexWordsTest, AWordThatIsNoLongerWhatItWasEndsASleepWithoutATime) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "before Linux 5.16";
  const std::uint32_t word = 1;
  const std::array<futex::Word, 1> words{futex::Word{.word = &word, .parked = 0}};
  const auto start = std::chrono::steady_clock::now();
  futex::sleep_on_any(words, kNever);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 15s);
}

}  // namespace
}  // namespace ringbell
