// UringLoop's waiting: bells, descriptors, times; and what it says where there is no io_uring.
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/uring_loop.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// By both kinds of bell.
class UringWatchTest : public test::UringLoopTest,
                       public ::testing::WithParamInterface<DoorbellKind> {
 protected:
  [[nodiscard]] UringOptions options() const override {
    return {.entries = 8, .futex_wait = GetParam() == DoorbellKind::futex, .longest_sleep = 50ms};
  }
  [[nodiscard]] Channel make_channel() const {
    return Channel::create({.capacity_bytes = 4096, .doorbell = GetParam()}).value();
  }

  std::array<std::byte, 100> message{};
};

INSTANTIATE_TEST_SUITE_P(EveryBell, UringWatchTest,
                         ::testing::Values(DoorbellKind::eventfd, DoorbellKind::futex),
                         [](const auto& kind) {
                           return kind.param == DoorbellKind::futex ? "Futex" : "Eventfd";
                         });

TEST_P(UringWatchTest, CallsBackWhileThereAreRecords) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::attach(channel.fds()).value();
  int calls = 0;
  ASSERT_TRUE(loop->watch(receiver, [&](const Result<void>& there) {
    ASSERT_TRUE(there);
    ASSERT_TRUE(receiver.peek());
    receiver.release();  // one at a time: it must call again for the others
    ++calls;
  }));
  let_pass(10ms);
  EXPECT_EQ(calls, 0);
  for (int round = 1; round <= 20; ++round) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(sender.try_send(message));
    ASSERT_TRUE(turn_until([&] { return calls == 5 * round; }));
    let_pass(1ms);
    ASSERT_EQ(calls, 5 * round);
  }
  EXPECT_EQ(loop->missed_rings(), 0U);
}

TEST_P(UringWatchTest, HundredBellsInALoopOfFewEntries) {
  constexpr std::size_t kChannels = 100;
  std::vector<Receiver> receivers;
  std::vector<Sender> senders;
  std::vector<int> calls(kChannels);
  for (std::size_t i = 0; i < kChannels; ++i) {
    const Channel channel = make_channel();
    receivers.push_back(Receiver::attach(channel.fds()).value());
    senders.push_back(Sender::attach(channel.fds()).value());
  }
  for (std::size_t i = 0; i < kChannels; ++i) {
    ASSERT_TRUE(loop->watch(receivers[i], [&, i](const Result<void>& there) {
      ASSERT_TRUE(there);
      calls[i] += static_cast<int>(receivers[i].drain([](auto) {}));
    }));
  }
  let_pass(10ms);
  for (int round = 1; round <= 10; ++round) {
    const std::size_t one = static_cast<std::size_t>(round) * 7 % kChannels;
    ASSERT_TRUE(senders[one].try_send(message));
    ASSERT_TRUE(turn_until([&] { return calls[one] == 1; }));
    ASSERT_EQ(std::count(calls.begin(), calls.end(), 0), kChannels - 1);
    calls[one] = 0;
  }
  for (Sender& sender : senders) ASSERT_TRUE(sender.try_send(message));
  ASSERT_TRUE(turn_until([&] { return std::count(calls.begin(), calls.end(), 1) == kChannels; }));
  EXPECT_EQ(loop->missed_rings(), 0U);
}

TEST_P(UringWatchTest, SenderIsToldOfRoom) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::attach(channel.fds()).value();
  while (sender.try_send(message)) {
  }
  int calls = 0;
  UringLoop::Ticket ticket = 0;
  ticket = loop->watch(sender, 100,
                       [&](const Result<void>& there) {
                         ASSERT_TRUE(there);
                         ++calls;
                         loop->cancel(ticket);
                       })
               .value();
  let_pass(10ms);
  EXPECT_EQ(calls, 0);
  receiver.drain([](auto) {});
  ASSERT_FALSE(receiver.peek());
  ASSERT_TRUE(turn_until([&] { return calls > 0; }));
  let_pass(10ms);
  EXPECT_EQ(calls, 1) << "cancelled in its own callback";
}

TEST_P(UringWatchTest, CancelledWatchCallsNoMore) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::attach(channel.fds()).value();
  int calls = 0;
  const auto count = [&](const Result<void>&) { ++calls; };
  const UringLoop::Ticket ticket = loop->watch(receiver, count).value();
  let_pass(5ms);
  loop->cancel(ticket);
  ASSERT_TRUE(sender.try_send(message));
  let_pass(5ms);
  EXPECT_EQ(calls, 0);
  // And the endpoint is as good as new: for another watch, or gone.
  ASSERT_TRUE(loop->watch(receiver, [&](const Result<void>&) {
    ++calls;
    receiver.drain([](auto) {});
  }));
  ASSERT_TRUE(turn_until([&] { return calls == 1; }));
  loop->cancel(ticket);
  loop->cancel(12345);
}

