// No wake-up is ever lost: two processes that sleep whenever they can, on a ring so small that both
// sides do. Sleeps end by themselves after a slice, so a lost wake-up would only cost time; what
// shows it is the count of sleeps that lasted a slice with the message there and no ring.
#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>

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

// Of the messages that go over each doorbell, a tenth: 1,000,000 in all.
constexpr std::uint64_t kShare = test::kSanitized ? 5'000 : 100'000;

// Which sides sleep. A wake-up that got lost is healed by the next message if there is one: the
// contests with one sleeper use messages that fill the ring: each ring of the bell is then the only
// one, and the side that never sleeps is near enough to publish just while the other one parks.
enum class Sleeper { both, receiver, sender };

struct Contest {
  const char* name;
  DoorbellKind doorbell;
  Sleeper sleeper;
  std::size_t receiver_cpu;  // the sender runs on the first usable one, 0
  bool fences;               // membarrier is denied
  std::uint64_t messages;
  // Sleeps closer than this let the peer fence: 0 keeps to barriers, 5000 goes to and fro.
  std::uint64_t fence_below_bytes = 0;

  // Both asleep: three to ten fit into the ring, so that either side has to wait in turn.
  [[nodiscard]] std::uint32_t size_of(std::uint64_t number) const noexcept {
    return test::size_of_large(number) + (sleeper == Sleeper::both ? 0 : 2600);
  }
  // On one CPU; on two, what it waits for may always come while it parks.
  [[nodiscard]] bool must_sleep() const noexcept { return receiver_cpu == 0; }
  [[nodiscard]] WaitOptions wait(Sleeper side) const noexcept {
    if (sleeper != Sleeper::both && sleeper != side) return {.kind = WaitOptions::Kind::spin};
    // Quick wake-ups, where they are allowed, make the sleeps short and so many.
    // The longest sleep is far beyond the time for which a busy machine takes the CPU from a sender
    // between its commit and its look at the bell, which would look like a lost wake-up.
    return {.spin_budget = std::chrono::nanoseconds::zero(),
            .longest_sleep = std::chrono::seconds(5),
            .fence_below_bytes = fence_below_bytes,
            .quick_wake = true};
  }
};

constexpr std::uint32_t kRingBytes = 4096;

long sleeps_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

void dawdle(std::uint64_t number) noexcept { test::dawdle(number, 14); }

// Exit statuses that say what went wrong.
int prepare(const Contest& contest, std::size_t cpu) {
  test::pin_to_cpu(cpu);
  if (!contest.fences) return membarrier::can_issue() ? kFine : kNoBarrier;
  if (!test::deny_membarrier()) return kNoFilter;
  const bool denied = !membarrier::can_issue() && !membarrier::register_process();
  return denied ? kFine : kNotTheFallback;
}

int judge(const char* side, bool must_sleep, long slept, std::uint64_t missed_rings) {
  std::printf("%s: %ld sleeps, %llu wake-ups lost\n", side, slept,
              static_cast<unsigned long long>(missed_rings));
  if (missed_rings != 0) return kLostWakeUp;
  return must_sleep && slept == 0 ? kNeverSlept : kFine;
}

int send_all(const Contest& contest, const ChannelFds& fds) {
  if (const int outcome = prepare(contest, 0); outcome != kFine) return outcome;
  Result<Sender> sender = Sender::attach(fds, contest.wait(Sleeper::sender));
  if (!sender) return kNoEndpoint;
  const long before = sleeps_so_far();
  std::vector<std::byte> message(kRingBytes);
  for (std::uint64_t number = 0; number < contest.messages; ++number) {
    const std::span<std::byte> bytes = std::span(message).first(contest.size_of(number));
    // Every byte of a few, the number of all: the checking must not keep the two from meeting.
    test::write_message(number % 64 == 0 ? bytes : bytes.first(8), number);
    dawdle(2 * number);
    if (!sender->send(bytes)) return kNoMessage;
    if (sender->missed_rings() != 0) break;
  }
  return judge("sender", contest.must_sleep(), sleeps_so_far() - before, sender->missed_rings());
}

