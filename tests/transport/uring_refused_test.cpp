// UringLoop where the kernel refuses something, and with peers that ring for nothing.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/uring/uring.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/refusing_child.hpp>
#include <tests/support/uring_stream.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::content_of;
using test::expect_well;
using test::make_file;
using test::make_pipe;
using test::some_bytes;
using ::testing::HasSubstr;

constexpr int kNoFilter = test::kNoFilterHere;

class UringRefusedTest : public test::UringStreamTest {};

// --- making one ----------------------------------------------------------------------------------

TEST_F(UringRefusedTest, WithoutADescriptorTheLimitIsNamed) {
  for (const rlim_t most : {0, 3}) {  // none, or one of the first three that cannot be moved up
    ChildProcess child = ChildProcess::fork([&] {
      ::close(STDIN_FILENO);
      const rlimit limit{.rlim_cur = most, .rlim_max = most};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
      const Result<UringLoop> refused = UringLoop::create();
      if (refused || code_of(refused) == ErrorCode::unsupported) return 2;
      return message_of(refused).find("ulimit -n") == std::string::npos ? 3 : 0;
    });
    EXPECT_EQ(child.wait(), 0) << most;
  }
}

TEST_F(UringRefusedTest, WithoutTheCpusOfItsWorkersThereIsNone) {
  expect_well(ChildProcess::fork([] {
    if (!test::deny_system_call(SYS_sched_getaffinity, EPERM)) return kNoFilter;
    return errno_of(UringLoop::create()) == EPERM ? 0 : 1;
  }));
}

// The kernel is asked for 256 operations at once, and for no other table of that size.
TEST_F(UringRefusedTest, WithoutAListOfOperationsThereIsNoWaitingOnFutexes) {
  expect_well(ChildProcess::fork([] {
    if (!test::deny_flag(SYS_io_uring_register, 3, 256, EPERM)) return kNoFilter;
    if (!UringLoop::create()) return 1;
    const Result<UringLoop> refused = UringLoop::create({.futex_wait = true});
    if (code_of(refused) != ErrorCode::unsupported) return 2;
    return message_of(refused).find("Linux 6.7") == std::string::npos ? 3 : 0;
  }));
}

// --- registering memory --------------------------------------------------------------------------

