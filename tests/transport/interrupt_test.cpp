// interrupt() ends a wait, from another thread and from a signal handler: of every end, asleep by
// each doorbell or awake.
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include <poll.h>
#include <pthread.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/ends/until_stopped.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>

namespace ringbell {
namespace {

using namespace test;

constexpr auto kLong = 20s;
// No spinning, and no slice that could stand in for an interruption.
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};
constexpr WaitOptions kSpins{.kind = WaitOptions::Kind::spin, .longest_sleep = 1h};

bool is_cancelled(const Result<bool>& waited) {
  return !waited && code_of(waited) == ErrorCode::cancelled;
}
bool is_nothing(const Result<bool>& waited) { return waited.has_value() && !*waited; }

template <class Kind>
class InterruptTest : public ::testing::Test {
 protected:
  using End = typename Kind::End;

  // False: it does not fall asleep.
  [[nodiscard]] bool falls_asleep() const {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while ((__atomic_load_n(&kind_.word(), __ATOMIC_RELAXED) & 1U) == 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(5ms);
    return true;
  }

  // How a wait for ever ends that is interrupted once it sleeps, by a thread.
  [[nodiscard]] Result<bool> interrupted(End& end) const {
    std::jthread other([&] {
      EXPECT_TRUE(falls_asleep());
      end.interrupt();
    });
    return wait_on(end, kLong);
  }

  Kind kind_;
};

TYPED_TEST_SUITE(InterruptTest, InterruptibleEnds, InterruptibleNames);

TYPED_TEST(InterruptTest, EndsAWaitThatSleepsAndTheEndIsAsGoodAsBefore) {
  auto end = this->kind_.open(kByBell);
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(is_cancelled(this->interrupted(end)));
  EXPECT_TRUE(is_nothing(wait_on(end, 20ms)));
  EXPECT_TRUE(this->kind_.provide());
  EXPECT_EQ(wait_on(end, kLong), true);
}

TYPED_TEST(InterruptTest, EndsTheNextWaitAndNoOther) {
  auto end = this->kind_.open(kByBell);
  end.interrupt();
  end.interrupt();
  EXPECT_TRUE(is_cancelled(wait_on(end, kLong)));
  EXPECT_TRUE(is_nothing(wait_on(end, 20ms)));
}

TYPED_TEST(InterruptTest, EndsAWaitThatSpins) {
  auto end = this->kind_.open(kSpins);
  std::jthread other([&] {
    std::this_thread::sleep_for(20ms);
    end.interrupt();
  });
  EXPECT_TRUE(is_cancelled(wait_on(end, kLong)));
}

TYPED_TEST(InterruptTest, TakesNothingFromACallThatNeedNotWait) {
  auto end = this->kind_.open(kByBell);
  end.interrupt();
  EXPECT_FALSE(this->kind_.consume(end));  // looks, and does not wait
  ASSERT_TRUE(this->kind_.provide());
  EXPECT_EQ(wait_on(end, kLong), true);
}

// The handler runs on the very thread that waits.
template <class End>
End* g_end = nullptr;

template <class End>
void interrupt_in_handler(int) noexcept {
  g_end<End>->interrupt();
}

TYPED_TEST(InterruptTest, EndsTheWaitOfTheThreadWhoseSignalHandlerCallsIt) {
  using Own = typename TypeParam::End;
  auto end = this->kind_.open(kByBell);
  g_end<Own> = &end;
  struct sigaction handler {};
  struct sigaction before {};
  handler.sa_handler = interrupt_in_handler<Own>;
  handler.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGUSR1, &handler, &before), 0);
  const pthread_t waiting = ::pthread_self();
  for (int round = 0; round < 3; ++round) {
    std::jthread other([&] {
      EXPECT_TRUE(this->falls_asleep());
      ::pthread_kill(waiting, SIGUSR1);
    });
    EXPECT_TRUE(is_cancelled(wait_on(end, kLong)));
  }
  std::raise(SIGUSR1);  // before the wait
  EXPECT_TRUE(is_cancelled(wait_on(end, kLong)));
  ::sigaction(SIGUSR1, &before, nullptr);
}

