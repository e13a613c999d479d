// Ends of one queue that sleep whenever they can, each by its own means on the same words: fences
// that it borrows, the heavy barrier, fences because it has none. No wake-up is lost: a sleep would
// end by itself after a slice, so what shows it is the count of those.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/sleepers.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;

enum class Means { loan, barrier, fences };
constexpr std::array kAll{Means::loan, Means::barrier, Means::fences};
constexpr std::uint32_t kBytes = 40;
constexpr std::uint64_t kEach = test::kSanitized ? 1'000 : 100'000;  // messages of a sender
// Far beyond the time for which a busy machine takes the CPU from a sender between its commit and
// its look at the bell, which would look like a lost wake-up.
constexpr auto kSlice = 10s;
constexpr auto kLong = 5min;

struct Contest {
  const char* name;
  std::vector<Means> senders;
  std::vector<Means> receivers;
};

WaitOptions wait_by(Means means) {
  WaitOptions wait{.spin_budget = 0ns, .longest_sleep = kSlice};
  if (means == Means::barrier) wait.fence_below_bytes = 0;
  return wait;
}

int judge(const Stats& stats) { return stats.missed_rings == 0 ? test::kFine : test::kLostWakeUp; }

void dawdle(std::uint64_t number) noexcept { test::dawdle(number, 12); }

int send_all(const Region& ring, Means means, std::uint64_t seed) {
  auto sender = QueueSender::open(test::copy_of(ring), wait_by(means));
  if (!sender) return test::kNoEndpoint;
  std::array<std::byte, kBytes> message{};
  for (std::uint64_t number = 0; number < kEach; ++number) {
    test::write_message(message, number);
    dawdle(seed + number);
    if (!sender->send(message, kLong).value_or(false)) return test::kNoMessage;
  }
  return judge(sender->stats());
}

// Until a farewell of no bytes comes. `told` is how many it were.
int receive_all(const Region& ring, Means means, std::uint64_t seed, int told) {
  auto receiver = QueueReceiver::open(test::copy_of(ring), wait_by(means));
  if (!receiver) return test::kNoEndpoint;
  std::array<std::byte, kBytes> message{};
  for (std::uint64_t count = 0;; ++count) {
    const auto size = receiver->receive(message, kLong);
    if (size && *size == 0U) {
      return ::write(told, &count, sizeof count) == sizeof count ? judge(receiver->stats())
                                                                 : test::kNotAll;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, message.data(), sizeof number);
    if (!size || !*size || !test::is_message(message, number)) return test::kWrongMessage;
    dawdle(seed + count);
  }
}

class GroupWakeupStressTest : public ::testing::TestWithParam<Contest> {};

TEST_P(GroupWakeupStressTest, NoWakeUpIsLost) {
  const Contest& contest = GetParam();
  const test::PrintedSeed printed;
  const Region ring =
      Region::create(
          QueueOptions{.messages = 4, .message_bytes = kBytes, .participants = 8}.region())
          .value();
  std::array<int, 2> counts{};
  ASSERT_EQ(::pipe(counts.data()), 0);
  const FileDescriptor read_end(counts[0]);
  const FileDescriptor write_end(counts[1]);
  std::uint64_t seed = test::seed();
  // What the kernel offers is asked once in a process: so only its children open ends.
  const auto as = [&](Means means, auto&& run) {
    return ChildProcess::fork([&, own = seed++ << 32U] {
      if (means == Means::fences && !test::deny_membarrier()) return int{test::kNoFilter};
      return run(means, own);
    });
  };
  std::vector<ChildProcess> receivers;
  for (const Means means : contest.receivers) {
    receivers.push_back(as(means, [&](Means own, std::uint64_t its_seed) {
      return receive_all(ring, own, its_seed, write_end.get());
    }));
  }
  std::vector<ChildProcess> senders;
  for (const Means means : contest.senders) {
    senders.push_back(as(
        means, [&](Means own, std::uint64_t its_seed) { return send_all(ring, own, its_seed); }));
  }
  bool has_filter = true;
  const auto expect_fine = [&](ChildProcess& child) {
    const std::optional<int> outcome = child.wait(kLong);
    if (outcome == test::kNoFilter) {
      has_filter = false;
    } else {
      EXPECT_EQ(outcome, test::kFine);
    }
  };
  for (ChildProcess& sender : senders) expect_fine(sender);
  ChildProcess farewell = ChildProcess::fork([&] {
    auto sender = QueueSender::open(test::copy_of(ring)).value();
    for (std::size_t i = 0; i < receivers.size(); ++i) {
      if (!sender.send({}, kLong).value_or(false)) return int{test::kNoMessage};
    }
    return int{test::kFine};
  });
  expect_fine(farewell);
  for (ChildProcess& receiver : receivers) expect_fine(receiver);
  if (!has_filter) GTEST_SKIP() << "no seccomp filter can be installed here";
  std::uint64_t received = 0;
  for (std::size_t i = 0; i < receivers.size(); ++i) {
    std::uint64_t count = 0;
    ASSERT_EQ(::read(read_end.get(), &count, sizeof count), ssize_t{sizeof count});
    received += count;
  }
  EXPECT_EQ(received, kEach * contest.senders.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, GroupWakeupStressTest,
    ::testing::Values(Contest{"OnLoan", {Means::loan, Means::loan}, {Means::loan, Means::loan}},
                      Contest{"ByTheBarrier", {Means::barrier}, {Means::barrier, Means::barrier}},
                      Contest{
                          "EachByItsOwn", {kAll.begin(), kAll.end()}, {kAll.begin(), kAll.end()}}),
    [](const auto& contest) { return std::string(contest.param.name); });

}  // namespace
}  // namespace ringbell
