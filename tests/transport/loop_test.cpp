// Loop: handlers of ends, descriptors and times, in one thread.
#include <array>
#include <chrono>
#include <csignal>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>

namespace ringbell {
namespace {

using namespace test;
using What = WaitSet::What;

constexpr auto kLong = 20s;
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};

Loop make_loop() { return Loop::create({.wait = kByBell}).value(); }

// A queue, a service and a socket in one thread, each from another process's side.
TEST(LoopTest, ServesAQueueAServiceAndASocket) {
  ReceiverOfQueue queue;
  ServerOfService service;
  QueueReceiver orders = queue.open(kByBell);
  Server server = service.open(kByBell);
  std::array<int, 2> sockets{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  const FileDescriptor ours(sockets[0]);
  const FileDescriptor theirs(sockets[1]);

  Loop loop = make_loop();
  int ordered = 0;
  int served = 0;
  int echoed = 0;
  const auto stop_after_all = [&] {
    if (ordered == 20 && served == 20 && echoed == 20) loop.stop();
  };
  ASSERT_TRUE(loop.on(orders, [&] {
    while (queue.consume(orders)) ++ordered;
    stop_after_all();
  }));
  ASSERT_TRUE(loop.on(server, [&] {
    const auto answer = [](std::span<const std::byte> asked, auto claim) {
      (*claim(1)).front() = asked.front();
    };
    served += static_cast<int>(server.serve(answer, 1, 0ns).value());
    stop_after_all();
  }));
  ASSERT_TRUE(loop.on(ours.get(), [&](const Loop::Event& event) {
    EXPECT_EQ(event.events, unsigned{POLLIN});
    char byte = 0;
    ASSERT_EQ(::read(ours.get(), &byte, 1), 1);
    ASSERT_EQ(::write(ours.get(), &byte, 1), 1);
    ++echoed;
    stop_after_all();
  }));
  std::jthread others([&] {
    for (int i = 0; i < 20; ++i) {
      std::array<std::byte, kBytes> request{};
      std::array<std::byte, kBytes> response{};
      char byte = 'a';
      EXPECT_TRUE(queue.other.send(request, kLong).value());
      EXPECT_TRUE(service.other->call(std::span(request).first(1), response, kLong).value());
      EXPECT_EQ(::write(theirs.get(), &byte, 1), 1);
      EXPECT_EQ(::read(theirs.get(), &byte, 1), 1);
    }
  });
  EXPECT_TRUE(loop.run());
  EXPECT_EQ(ordered + served + echoed, 60);
}

TEST(LoopTest, RunsUntilNothingIsLeft) {
  Loop loop = make_loop();
  EXPECT_TRUE(loop.run()) << "nothing at all";
  int times = 0;
  const Loop::Id often = loop.every(1ms, [&] { ++times; }).value();
  ASSERT_TRUE(loop.after(20ms, [&] { loop.remove(often); }));
  ASSERT_TRUE(loop.on_signal(SIGUSR1)) << "which alone keeps no loop running";
  EXPECT_TRUE(loop.run());
  EXPECT_GT(times, 0);
}

TEST(LoopTest, HandlerOfAnEndThatIsOverIsCalledOnceMore) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  ReceiverOfChannel<core::DoorbellKind::futex> at;
  Receiver receiver = at.open(kByBell);
  Loop loop = make_loop();
  std::vector<What> told;
  ASSERT_TRUE(loop.on(receiver, [&](const Loop::Event& event) {
    told.push_back(event.what);
    if (event.what == What::ready) {
      EXPECT_TRUE(at.consume(receiver));
    }
  }));
  ASSERT_TRUE(at.provide());
  at.other.reset();
  EXPECT_TRUE(loop.run());
  EXPECT_EQ(told, (std::vector{What::ready, What::closed}));
}

TEST(LoopTest, HandlerMayRemoveItselfAndOthersAndAddMore) {
  ReceiverOfQueue first;
  ReceiverOfQueue second;
  QueueReceiver one = first.open(kByBell);
  QueueReceiver two = second.open(kByBell);
  Loop loop = make_loop();
  std::array<Loop::Id, 2> ids{};
  int called = 0;
  const auto remove_both = [&] {
    ++called;
    for (const Loop::Id id : ids) loop.remove(id);
    ASSERT_TRUE(loop.after(0ns, [&] { called += 10; }));
  };
  ids = {loop.on(one, remove_both).value(), loop.on(two, remove_both).value()};
  ASSERT_TRUE(first.provide());
  ASSERT_TRUE(second.provide());
  EXPECT_EQ(loop.turn(kLong), 1U) << "the other one is removed by then";
  EXPECT_TRUE(loop.run());
  EXPECT_EQ(called, 11);
}

TEST(LoopTest, SenderHasRoomAgain) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  SenderOfChannel<core::DoorbellKind::futex> at;
  Sender sender = at.open(kByBell);
  Loop loop = make_loop();
  ASSERT_TRUE(loop.on(sender, kBytes, [&] {
    EXPECT_TRUE(at.consume(sender));
    loop.stop();
  }));
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(at.provide());
  });
  EXPECT_TRUE(loop.run());
}

