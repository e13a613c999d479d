// Loop: handlers of signals.
#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>

namespace ringbell {
namespace {

using namespace test;

constexpr auto kLong = 20s;
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};

Loop make_loop() { return Loop::create({.wait = kByBell}).value(); }

TEST(LoopTest, EachHandlerOfASignalIsCalledEachTime) {
  Loop loop = make_loop();
  std::array<int, 3> came{};
  ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] { ++came[0]; }));
  const Loop::Id second = loop.on_signal(SIGUSR2, [&] { ++came[1]; }).value();
  ASSERT_TRUE(loop.on_signal(SIGUSR1, [&] { ++came[2]; }));
  for (int round = 1; round <= 5; ++round) {
    ::kill(::getpid(), SIGUSR2);
    EXPECT_GE(loop.turn(kLong).value(), 2U);
    EXPECT_EQ(came, (std::array{round, round, 0}));
  }
  EXPECT_EQ(loop.turn(20ms), 0U) << "and no more often";
  loop.remove(second);
  ::kill(::getpid(), SIGUSR2);
  EXPECT_EQ(loop.turn(kLong), 1U);
  EXPECT_EQ(came, (std::array{6, 5, 0}));
}

TEST(LoopTest, HandlerBesideTheOneThatStopsIsCalledFirst) {
  for (const bool stops_first : {false, true}) {
    Loop loop = make_loop();
    int came = 0;
    if (stops_first) {
      ASSERT_TRUE(loop.on_signal(SIGUSR2));
    }
    ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] { ++came; }));
    if (!stops_first) {
      ASSERT_TRUE(loop.on_signal(SIGUSR2));
    }
    ::kill(::getpid(), SIGUSR2);
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(came, 1) << stops_first;
  }
}

// What one has read comes to the other in the next turn.
TEST(LoopTest, HandlerOfASignalThatThrowsTakesItFromNoOther) {
  Loop loop = make_loop();
  int came = 0;
  for (int both = 0; both < 2; ++both) {
    ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] {
      if (++came == 1) throw std::runtime_error("no");
    }));
  }
  ::kill(::getpid(), SIGUSR2);
  EXPECT_THROW((void)loop.turn(kLong), std::runtime_error);
  EXPECT_EQ(loop.turn(kLong), 1U);
  EXPECT_EQ(came, 2);
}

TEST(LoopTest, SignalsAreGivenBack) {
  sigset_t before;
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ASSERT_EQ(::sigismember(&before, SIGUSR1), 0);
  {
    Loop loop = make_loop();
    const Loop::Id id = loop.on_signal(SIGUSR2).value();
    ASSERT_TRUE(loop.on_signal(SIGUSR1));
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    EXPECT_EQ(::sigismember(&now, SIGUSR1), 1);
    loop.remove(id);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    EXPECT_EQ(::sigismember(&now, SIGUSR2), 0);
    EXPECT_EQ(code_of(loop.on_signal(SIGKILL)), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(loop.on_signal(SIGSTOP)), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(loop.on_signal(-1)), ErrorCode::invalid_argument);
  }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(::sigismember(&now, SIGUSR1), 0);
}

bool is_blocked(int signal) {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return ::sigismember(&now, signal) == 1;
}

TEST(LoopTest, SignalIsBlockedUntilItsLastHandlerIsRemoved) {
  ASSERT_FALSE(is_blocked(SIGUSR2));
  Loop loop = make_loop();
  Loop other = make_loop();
  const Loop::Id first = loop.on_signal(SIGUSR2).value();
  int came = 0;
  const Loop::Id second = loop.on_signal(SIGUSR2, [&] { ++came; }).value();
  const Loop::Id third = other.on_signal(SIGUSR2, [&] { ++came; }).value();
  loop.remove(first);
  ASSERT_TRUE(is_blocked(SIGUSR2));
  ::kill(::getpid(), SIGUSR2);
  EXPECT_EQ(loop.turn(kLong), 1U);
  EXPECT_EQ(came, 1);
  loop.remove(second);
  EXPECT_TRUE(is_blocked(SIGUSR2));
  other.remove(third);
  EXPECT_FALSE(is_blocked(SIGUSR2));
}