TEST_F(UringRefusedTest, MemoryThatCannotBeRegisteredIsRefused) {
  Uring uring = Uring::create(8).value();
  constexpr std::size_t kGibibyte = std::size_t{1} << 30;
  void* const none =
      ::mmap(nullptr, kGibibyte + 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(none, MAP_FAILED);
  const std::span<std::byte> memory(static_cast<std::byte*>(none), kGibibyte + 1);
  const Result<int> too_large = uring.pin(memory);
  EXPECT_EQ(code_of(too_large), ErrorCode::unsupported);
  EXPECT_THAT(message_of(too_large), HasSubstr("at most 1 GiB"));
  const Result<int> unreadable = uring.pin(memory.first(4096));
  EXPECT_EQ(code_of(unreadable), ErrorCode::unsupported);
  EXPECT_THAT(message_of(unreadable), HasSubstr("pinned = false"));
  ::munmap(none, kGibibyte + 1);
}

TEST_F(UringRefusedTest, PlacesForRegisteredMemoryComeToAnEnd) {
  Uring uring = Uring::create(8).value();
  std::vector<std::byte> memory(100);
  Result<int> last = uring.pin(memory);
  int count = 0;
  for (; last && count < 5000; ++count) last = uring.pin(memory);
  EXPECT_EQ(count, 1024);
  EXPECT_EQ(code_of(last), ErrorCode::no_space);
  uring.unpin(17);
  EXPECT_EQ(uring.pin(memory), 17) << "what was given back";
}

// --- entering the kernel -------------------------------------------------------------------------

// Not now: the next turn tries it again.
TEST_F(UringRefusedTest, TurnGoesOnWhereTheKernelIsBusyForTheMoment) {
  for (const int busy : {EAGAIN, EBUSY, EINTR}) {
    expect_well(ChildProcess::fork([busy] {
      Result<UringLoop> made = UringLoop::create();
      if (!made || !test::deny_system_call(SYS_io_uring_enter, busy)) return kNoFilter;
      made->poll(STDIN_FILENO, POLLPRI, [](const Result<unsigned>&) {});
      const bool went_on = made->turn(0ns) == 0U && made->turn(1ms) == 0U;
      ::_exit(went_on ? 0 : 1);  // before the loop, which would wait for the kernel
    }));
  }
}

TEST_F(UringRefusedTest, TurnAndRunFailWhereTheKernelRefusesToBeEntered) {
  expect_well(ChildProcess::fork([] {
    Result<UringLoop> made = UringLoop::create();
    if (!made || !test::deny_system_call(SYS_io_uring_enter, EPERM)) return kNoFilter;
    made->poll(STDIN_FILENO, POLLPRI, [](const Result<unsigned>&) {});
    if (errno_of(made->turn(0ns)) != EPERM) return 1;
    if (errno_of(made->turn(1ms)) != EPERM) return 2;
    return errno_of(made->run()) == EPERM ? 0 : 3;  // and the loop goes without waiting
  }));
}

// --- ends that cannot sleep ----------------------------------------------------------------------

TEST_F(UringRefusedTest, StreamsAndSendersOnFutexesTakeALoopWithFutexWait) {
  const Channel other =
      Channel::create({.capacity_bytes = 4096, .doorbell = DoorbellKind::futex}).value();
  Sender into = Sender::attach(other.fds()).value();
  Receiver from = Receiver::attach(other.fds()).value();
  const FileDescriptor file = make_file(some_bytes(100));
  for (const auto& refused : {loop->watch(into, 100, [](const Result<void>&) {}),
                              loop->read_into(into, file.get(), {.offset = 0}, note_end()),
                              loop->write_from(from, file.get(), {}, note_end())}) {
    EXPECT_EQ(code_of(refused), ErrorCode::unsupported);
    EXPECT_THAT(message_of(refused), HasSubstr("futex_wait"));
  }
  EXPECT_TRUE(loop->run()) << "nothing has begun";
}

TEST_F(UringRefusedTest, ClosedReceiverIsTheLastCallOfASendersWatch) {
  while (sender->try_send(some_bytes(1000))) {
  }
  std::optional<ErrorCode> last;
  ASSERT_TRUE(loop->watch(*sender, 1000, [&](const Result<void>& room) { last = code_of(room); }));
  let_pass(5ms);
  EXPECT_FALSE(last);
  receiver.reset();
  ASSERT_TRUE(turn_until([&] { return last.has_value(); }));
  EXPECT_EQ(last, ErrorCode::closed);
  EXPECT_TRUE(loop->run()) << "it is over";
}

// --- what is found without a ring ----------------------------------------------------------------

TEST_F(UringRefusedTest, WatchOfALivingSilentPeerSleepsOn) {
  ASSERT_TRUE(loop->watch(*receiver, [](const Result<void>&) { FAIL() << "nothing is there"; }));
  let_pass(150ms);  // longer than longest_sleep
  EXPECT_EQ(loop->missed_rings(), 0U);
}

TEST_F(UringRefusedTest, CorruptRingIsFoundWithoutARing) {
  const FileDescriptor file = make_file();
  std::optional<ErrorCode> seen;
  const auto lie = [&] {
    const core::SpscPlaces places(channel.region().spsc_memory());
    places.header_at(receiver->position()) =
        core::SpscPlaces::header_of(receiver->position(), UINT32_MAX);
  };
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {}, note_end()));
  let_pass(5ms);
  lie();
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::corrupt);
  const Channel other =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = DoorbellKind::eventfd}).value();
  sender = Sender::attach(other.fds()).value();
  Receiver watched = Receiver::attach(other.fds()).value();
  ASSERT_TRUE(loop->watch(watched, [&](const Result<void>& there) { seen = code_of(there); }));
  let_pass(5ms);
  const core::SpscPlaces places(other.region().spsc_memory());
  places.header_at(watched.position()) =
      core::SpscPlaces::header_of(watched.position(), UINT32_MAX);
  ASSERT_TRUE(turn_until([&] { return seen.has_value(); }));
  EXPECT_EQ(seen, ErrorCode::corrupt);
}

// A sender that dies between its record and its ring.
class SilentDeathTest : public UringRefusedTest {
 protected:
  ChildProcess die_when_told() {
    sender.reset();
    receiver.reset();
    receiver = Receiver::attach(fresh.fds()).value();
    ChildProcess child = ChildProcess::fork([&] {
      const Result<Sender> dies = Sender::attach(fresh.fds());
      core::SpscRing<>::Writer silent(fresh.region().spsc_memory());
      attached.tell();
      if (!dies || !asleep.wait() || silent.claim(10).empty()) return 1;
      silent.commit();
      ::raise(SIGKILL);
      return 2;
    });
    EXPECT_TRUE(attached.wait());
    return child;
  }

