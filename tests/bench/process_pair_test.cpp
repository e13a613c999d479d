#include "bench/harness/process_pair.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness/shared.hpp"

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>

namespace ringbell::bench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const Side kNothing = [] { return Result<void>{}; };
const Side kForever = [] {
  while (true) std::this_thread::sleep_for(1s);
  return Result<void>{};
};

PairOptions options(std::chrono::seconds deadline = 60s) {
  return {.placement = Placement::one_cpu, .cpus = choose_cpus(), .deadline = deadline};
}

void expect_no_children() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ProcessPair, KnowsWhatBothSidesCost) {
  const Side busy = [] {
    timespec used{};
    while (used.tv_sec == 0 && used.tv_nsec < 30'000'000) {
      ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }
    return Result<void>{};
  };
  Usage usage;
  PairOptions pair = options();
  pair.usage = &usage;
  ASSERT_TRUE(run_pair(pair, busy, busy));
  EXPECT_GT(usage.cpu_ns, 40'000'000U);
  const std::uint64_t both = usage.cpu_ns;
  ASSERT_TRUE(run_pair(pair, kNothing, kNothing));
  EXPECT_LT(usage.cpu_ns, both);
}

TEST(ProcessPair, SidesRunInTwoProcessesAndShareWhatWasMadeBefore) {
  const auto pids = Shared<std::array<pid_t, 2>>::create();
  ASSERT_TRUE(pids);
  const auto note = [&](std::size_t side) {
    return [&pids, side] {
      (**pids)[side] = ::getpid();
      return Result<void>{};
    };
  };
  ASSERT_TRUE(run_pair(options(), note(0), note(1)));
  EXPECT_NE((**pids)[0], (**pids)[1]);
  EXPECT_NE((**pids)[0], ::getpid());
  expect_no_children();
}

// A row for quick wake-ups that were not to be had must say so, and not be one without them.
TEST(ProcessPair, RefusedQuickWakeUpsAreTheResult) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user without the right";
  test::ChildProcess child = test::ChildProcess::fork([] {
    constexpr uid_t kNobody = 65534;
    if (::setuid(kNobody) != 0 || ::access("/dev/cpu_dma_latency", W_OK) == 0) return 77;
    PairOptions quick = options();
    quick.quick_wake = true;
    const Result<void> refused = run_pair(quick, kNothing, kNothing);
    return !refused && code_of(refused) == ErrorCode::permission ? 0 : 1;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "every user may have quick wake-ups here";
  EXPECT_EQ(status, 0);
}

TEST(ProcessPair, EndsAtOnceWhenBothSidesHaveEnded) {
  for (int i = 0; i < 300; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(run_pair(options(), kNothing, kNothing));
    ASSERT_LT(std::chrono::steady_clock::now() - start, 20s);
  }
}

TEST(ProcessPair, SidesArePinned) {
  const CpuPair cpus = choose_cpus();
  const auto seen = Shared<std::array<int, 2>>::create();
  ASSERT_TRUE(seen);
  PairOptions with = options();
  with.placement = cpus[1] < 0 ? Placement::one_cpu : Placement::two_cpus;
  ASSERT_TRUE(run_pair(
      with, [&] { return (**seen)[0] = ::sched_getcpu(), Result<void>{}; },
      [&] { return (**seen)[1] = ::sched_getcpu(), Result<void>{}; }));
  EXPECT_EQ((**seen)[0], cpus[0]);
  EXPECT_EQ((**seen)[1], cpus[1] < 0 ? cpus[0] : cpus[1]);
}

TEST(ProcessPair, TheErrorOfASideEndsTheOther) {
  const Side fails = [] { return Result<void>(fail(ErrorCode::no_space, "no room for a test")); };
  const Result<void> ran = run_pair(options(), kForever, fails);
  ASSERT_FALSE(ran);
  EXPECT_EQ(code_of(ran), ErrorCode::no_space);
  EXPECT_EQ(message_of(ran), "no room for a test");
  EXPECT_FALSE(ends_the_run(ran.error()));
  expect_no_children();
}

TEST(ProcessPair, WhoFailedFirstIsToldNotWhoNoticed) {
  const Side notices = [] { return Result<void>(fail(ErrorCode::closed, "the other is gone")); };
  const Side fails = [] { return Result<void>(fail(ErrorCode::system, "the cause")); };
  const Result<void> ran = run_pair(options(), fails, [&] {
    std::this_thread::sleep_for(10ms);
    return notices();
  });
  ASSERT_FALSE(ran);
  EXPECT_EQ(message_of(ran), "the cause");
}

TEST(ProcessPair, AKilledSideEndsTheOtherAndTheRun) {
  const Side dies = [] {
    ::raise(SIGKILL);
    return Result<void>{};
  };
  const Result<void> ran = run_pair(options(), dies, kForever);
  ASSERT_FALSE(ran);
  EXPECT_THAT(message_of(ran), HasSubstr("killed by SIGKILL"));
  EXPECT_TRUE(ends_the_run(ran.error()));
  expect_no_children();
}

TEST(ProcessPair, TheDeadlineEndsBoth) {
  const Result<void> ran = run_pair(options(1s), kForever, kForever);
  ASSERT_FALSE(ran);
  EXPECT_THAT(message_of(ran), HasSubstr("did not end within 1 s"));
  expect_no_children();
}

TEST(ProcessPair, SaysThatASecondCpuIsMissing) {
  PairOptions with = options();
  with.placement = Placement::two_cpus;
  with.cpus[1] = -1;
  const Result<void> ran = run_pair(with, kNothing, kNothing);
  ASSERT_FALSE(ran);
  EXPECT_THAT(message_of(ran), HasSubstr("only CPU"));
}

}  // namespace
}  // namespace ringbell::bench
