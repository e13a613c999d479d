// Two processes that sleep in loops of their own, in epoll, poll and boost::asio, on a ring so
// small that both sides sleep all the time. No wake-up may be lost: a sleep that lasts its whole
// limit although what it waited for is there fails the test.
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/cpus.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/sleepers.hpp>

namespace ringbell {
namespace {

using enum test::Outcome;
using core::DoorbellKind;

constexpr std::uint64_t kMessages = test::kSanitized ? 5'000 : 60'000;
constexpr std::uint32_t kRingBytes = 4096;
// Beyond the time for which a busy machine takes the CPU from a peer that is about to ring.
constexpr int kLimitMs = 10'000;

// Sleeps until the descriptor is readable. False: the limit has passed.
using Sleep = std::function<bool()>;

Sleep in_poll(int fd) {
  return [fd] {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, kLimitMs) == 1;
  };
}

Sleep in_epoll(int fd, std::uint32_t trigger) {
  const auto epoll = std::make_shared<FileDescriptor>(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{.events = EPOLLIN | trigger, .data = {}};
  ::epoll_ctl(epoll->get(), EPOLL_CTL_ADD, fd, &wanted);
  return [epoll] {
    epoll_event event{};
    return ::epoll_wait(epoll->get(), &event, 1, kLimitMs) == 1;
  };
}

Sleep in_asio(int fd) {
  struct Loop {
    boost::asio::io_context context{1};
    boost::asio::posix::stream_descriptor bell{context};
    ~Loop() { bell.release(); }  // the endpoint's
  };
  const auto loop = std::make_shared<Loop>();
  loop->bell.assign(fd);
  return [loop] {
    bool readable = false;
    loop->bell.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [&](const boost::system::error_code& error) { readable = !error; });
    loop->context.restart();
    loop->context.run_for(std::chrono::milliseconds(kLimitMs));
    if (readable) return true;
    loop->bell.cancel();
    loop->context.run();
    return false;
  };
}

struct Contest {
  const char* name;
  Sleep (*sleep_on)(int fd);
  std::size_t receiver_cpu;  // the sender runs on the first usable one
  bool disarms = false;      // after each sleep: allowed, not needed
  bool fences = false;       // membarrier is denied
  bool waits_too = false;    // every few messages with a waiting call
};

constexpr Contest kContests[] = {
    {"EpollOnOneCpu", [](int fd) { return in_epoll(fd, 0); }, 0},
    {"EpollOnTwoCpus", [](int fd) { return in_epoll(fd, 0); }, 1, true},
    {"EpollBesideWaits", [](int fd) { return in_epoll(fd, 0); }, 1, false, false, true},
    {"EdgeTriggeredEpoll", [](int fd) { return in_epoll(fd, EPOLLET); }, 1},
    {"PollOnOneCpu", in_poll, 0, true},
    {"PollOnTwoCpus", in_poll, 1},
    {"PollWithFences", in_poll, 1, false, true},
    {"AsioOnOneCpu", in_asio, 0},
    {"AsioOnTwoCpus", in_asio, 1},
};

// Sleeps until `ready()`, as a loop does. False: a wake-up was lost, or the peer went away.
template <class Endpoint, class Ready, class Arm>
bool sleep_until(Endpoint& endpoint, const Contest& contest, const Sleep& sleep, Ready&& ready,
                 Arm&& arm, std::uint64_t& sleeps) {
  while (!ready()) {
    if (!arm()) {
      if (!ready() && endpoint.peer() != PeerState::alive) return false;
      continue;
    }
    ++sleeps;
    if (!sleep()) return false;
    if (contest.disarms) endpoint.disarm();
  }
  return true;
}

int judge(const char* side, const Contest& contest, std::uint64_t sleeps) {
  std::printf("%s: %llu sleeps, none too long\n", side, static_cast<unsigned long long>(sleeps));
  return contest.receiver_cpu == 0 && sleeps == 0 ? kNeverSlept : kFine;
}

int send_all(const Contest& contest, const ChannelFds& fds, const test::Signal& receiver_is_there) {
  test::pin_to_cpu(0);
  if (contest.fences && !test::deny_membarrier()) return kNoFilter;
  if (!receiver_is_there.wait()) return kNoEndpoint;
  Result<Sender> sender = Sender::attach(fds, {.spin_budget = std::chrono::nanoseconds::zero()});
  if (!sender) return kNoEndpoint;
  const Sleep sleep = contest.sleep_on(sender->waitable_fd().value());
  std::uint64_t sleeps = 0;
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const std::uint32_t size = test::size_of_large(number);
    std::optional<std::span<std::byte>> room;
    if (contest.waits_too && number % 16 == 0) {
      room = sender->claim_for(size).value_or(std::nullopt);
    }
    const auto has_room = [&] { return room || (room = sender->claim(size)); };
    if (!sleep_until(
            *sender, contest, sleep, has_room, [&] { return sender->arm(size); }, sleeps)) {
      return kLostWakeUp;
    }
    test::write_message(number % 64 == 0 ? *room : room->first(8), number);
    sender->commit();
  }
  return judge("sender", contest, sleeps);
}

int receive_all(const Contest& contest, const ChannelFds& fds, const test::Signal& is_there) {
  test::pin_to_cpu(contest.receiver_cpu);
  if (contest.fences && !test::deny_membarrier()) return kNoFilter;
  Result<Receiver> receiver =
      Receiver::attach(fds, {.spin_budget = std::chrono::nanoseconds::zero()});
  if (!receiver) return kNoEndpoint;
  const Sleep sleep = contest.sleep_on(receiver->waitable_fd().value());
  is_there.tell();
  while (receiver->peer() == PeerState::absent) ::usleep(100);
  std::uint64_t sleeps = 0;
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    std::optional<std::span<const std::byte>> record;
    if (contest.waits_too && number % 8 == 0) {
      record = receiver->peek_for().value_or(std::nullopt);
    }
    const auto has_record = [&] { return record || (record = receiver->peek()); };
    if (!sleep_until(
            *receiver, contest, sleep, has_record, [&] { return receiver->arm(); }, sleeps)) {
      return kLostWakeUp;
    }
    if (record->size() != test::size_of_large(number)) return kWrongMessage;
    if (!test::is_message(number % 64 == 0 ? *record : record->first(8), number)) {
      return kWrongMessage;
    }
    receiver->release();
  }
  return judge("receiver", contest, sleeps);
}

class EventLoopWakeupStressTest : public ::testing::TestWithParam<Contest> {};

INSTANTIATE_TEST_SUITE_P(EveryLoop, EventLoopWakeupStressTest, ::testing::ValuesIn(kContests),
                         [](const auto& contest) { return contest.param.name; });

TEST_P(EventLoopWakeupStressTest, NoWakeUpIsLost) {
  const Contest& contest = GetParam();
  if (test::usable_cpus().size() <= contest.receiver_cpu) GTEST_SKIP() << "one CPU only";
  const Channel channel =
      Channel::create({.capacity_bytes = kRingBytes, .doorbell = DoorbellKind::eventfd}).value();
  const test::Signal receiver_is_there;
  using test::ChildProcess;
  ChildProcess receiver =
      ChildProcess::fork([&] { return receive_all(contest, channel.fds(), receiver_is_there); });
  ChildProcess sender =
      ChildProcess::fork([&] { return send_all(contest, channel.fds(), receiver_is_there); });
  const std::optional<int> outcome = sender.wait();
  if (outcome == kNoFilter) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(outcome, kFine);
  EXPECT_EQ(receiver.wait(), kFine);
}

}  // namespace
}  // namespace ringbell