TYPED_TEST(InterruptTest, WakesALoopThatIsArmed) {
  auto end = this->kind_.open(kByBell);
  const Result<int> fd = end.waitable_fd();
  ASSERT_TRUE(this->kind_.arm(end));
  end.interrupt();
  if constexpr (requires { end.sleeping_place(); }) {
    const SleepingPlace place = end.sleeping_place();
    EXPECT_NE(__atomic_load_n(place.word, __ATOMIC_RELAXED), place.parked);
    EXPECT_EQ(fd.has_value(), place.kind == core::DoorbellKind::eventfd);
  }
  if (fd) {
    pollfd waiting{.fd = *fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 20'000), 1);
  }
  EXPECT_TRUE(is_cancelled(wait_on(end, kLong)));
}

TYPED_TEST(InterruptTest, DoesNothingInAChildOfFork) {
  auto end = this->kind_.open(kByBell);
  ChildProcess child = ChildProcess::fork([&] {
    end.interrupt();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(is_nothing(wait_on(end, 20ms)));
}

TYPED_TEST(InterruptTest, DoesNothingToAnEndThatWasMovedFrom) {
  auto from = this->kind_.open(kByBell);
  { const auto end = std::move(from); }  // and its mapping is gone
  from.interrupt();                      // NOLINT(bugprone-use-after-move): it must not crash
}

TYPED_TEST(InterruptTest, StopEndsTheWait) {
  auto end = this->kind_.open(kByBell);
  const auto waiting = [&] { return wait_on(end, kLong); };
  std::stop_source source;
  {
    std::jthread other([&] {
      EXPECT_TRUE(this->falls_asleep());
      source.request_stop();
    });
    EXPECT_TRUE(is_cancelled(until_stopped(source.get_token(), end, waiting)));
  }
  // Once requested: at once, whatever is there, and not a second time.
  ASSERT_TRUE(this->kind_.provide());
  EXPECT_TRUE(is_cancelled(until_stopped(source.get_token(), end, waiting)));
  EXPECT_EQ(until_stopped(std::stop_token(), end, waiting), true);
}

// --- Of many that sleep on one word --------------------------------------------------------------

TEST(InterruptOneOfManyTest, TheOthersSleepOn) {
  ReceiverOfQueue kind;
  QueueReceiver one = kind.open(kByBell);
  QueueReceiver two = kind.open(kByBell);
  std::optional<Result<bool>> second;
  std::thread other([&] { second = wait_on(two, kLong); });
  std::jthread interrupting([&] {
    std::this_thread::sleep_for(50ms);
    one.interrupt();
  });
  EXPECT_TRUE(is_cancelled(wait_on(one, kLong)));
  EXPECT_TRUE(kind.provide());
  other.join();
  EXPECT_EQ(*second, true);
}

TEST(InterruptedCallTest, ErrorSaysHowTheWaitEnded) {
  ReceiverOfQueue kind;
  QueueReceiver end = kind.open(kByBell);
  end.interrupt();
  EXPECT_EQ(message_of(wait_on(end, kLong)), "the wait was ended by interrupt()");
}

TEST(InterruptedCallTest, EverySendThatWaitsIsEnded) {
  Buffer message{};
  SenderOfChannel<core::DoorbellKind::futex> channel;
  Sender sender = channel.open(kByBell);
  sender.interrupt();
  EXPECT_TRUE(is_cancelled(sender.send(message, kLong)));
  SenderOfQueue queue;
  QueueSender one = queue.open(kByBell);
  one.interrupt();
  EXPECT_TRUE(is_cancelled(one.send(message, kLong)));
}

TEST(InterruptedCallTest, WaitingForSubscribersIsEnded) {
  Publisher publisher = Publisher::open(Topic::create().value(), kByBell).value();
  publisher.interrupt();
  EXPECT_TRUE(is_cancelled(publisher.wait_for_subscribers(1, kLong)));
}

// What the server does with a call that is given up is as after a time-out.
TEST(InterruptedCallTest, CallThatIsInterruptedIsAbandoned) {
  ClientOfService kind;
  Client client = kind.open(kByBell);
  client.interrupt();
  const auto answer = client.answer_for(kLong);
  EXPECT_TRUE(is_cancelled(whether(answer)));
  EXPECT_EQ(fate_of(answer), Fate::maybe_served);
  EXPECT_EQ(code_of(client.answer_for(0ns)), ErrorCode::invalid_argument);
  EXPECT_TRUE(kind.provide());
  EXPECT_TRUE(ClientOfService::call(client));
}

}  // namespace
}  // namespace ringbell