TEST(LoopTest, SignalsComeAsEvents) {
  Loop loop = make_loop();
  int came = 0;
  ASSERT_TRUE(loop.on_signal(SIGUSR2, [&] {
    if (++came == 2) ::kill(::getpid(), SIGUSR1);
    if (came < 2) ::kill(::getpid(), SIGUSR2);
  }));
  ASSERT_TRUE(loop.on_signal(SIGUSR1));
  ::kill(::getpid(), SIGUSR2);
  EXPECT_TRUE(loop.run());
  EXPECT_EQ(came, 2);
}

TEST(LoopTest, TimeWhoseHandlerThrowsIsOver) {
  Loop loop = make_loop();
  int called = 0;
  for (int both = 0; both < 2; ++both) {
    ASSERT_TRUE(loop.after(0ns, [&] {
      ++called;
      throw std::runtime_error("from a handler");
    }));
  }
  EXPECT_THROW((void)loop.run(), std::runtime_error);
  EXPECT_THROW((void)loop.run(), std::runtime_error) << "the other one";
  ASSERT_TRUE(loop.after(kLong, [&] { loop.stop(); }));
  EXPECT_EQ(loop.turn(0ns), 0U);
  EXPECT_EQ(called, 2);
}

TEST(LoopTest, TimeThatAHandlerRemovedBeforeItThrewIsNotDue) {
  Loop loop = make_loop();
  Loop::Id other = 0;
  ASSERT_TRUE(loop.after(0ns, [&] {
    loop.remove(other);
    throw std::runtime_error("from a handler");
  }));
  other = loop.after(0ns, [] { FAIL(); }).value();
  EXPECT_THROW((void)loop.turn(kLong), std::runtime_error);
  ASSERT_TRUE(loop.after(2ms, [] {}));
  EXPECT_EQ(loop.turn(kLong), 1U) << "it waits for what is left";
}

TEST(LoopTest, RunEndsAfterTheLastHandlerThrew) {
  Loop loop = make_loop();
  ASSERT_TRUE(loop.after(0ns, [] { throw std::runtime_error("from a handler"); }));
  EXPECT_THROW((void)loop.run(), std::runtime_error);
  std::jthread late([&](const std::stop_token& stop) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
    }
    if (stop.stop_requested()) return;
    ADD_FAILURE() << "it does not end";
    loop.stop();
  });
  EXPECT_TRUE(loop.run());
}

TEST(LoopTest, StopsFromElsewhere) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  Loop loop = make_loop();
  ASSERT_TRUE(loop.on(receiver, [] { FAIL(); }));
  for (int round = 0; round < 3; ++round) {
    std::jthread other([&] {
      std::this_thread::sleep_for(5ms);
      loop.stop();
    });
    EXPECT_TRUE(loop.run());
  }
  loop.stop();
  EXPECT_TRUE(loop.run()) << "before it runs";

  std::stop_source source;
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    source.request_stop();
  });
  EXPECT_TRUE(loop.run(source.get_token()));
  EXPECT_TRUE(loop.run(source.get_token())) << "requested already";
}

TEST(LoopTest, TurnWaitsNoLongerThanItMay) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  Loop loop = make_loop();
  int called = 0;
  ASSERT_TRUE(loop.on(receiver, [&] { ++called; }));
  EXPECT_EQ(loop.turn(0ns), 0U);
  EXPECT_EQ(loop.turn(2ms), 0U);
  ASSERT_TRUE(at.provide());
  EXPECT_EQ(loop.turn(0ns), 1U);
  EXPECT_EQ(loop.turn(kForever), 1U) << "level-triggered";
  EXPECT_EQ(called, 2);
}

TEST(LoopTest, MovedLoopDoesNothing) {
  Loop loop = make_loop();
  Loop moved = std::move(loop);
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  // NOLINTBEGIN(bugprone-use-after-move): misuse
  EXPECT_EQ(code_of(loop.on(receiver, [] {})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(loop.on_signal(SIGUSR1)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(loop.turn(0ns)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(loop.run()), ErrorCode::invalid_argument);
  loop.remove(1);
  loop.stop();
  // NOLINTEND(bugprone-use-after-move)
  EXPECT_TRUE(moved.run());
  loop = std::move(moved);
  EXPECT_TRUE(loop.run());
}

}  // namespace
}  // namespace ringbell
