// Two processes, each asleep in a UringLoop, on a ring so small that both sleep all the time; and a
// pipe of streams, from a file over two rings into another, with everything checked.
#include <chrono>
#include <cstdio>
#include <optional>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/cpus.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/sleepers.hpp>
#include <tests/support/uring_stream.hpp>

namespace ringbell {
namespace {

using enum test::Outcome;
using core::DoorbellKind;
using namespace std::chrono_literals;

constexpr std::uint64_t kMessages = test::kSanitized ? 5'000 : 60'000;
constexpr WaitOptions kAtOnce{.spin_budget = 0ns};

struct Contest {
  const char* name;
  DoorbellKind doorbell;
  std::size_t receiver_cpu;
  bool fences = false;  // membarrier is denied

  // Beyond the time for which a busy machine takes the CPU from a peer that is about to ring.
  [[nodiscard]] UringOptions options() const noexcept {
    return {.futex_wait = doorbell == DoorbellKind::futex, .longest_sleep = 5s};
  }
};

constexpr Contest kContests[] = {
    {"EventfdOnOneCpu", DoorbellKind::eventfd, 0},
    {"EventfdOnTwoCpus", DoorbellKind::eventfd, 1},
    {"EventfdWithFences", DoorbellKind::eventfd, 1, true},
    {"FutexOnOneCpu", DoorbellKind::futex, 0},
    {"FutexOnTwoCpus", DoorbellKind::futex, 1},
    {"FutexWithFences", DoorbellKind::futex, 1, true},
};

int judge(const UringLoop& loop, std::uint64_t moved) {
  if (loop.missed_rings() != 0) return kLostWakeUp;
  return moved == kMessages ? kFine : kNotAll;
}

int send_all(const Contest& contest, const ChannelFds& fds) {
  test::pin_to_cpu(0);
  if (contest.fences && !test::deny_membarrier()) return kNoFilter;
  Result<UringLoop> loop = UringLoop::create(contest.options());
  if (!loop) return kNoLoop;
  Result<Sender> sender = Sender::attach(fds, kAtOnce);
  if (!sender) return kNoEndpoint;
  constexpr std::uint32_t kLargest = 1100;
  std::uint64_t number = 0;
  const auto send = [&](const Result<void>& room) {
    if (!room) return loop->stop();
    for (; number < kMessages; ++number) {
      const auto into = sender->claim(test::size_of_large(number));
      if (!into) return;
      test::write_message(number % 64 == 0 ? *into : into->first(8), number);
      sender->commit();
    }
    loop->stop();
  };
  if (!loop->watch(*sender, kLargest, send) || !loop->run()) return kNoLoop;
  return judge(*loop, number);
}

int receive_all(const Contest& contest, const ChannelFds& fds) {
  test::pin_to_cpu(contest.receiver_cpu);
  if (contest.fences && !test::deny_membarrier()) return kNoFilter;
  Result<UringLoop> loop = UringLoop::create(contest.options());
  if (!loop) return kNoLoop;
  Result<Receiver> receiver = Receiver::attach(fds, kAtOnce);
  if (!receiver) return kNoEndpoint;
  std::uint64_t number = 0;
  bool right = true;
  const auto check = [&](std::span<const std::byte> record) {
    right = right && record.size() == test::size_of_large(number) &&
            test::is_message(number % 64 == 0 ? record : record.first(8), number);
    ++number;
  };
  const auto receive = [&](const Result<void>& there) {
    if (!there) return loop->stop();  // closed
    receiver->drain(check);
  };
  if (!loop->watch(*receiver, receive) || !loop->run()) return kNoLoop;
  return right ? judge(*loop, number) : kWrongMessage;
}

class UringTwoProcessTest : public ::testing::TestWithParam<Contest> {};

INSTANTIATE_TEST_SUITE_P(EveryBell, UringTwoProcessTest, ::testing::ValuesIn(kContests),
                         [](const auto& contest) { return contest.param.name; });

TEST_P(UringTwoProcessTest, NoWakeUpIsLost) {
  const Contest& contest = GetParam();
  if (test::usable_cpus().size() <= contest.receiver_cpu) GTEST_SKIP() << "one CPU only";
  if (const auto loop = UringLoop::create(contest.options()); !loop) {
    GTEST_SKIP() << loop.error().message;
  }
  const Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = contest.doorbell}).value();
  using test::ChildProcess;
  ChildProcess receiver = ChildProcess::fork([&] { return receive_all(contest, channel.fds()); });
  ChildProcess sender = ChildProcess::fork([&] { return send_all(contest, channel.fds()); });
  const std::optional<int> outcome = sender.wait();
  if (outcome == kNoFilter) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(outcome, kFine);
  EXPECT_EQ(receiver.wait(), kFine);
}

// file -> ring -> pipe | pipe -> ring -> file: four streams in three processes.
TEST(UringStreamsTest, BytesComeThroughAllOfThem) {
  if (!UringLoop::create()) GTEST_SKIP() << "no io_uring here";
  const test::Bytes content = test::some_bytes(5'000'003);
  const FileDescriptor source = test::make_file(content);
  const FileDescriptor copy = test::make_file();
  test::Pair pipe = test::make_pipe();
  const ChannelOptions options{.capacity_bytes = 64UL * 1024, .doorbell = DoorbellKind::eventfd};
  const Channel first = Channel::create(options).value();
  const Channel second = Channel::create(options).value();
  const auto run = [](auto&& start) {
    UringLoop loop = UringLoop::create().value();
    std::optional<StreamEnd> end;
    if (!start(loop, [&](const StreamEnd& ended) { end = ended; }) || !loop.run()) return 1;
    return end && end->result ? 0 : 2;
  };
  using test::ChildProcess;
  ChildProcess reader = ChildProcess::fork([&] {
    Sender sender = Sender::attach(first.fds()).value();
    return run([&](UringLoop& loop, auto done) {
      return loop.read_into(sender, source.get(), {.offset = 0, .depth = 4}, done);
    });
  });
  ChildProcess middle = ChildProcess::fork([&] {
    // Both ends of the pipe in one loop, so it must never wait for one of them alone.
    Receiver receiver = Receiver::attach(first.fds()).value();
    Sender sender = Sender::attach(second.fds()).value();
    UringLoop loop = UringLoop::create().value();
    std::optional<StreamEnd> written;
    std::optional<StreamEnd> read;
    const auto out = loop.write_from(receiver, pipe.second.get(), {}, [&](const StreamEnd& end) {
      written = end;
      pipe.second = FileDescriptor();
    });
    const auto in =
        loop.read_into(sender, pipe.first.get(), {}, [&](const StreamEnd& end) { read = end; });
    if (!out || !in || !loop.run()) return 1;
    return written && written->result && read && read->result ? 0 : 2;
  });
  pipe = test::Pair{};  // the middle's alone: its reader must see the end
  ChildProcess writer = ChildProcess::fork([&] {
    Receiver receiver = Receiver::attach(second.fds()).value();
    return run([&](UringLoop& loop, auto done) {
      return loop.write_from(receiver, copy.get(), {.offset = 0, .depth = 4}, done);
    });
  });
  EXPECT_EQ(reader.wait(), 0);
  EXPECT_EQ(middle.wait(), 0);
  EXPECT_EQ(writer.wait(), 0);
  EXPECT_TRUE(test::content_of(copy.get()) == content);
}

}  // namespace
}  // namespace ringbell