int receive_all(const Contest& contest, const ChannelFds& fds) {
  if (const int outcome = prepare(contest, contest.receiver_cpu); outcome != kFine) return outcome;
  Result<Receiver> receiver = Receiver::attach(fds, contest.wait(Sleeper::receiver));
  if (!receiver) return kNoEndpoint;
  const long before = sleeps_so_far();
  for (std::uint64_t number = 0; number < contest.messages; ++number) {
    const auto record = receiver->peek_for();
    if (!record || !*record) return kNoMessage;
    const std::span<const std::byte> bytes = **record;
    if (bytes.size() != contest.size_of(number)) return kWrongMessage;
    if (!test::is_message(number % 64 == 0 ? bytes : bytes.first(8), number)) {
      return kWrongMessage;
    }
    dawdle(2 * number);
    receiver->release();
    if (receiver->missed_rings() != 0) break;
    dawdle(2 * number + 1);  // the sender needs time to fill the next
  }
  return judge("receiver", contest.must_sleep(), sleeps_so_far() - before,
               receiver->missed_rings());
}

class WakeupStressTest : public ::testing::TestWithParam<Contest> {};

constexpr Contest kContests[] = {
    {"FutexBothOnOneCpu", DoorbellKind::futex, Sleeper::both, 0, false, 5 * kShare},
    {"FutexBothOnTwoCpus", DoorbellKind::futex, Sleeper::both, 1, false, 3 * kShare},
    {"FutexBothToAndFro", DoorbellKind::futex, Sleeper::both, 1, false, kShare, 5000},
    {"FutexReceiverToAndFro", DoorbellKind::futex, Sleeper::receiver, 1, false, kShare, 5000},
    {"FutexSenderToAndFro", DoorbellKind::futex, Sleeper::sender, 1, false, kShare, 5000},
    {"FutexReceiverSleeps", DoorbellKind::futex, Sleeper::receiver, 1, false, kShare},
    {"FutexSenderSleeps", DoorbellKind::futex, Sleeper::sender, 1, false, kShare},
    {"EventfdBothOnOneCpu", DoorbellKind::eventfd, Sleeper::both, 0, false, 5 * kShare},
    {"EventfdBothOnTwoCpus", DoorbellKind::eventfd, Sleeper::both, 1, false, 3 * kShare},
    {"EventfdReceiverSleeps", DoorbellKind::eventfd, Sleeper::receiver, 1, false, kShare},
    {"EventfdSenderSleeps", DoorbellKind::eventfd, Sleeper::sender, 1, false, kShare},
    {"FencesBothOnOneCpu", DoorbellKind::futex, Sleeper::both, 0, true, kShare},
    {"FencesReceiverSleeps", DoorbellKind::futex, Sleeper::receiver, 1, true, kShare},
    {"FencesSenderSleeps", DoorbellKind::futex, Sleeper::sender, 1, true, kShare},
    {"FencesEventfd", DoorbellKind::eventfd, Sleeper::receiver, 1, true, kShare},
};

INSTANTIATE_TEST_SUITE_P(EveryWay, WakeupStressTest, ::testing::ValuesIn(kContests),
                         [](const auto& contest) { return contest.param.name; });

TEST_P(WakeupStressTest, NoWakeUpIsLost) {
  const Contest& contest = GetParam();
  if (test::usable_cpus().size() <= contest.receiver_cpu) GTEST_SKIP() << "one CPU only";
  // Nothing here asks the kernel about membarrier: a child that is denied it must be the first.
  const Channel channel =
      Channel::create({.capacity_bytes = kRingBytes, .doorbell = contest.doorbell}).value();
  using test::ChildProcess;
  ChildProcess receiver = ChildProcess::fork([&] { return receive_all(contest, channel.fds()); });
  ChildProcess sender = ChildProcess::fork([&] { return send_all(contest, channel.fds()); });
  const std::optional<int> outcome = sender.wait();
  if (outcome == kNoBarrier) GTEST_SKIP() << "no membarrier on this machine";
  if (outcome == kNoFilter) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(outcome, kFine);
  EXPECT_EQ(receiver.wait(), kFine);
}

}  // namespace
}  // namespace ringbell