TEST_P(UringWatchTest, ClosedSenderIsTheLastCallAfterTheRest) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  std::optional<Sender> sender = Sender::attach(channel.fds()).value();
  std::vector<std::string> said;
  ASSERT_TRUE(loop->watch(receiver, [&](const Result<void>& there) {
    said.emplace_back(there ? "record" : name_of(code_of(there)));
    if (there) receiver.release();
  }));
  let_pass(5ms);
  ASSERT_TRUE(sender->try_send(message));
  ASSERT_TRUE(sender->try_send(message));
  sender.reset();
  ASSERT_TRUE(turn_until([&] { return said.size() == 3; }));
  let_pass(5ms);
  EXPECT_THAT(said, ElementsAre("record", "record", "closed"));
}

TEST_P(UringWatchTest, DeathOfTheSenderIsNoticed) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const test::Signal there;
  test::ChildProcess child = test::ChildProcess::fork([&] {
    Result<Sender> sender = Sender::attach(channel.fds());
    if (sender && sender->try_send(message)) there.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(there.wait());
  int records = 0;
  std::optional<Error> last;
  ASSERT_TRUE(loop->watch(receiver, [&](const Result<void>& record) {
    if (!record) {
      last = record.error();
      return;
    }
    receiver.release();
    ++records;
  }));
  ASSERT_TRUE(turn_until([&] { return records == 1; }));
  EXPECT_FALSE(last);
  child.kill_now();
  ASSERT_TRUE(turn_until([&] { return last.has_value(); }));
  EXPECT_EQ(last->code, ErrorCode::peer_dead);
}

// A dead sender's record, for which it did not ring, is found without a bell.
TEST_P(UringWatchTest, RecordWithoutARingIsFoundAndCounted) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const Sender sender = Sender::attach(channel.fds()).value();
  int calls = 0;
  ASSERT_TRUE(loop->watch(receiver, [&](const Result<void>&) {
    ++calls;
    receiver.release();
  }));
  let_pass(5ms);
  core::SpscRing<>::Writer silent(channel.region().spsc_memory());
  ASSERT_FALSE(silent.claim(10).empty());
  silent.commit();
  ASSERT_TRUE(turn_until([&] { return calls == 1; }));
  EXPECT_EQ(loop->missed_rings(), 1U);
}

TEST_P(UringWatchTest, LoopGoesWithAllItsWatches) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::attach(channel.fds()).value();
  ASSERT_TRUE(loop->watch(receiver, [](const Result<void>&) { FAIL() << "the loop is gone"; }));
  ASSERT_TRUE(loop->watch(sender, 100, [](const Result<void>&) {}));
  let_pass(5ms);
  loop->poll(STDIN_FILENO, POLLPRI, [](const Result<unsigned>&) {});
  loop->after(1h, [] {});
  ASSERT_TRUE(loop->turn(0ns));
  loop.reset();
  EXPECT_TRUE(sender.try_send(message));
  EXPECT_TRUE(receiver.peek()) << "the endpoints live on";
}

// --- descriptors and times -----------------------------------------------------------------------

using UringTest = test::UringLoopTest;

TEST_F(UringTest, PollCallsAgainWhileTheDescriptorIsReady) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const FileDescriptor out(ends[0]);
  FileDescriptor in(ends[1]);
  int bytes = 0;
  unsigned last_events = 0;
  UringLoop::Ticket ticket = 0;
  ticket = loop->poll(out.get(), POLLIN, [&](const Result<unsigned>& events) {
    ASSERT_TRUE(events);
    last_events = *events;
    char byte = 0;
    const ssize_t got = ::read(out.get(), &byte, 1);  // one of them: level-triggered
    if (got == 0) loop->cancel(ticket);
    bytes += static_cast<int>(got);
  });
  let_pass(5ms);
  EXPECT_EQ(bytes, 0);
  ASSERT_EQ(::write(in.get(), "abc", 3), 3);
  ASSERT_TRUE(turn_until([&] { return bytes == 3; }));
  EXPECT_EQ(last_events, unsigned{POLLIN});
  in = FileDescriptor();
  ASSERT_TRUE(turn_until([&] { return last_events == POLLHUP; }));
  EXPECT_TRUE(loop->run()) << "nothing is left to wait for";
}

