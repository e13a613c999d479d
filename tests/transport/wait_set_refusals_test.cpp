// A WaitSet and a Loop to which the kernel gives no more, that are another process's, or that were
// moved from: an Error that says why, and what was there before goes on.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/all_descriptors.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>
#include <tests/support/wait_sets.hpp>

namespace ringbell {
namespace {

using namespace test;

constexpr int kCannot = 77;  // this machine or user does not allow the test

// In a child, which a filter or a limit does not leave. 0 is success.
void in_child(const std::function<int()>& body) {
  const std::optional<int> status = ChildProcess::fork(body).wait();
  if (status == kCannot) GTEST_SKIP() << "this user or machine does not allow it";
  EXPECT_EQ(status, 0);
}

// Whether it is that Error, and says so.
template <class T>
bool is_refused(const Result<T>& result, const std::string& says,
                ErrorCode code = ErrorCode::system) {
  if (code_of(result) == code && message_of(result).find(says) != std::string::npos) return true;
  std::fprintf(stderr, "%s\n", message_of(result).c_str());
  return false;
}

TEST(WaitSetRefusalsTest, WithoutDescriptorsThereIsNoSet) {
  in_child([] {
    std::vector<FileDescriptor> taken = all_descriptors();
    for (int left = 0; left < 2; ++left) {
      for (int again = 0; again < 2; ++again) {
        if (!is_refused(WaitSet::create(), "ulimit -n")) return 1;
        if (!is_refused(Loop::create(), "ulimit -n")) return 2;
      }
      taken.pop_back();
    }
    Result<Loop> loop = Loop::create();
    if (!loop) return 3;
    if (!is_refused(loop->on_signal(SIGUSR1), "ulimit -n")) return 4;
    taken.pop_back();
    return loop->on_signal(SIGUSR1) ? 0 : 5;
  });
}

TEST(WaitSetRefusalsTest, WithoutMoreWatchesNothingIsAdded) {
  in_child([] {
    ReceiverOfQueue at;
    QueueReceiver receiver = at.open(kByBell);
    const Pipe pipe;
    const Pipe before;
    const std::string says = "max_user_watches";
    WaitSet set = set_with(kByBell, kNoWords);
    const WaitSet::Id id = set.add(before.end()).value();
    if (!deny_system_call(SYS_epoll_ctl, ENOSPC)) return kCannot;
    if (!is_refused(WaitSet::create(), says, ErrorCode::no_space)) return 1;
    if (!is_refused(set.add(pipe.end()), says, ErrorCode::no_space)) return 2;
    if (!is_refused(set.add(receiver), says, ErrorCode::no_space)) return 3;
    if (set.size() != 1) return 4;
    before.fill();
    return ready_within(set, kLong) == Ids{id} ? 0 : 5;
  });
}

TEST(WaitSetRefusalsTest, WithoutAThreadWordsAndDescriptorsDoNotStandInOneSet) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  in_child([] {
    ReceiverOfQueue one;
    ReceiverOfQueue other;
    ReceiverOfChannel<core::DoorbellKind::eventfd> channel;
    QueueReceiver receiver = one.open(kByBell);
    QueueReceiver late = other.open(kByBell);
    Receiver by_eventfd = channel.open(kByBell);
    const Pipe pipe;
    WaitSet of_words = set_with(kByBell);
    WaitSet of_descriptors = set_with(kByBell);
    const WaitSet::Id word = of_words.add(receiver).value();
    const WaitSet::Id readable = of_descriptors.add(pipe.end()).value();
    if (!deny_system_call(SYS_clone3, EAGAIN) || !deny_system_call(SYS_clone, EAGAIN)) {
      return kCannot;
    }
    if (!is_refused(of_words.add(pipe.end()), "ulimit -u")) return 1;
    if (!is_refused(of_words.add(by_eventfd), "ulimit -u")) return 2;
    if (!is_refused(of_descriptors.add(late), "ulimit -u")) return 3;
    if (of_words.size() != 1 || of_descriptors.size() != 1) return 4;
    pipe.fill();
    if (ready_within(of_descriptors, kLong) != Ids{readable}) return 5;
    if (!ready_within(of_words, 2ms).empty() || !one.provide()) return 6;
    return ready_within(of_words, kLong) == Ids{word} ? 0 : 7;
  });
}

TEST(WaitSetRefusalsTest, SignalsComeWhereAFilterDoesNotTellWhichAreThere) {
  in_child([] {
    Loop loop = Loop::create({.wait = kByBell}).value();
    int came = 0;
    if (!loop.on_signal(SIGUSR2, [&] { ++came; })) return 1;
    if (!deny_system_call(SYS_rt_sigpending, EPERM)) return kCannot;
    ::kill(::getpid(), SIGUSR2);
    return loop.turn(kLong) == 1U && came == 1 ? 0 : 2;
  });
}

TEST(WaitSetRefusalsTest, ChildOfForkHasNoTimesAndNoLoop) {
  const Pipe pipe;
  const Pipe other;
  WaitSet set = set_with(kByBell);
  Loop loop = Loop::create({.wait = kByBell}).value();
  int came = 0;
  ASSERT_TRUE(loop.on(pipe.end(), [&] { ++came; }));
  ChildProcess child = ChildProcess::fork([&] {
    const auto is_refused = [](const auto& result) {
      return code_of(result) == ErrorCode::invalid_argument;
    };
    pipe.fill();
    if (!is_refused(set.add_timer(0ns))) return 1;
    if (!is_refused(loop.turn(0ns)) || !is_refused(loop.run())) return 2;
    return is_refused(loop.on(other.end(), [] {})) && is_refused(loop.after(0ns, [] {})) ? 0 : 3;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(loop.turn(kLong), 1U);
  EXPECT_EQ(came, 1);
}

TEST(WaitSetRefusalsTest, MovedSetHasNothingUntilItIsGivenAnother) {
  const Pipe pipe;
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(pipe.end()).value();
  WaitSet moved = std::move(set);
  // NOLINTBEGIN(bugprone-use-after-move): misuse
  EXPECT_EQ(code_of(set.add_timer(0ns)), ErrorCode::invalid_argument);
  EXPECT_FALSE(set.contains(id));
  EXPECT_EQ(set.size(), 0U);
  EXPECT_EQ(set.stats().waits, 0U);
  // NOLINTEND(bugprone-use-after-move)
  set = std::move(moved);
  EXPECT_TRUE(set.contains(id));
  pipe.fill();
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
}

}  // namespace
}  // namespace ringbell