// By the thread itself, or by one that had a loop.
TEST(LoopTest, SignalThatWasBlockedBeforeStaysSo) {
  sigset_t alone;
  ::sigemptyset(&alone);
  ::sigaddset(&alone, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &alone, nullptr);
  std::optional<Loop> loop(make_loop());
  ASSERT_TRUE(loop->on_signal(SIGUSR2));
  loop.reset();
  EXPECT_TRUE(is_blocked(SIGUSR2));
  std::jthread([&] {
    loop.emplace(make_loop());
    EXPECT_TRUE(loop->on_signal(SIGUSR2));
  }).join();
  loop.reset();
  EXPECT_TRUE(is_blocked(SIGUSR2));
  ::pthread_sigmask(SIG_UNBLOCK, &alone, nullptr);
}

TEST(LoopTest, SignalThatAHandlerTookByItselfIsNotTold) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  Loop loop = make_loop();
  ASSERT_TRUE(loop.on_signal(SIGUSR2, [] { FAIL(); }));
  ASSERT_TRUE(loop.on(receiver, [&] {
    EXPECT_TRUE(at.consume(receiver));
    sigset_t alone;
    ::sigemptyset(&alone);
    ::sigaddset(&alone, SIGUSR2);
    const timespec none{};
    EXPECT_EQ(::sigtimedwait(&alone, nullptr, &none), SIGUSR2);
  }));
  ASSERT_TRUE(at.provide());
  ::kill(::getpid(), SIGUSR2);
  EXPECT_TRUE(loop.turn(kLong));
  EXPECT_EQ(loop.turn(2ms), 0U);
}

// Another thread polls the descriptors of a set that sleeps on words, and does not see them.
TEST(LoopTest, SignalsToItsOwnThreadCome) {
  ReceiverOfQueue at;
  constexpr WaitOptions kBySlices{.spin_budget = 0ns, .longest_sleep = 5ms};
  QueueReceiver receiver = at.open(kBySlices);
  Loop loop = Loop::create({.wait = kBySlices}).value();
  int came = 0;
  ASSERT_TRUE(loop.on(receiver, [] { FAIL(); }));
  ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] { ++came; }));
  ::raise(SIGUSR2);
  EXPECT_EQ(loop.turn(kLong), 1U);
  const pthread_t own = ::pthread_self();
  for (int round = 0; round < 3; ++round) {
    std::jthread other([&] {
      std::this_thread::sleep_for(20ms);
      ::pthread_kill(own, SIGUSR2);
    });
    EXPECT_EQ(loop.turn(kLong), 1U) << "while it sleeps";
  }
  EXPECT_EQ(came, 4);
  EXPECT_EQ(loop.turn(20ms), 0U);
}

TEST(LoopTest, SignalThatCameBeforeWhatEndsTheLoopIsToldBeforeTheEnd) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  std::array<int, 2> sockets{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  const FileDescriptor ours(sockets[0]);
  const FileDescriptor theirs(sockets[1]);
  Loop loop = make_loop();
  int came = 0;
  ASSERT_TRUE(loop.on(receiver, [] { FAIL(); }));
  ASSERT_TRUE(loop.on(ours.get(), [&](const Loop::Event&) {
    char byte = 0;
    EXPECT_EQ(::read(ours.get(), &byte, 1), 1);
    loop.stop();
  }));
  ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] { ++came; }));
  const pthread_t own = ::pthread_self();
  for (int round = 1; round <= 20; ++round) {
    const std::jthread other([&] {
      std::this_thread::sleep_for(10ms);  // it sleeps on the queue's word, and another thread polls
      ::pthread_kill(own, SIGUSR2);
      EXPECT_EQ(::write(theirs.get(), "x", 1), 1);
    });
    EXPECT_TRUE(loop.run());
    ASSERT_EQ(came, round);
  }
}

}  // namespace
}  // namespace ringbell