TEST_F(UringTest, PollOfNoDescriptorIsAnError) {
  std::optional<Error> error;
  loop->poll(-1, POLLIN, [&](const Result<unsigned>& events) { error = events.error(); });
  ASSERT_TRUE(turn_until([&] { return error.has_value(); }));
  EXPECT_EQ(error->errno_value, EBADF);
}

TEST_F(UringTest, TimesComeInTheirOrderAndNotBefore) {
  const auto start = Clock::now();
  std::vector<int> order;
  const UringLoop::Ticket last = loop->after(1h, [&] { order.push_back(98); });
  loop->after(10ms, [&] {
    order.push_back(1);
    loop->after(10ms, [&] {
      order.push_back(2);
      loop->cancel(last);
      loop->after(10ms, [&] { order.push_back(3); });
    });
  });
  const UringLoop::Ticket never = loop->after(15ms, [&] { order.push_back(99); });
  loop->after(-1s, [&] { order.push_back(0); });
  loop->cancel(never);
  ASSERT_TRUE(loop->run());
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  EXPECT_GE(Clock::now() - start, 30ms);
}

TEST_F(UringTest, TurnEndsWhenItsTimeIsUp) {
  loop->after(kForever, [] {});
  const auto start = Clock::now();
  std::size_t calls = 0;
  while (Clock::now() - start < 20ms) calls += loop->turn(20ms).value();
  EXPECT_EQ(calls, 0U);
  EXPECT_EQ(loop->turn(0ns), 0U);
}

TEST_F(UringTest, StopEndsRun) {
  loop->after(1h, [] {});
  loop->after(1ms, [&] { loop->stop(); });
  EXPECT_TRUE(loop->run());
}

TEST_F(UringTest, MovedLoopGoesOn) {
  int calls = 0;
  loop->after(1ms, [&] { ++calls; });
  UringLoop moved(std::move(*loop));
  loop.reset();
  EXPECT_TRUE(moved.run());
  EXPECT_EQ(calls, 1);
}

TEST_F(UringTest, BellsItCannotSleepOnAreRefusedWithARemedy) {
  const auto refusal = [&](DoorbellKind kind, const WaitOptions& wait) {
    const Channel channel = Channel::create({.capacity_bytes = 4096, .doorbell = kind}).value();
    Receiver receiver = Receiver::attach(channel.fds(), wait).value();
    const auto refused = loop->watch(receiver, [](const Result<void>&) {});
    EXPECT_EQ(code_of(refused), ErrorCode::unsupported);
    return message_of(refused);
  };
  EXPECT_THAT(refusal(DoorbellKind::futex, {}), HasSubstr("futex_wait"));
  EXPECT_THAT(refusal(DoorbellKind::none, {}), HasSubstr("DoorbellKind::eventfd"));
  EXPECT_THAT(refusal(DoorbellKind::eventfd, {.kind = WaitOptions::Kind::spin}),
              HasSubstr("Kind::park"));
}

// --- where there is no io_uring ------------------------------------------------------------------

TEST(UringRefusalTest, ImpossibleSizesAreErrors) {
  for (const unsigned entries : {0U, 100'000U}) {
    EXPECT_EQ(code_of(UringLoop::create({.entries = entries})), ErrorCode::invalid_argument);
  }
}

struct Denial {
  const char* name;
  long call;
  int errno_value;
};

class UringDenialTest : public ::testing::TestWithParam<Denial> {};

// A container's filter says EPERM, as kernel.io_uring_disabled does; a kernel without it ENOSYS.
INSTANTIATE_TEST_SUITE_P(EveryWay, UringDenialTest,
                         ::testing::Values(Denial{"Forbidden", SYS_io_uring_setup, EPERM},
                                           Denial{"ForbiddenByAccess", SYS_io_uring_setup, EACCES},
                                           Denial{"Missing", SYS_io_uring_setup, ENOSYS},
                                           Denial{"TooOld", SYS_io_uring_setup, EINVAL},
                                           Denial{"HalfForbidden", SYS_io_uring_register, EPERM}),
                         [](const auto& denial) { return denial.param.name; });

TEST_P(UringDenialTest, IsUnsupportedWithARemedy) {
  const Denial& denial = GetParam();
  test::ChildProcess child = test::ChildProcess::fork([&] {
    if (!test::deny_system_call(denial.call, denial.errno_value)) return 77;
    const Result<UringLoop> refused = UringLoop::create();
    if (refused) return 1;
    std::printf("%s\n", message_of(refused).c_str());
    if (code_of(refused) != ErrorCode::unsupported) return 2;
    if (errno_of(refused) != denial.errno_value) return 3;
    return message_of(refused).find(';') == std::string::npos ? 4 : 0;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