  const Channel fresh =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = DoorbellKind::eventfd}).value();
  test::Signal attached;
  test::Signal asleep;
};

TEST_F(SilentDeathTest, WatchTellsOfItsRecordAndThenOfItsDeath) {
  ChildProcess child = die_when_told();
  int records = 0;
  std::optional<ErrorCode> last;
  ASSERT_TRUE(loop->watch(*receiver, [&](const Result<void>& there) {
    if (!there) {
      last = code_of(there);
      return;
    }
    receiver->release();
    ++records;
  }));
  let_pass(5ms);
  asleep.tell();
  EXPECT_EQ(child.wait(), -SIGKILL);
  ASSERT_TRUE(turn_until([&] { return last.has_value(); }));
  EXPECT_EQ(records, 1);
  EXPECT_EQ(last, ErrorCode::peer_dead);
  EXPECT_EQ(loop->missed_rings(), 0U);
}

TEST_F(SilentDeathTest, StreamWritesItsRecordAndThenEnds) {
  const FileDescriptor file = make_file();
  ChildProcess child = die_when_told();
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {}, note_end()));
  let_pass(5ms);
  asleep.tell();
  EXPECT_EQ(child.wait(), -SIGKILL);
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::peer_dead);
  EXPECT_EQ(content_of(file.get()).size(), 10U);
  EXPECT_EQ(loop->missed_rings(), 0U);
}

// --- cancelling ----------------------------------------------------------------------------------

TEST_F(UringRefusedTest, CancellingTwiceIsCancellingOnce) {
  const test::Pair pipe = make_pipe();
  const UringLoop::Ticket ticket =
      loop->read_into(*sender, pipe.first.get(), {}, note_end()).value();
  ASSERT_TRUE(loop->watch(*receiver, [&](const Result<void>&) { FAIL() << "nothing came"; }));
  const UringLoop::Ticket poll =
      loop->poll(pipe.first.get(), POLLIN, [](const Result<unsigned>&) { FAIL(); });
  let_pass(5ms);
  for (int i = 0; i < 2; ++i) {
    loop->cancel(ticket);
    loop->cancel(poll);
  }
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::cancelled);
}

TEST_F(UringRefusedTest, CancelledReadOfAFileCountsWhatItReadUntilThen) {
  const test::Bytes content = some_bytes(1000);
  const FileDescriptor file = make_file(content);
  const UringLoop::Ticket ticket =
      loop->read_into(*sender, file.get(), {.offset = 0}, note_end()).value();
  ASSERT_TRUE(loop->turn(0ns));  // all is asked for, and no answer taken
  loop->cancel(ticket);
  ASSERT_TRUE(take_until_the_end());
  EXPECT_EQ(end->bytes, taken.size());
}

// Of two that one death ends the first to be told cancels the other.
TEST_F(UringRefusedTest, CallbackMayCancelAnotherThatIsToBeLookedAt) {
  const Channel other =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = DoorbellKind::eventfd}).value();
  sender.reset();
  test::Signal attached;
  ChildProcess child = ChildProcess::fork([&] {
    const Result<Sender> one = Sender::attach(channel.fds());
    const Result<Sender> two = Sender::attach(other.fds());
    attached.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(attached.wait());
  Receiver watched = Receiver::attach(other.fds()).value();
  receiver.reset();
  receiver = Receiver::attach(channel.fds()).value();
  std::vector<UringLoop::Ticket> tickets;
  int calls = 0;
  for (Receiver* const one_end : {&*receiver, &watched}) {
    tickets.push_back(loop->watch(*one_end,
                                  [&](const Result<void>& there) {
                                    EXPECT_EQ(code_of(there), ErrorCode::peer_dead);
                                    ++calls;
                                    for (const UringLoop::Ticket ticket : tickets)
                                      loop->cancel(ticket);
                                  })
                          .value());
  }
  let_pass(5ms);
  child.kill_now();
  ASSERT_TRUE(turn_until([&] { return calls > 0; }));
  let_pass(100ms);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace ringbell
