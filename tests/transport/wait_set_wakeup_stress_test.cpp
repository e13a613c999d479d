// One process waits by a WaitSet for processes that send at random moments into rings so small that
// all of them sleep all the time. No wake-up may be lost: there are no slices that could hide it,
// and a wait that lasts its whole limit fails the test. Each message comes once, in its ring's
// order.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/parked.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/sleepers.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr std::uint64_t kMessages = test::kSanitized ? 500 : 10'000;  // of each that sends
constexpr std::uint32_t kBytes = 40;
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};
// Beyond the time for which a busy machine takes the CPU from a process that is about to ring.
constexpr auto kLimit = 20s;

using Buffer = std::array<std::byte, kBytes>;

// Sends all, with a pause of up to some microseconds after some of them.
template <class End>
int send_all(Result<End> end, std::uint64_t seed) {
  if (!end) return test::kNoEndpoint;
  std::mt19937_64 random(seed);
  Buffer buffer{};
  for (std::uint64_t number = 1; number <= kMessages; ++number) {
    test::write_message(buffer, number);
    const Result<bool> sent = end->send(buffer, kLimit);
    if (!sent || !*sent) return test::kLostWakeUp;
    if (random() % 4 == 0)
      std::this_thread::sleep_for(std::chrono::nanoseconds(random() % 150'000));
  }
  return test::kFine;
}

// What has come through a ring, each message once.
class Received {
 public:
  // Whether it is one that has not come before; of a channel, the next one.
  [[nodiscard]] bool take(std::span<const std::byte> bytes, bool in_order) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    if (bytes.size() != kBytes || number == 0 || number > kMessages) return false;
    if (!test::is_message(bytes, number) || has_come_[number - 1]) return false;
    has_come_[number - 1] = true;
    return !in_order || ++last_ == number;
  }

 private:
  std::vector<bool> has_come_ = std::vector<bool>(kMessages);
  std::uint64_t last_ = 0;
};

// What a member's turn comes to: messages that were taken, or a number below 0.
using Take = std::function<int()>;

template <class End>
Take taker(End& end, Received& received) {
  return [&end, &received]() -> int {
    Buffer buffer{};
    const Result<std::optional<std::size_t>> size = end.receive(buffer, 0ns);
    // A sender that is through closes, at the end of its messages.
    if (!size && code_of(size) == ErrorCode::closed) return 0;
    if (!size) return std::puts(message_of(size).c_str()), -1;
    if (!*size) return 0;
    constexpr bool kInOrder = std::is_same_v<End, Receiver>;
    return received.take(std::span(buffer).first(**size), kInOrder) ? 1 : -1;
  };
}

struct How {
  bool fences = false;       // membarrier is forbidden to all of them
  bool descriptors = false;  // channels that ring by eventfd are there, too
  std::size_t words = WaitSetOptions{}.words;
};

constexpr std::size_t kEach = 3;  // of each kind of ring

class WaitSetWakeupStressTest : public ::testing::Test {
 protected:
  template <class Open>
  void send_from_a_process(const How& how, Open open) {
    const std::uint64_t seed = test::mix(seed_ + senders_.size());
    senders_.push_back(ChildProcess::fork([&, seed] {
      if (how.fences && !test::deny_membarrier()) return int{test::kNoFilter};
      return send_all(open(), seed);
    }));
  }
  void run(const How& how);

  const test::PrintedSeed printed_;
  std::uint64_t seed_ = test::seed();
  std::vector<ChildProcess> senders_;
};

// In a process of its own: what is forbidden there stays so.
int receive_all(const How& how, std::vector<Channel>& channels, std::vector<Region>& queues,
                std::uint64_t seed) {
  if (how.fences && !test::deny_membarrier()) return test::kNoFilter;
  std::vector<Receiver> receivers;
  std::vector<QueueReceiver> queue_receivers;
  for (const Channel& channel : channels) {
    receivers.push_back(Receiver::attach(channel.fds(), kByBell).value());
  }
  // Two of each, so that one of them is always rung in vain.
  for (std::size_t i = 0; i < 2 * queues.size(); ++i) {
    queue_receivers.push_back(QueueReceiver::open(copy_of(queues[i / 2]), kByBell).value());
  }
  WaitSet set = WaitSet::create({.wait = kByBell, .words = how.words}).value();
  std::vector<Received> received(channels.size() + queues.size());
  std::vector<Take> takes;
  std::vector<WaitSet::Id> ids;
  const auto wait_for = [&](auto& end, std::size_t ring) {
    ids.push_back(set.add(end).value());
    takes.push_back(taker(end, received[ring]));
  };
  for (std::size_t i = 0; i < receivers.size(); ++i) wait_for(receivers[i], i);
  for (std::size_t i = 0; i < queue_receivers.size(); ++i) {
    wait_for(queue_receivers[i], channels.size() + i / 2);
  }

  std::mt19937_64 random(seed);
  for (std::uint64_t left = received.size() * kMessages; left > 0;) {
    const auto events = set.wait(kLimit);
    if (!events) return test::kNoMessage;
    if (events->empty()) return test::kLostWakeUp;
    for (const WaitSet::Event& event : *events) {
      if (event.what == WaitSet::What::closed) {
        set.remove(event.id);
        continue;
      }
      const Take& take = takes[event.id - ids.front()];
      for (std::uint64_t most = 1 + random() % 3; most > 0; --most) {
        const int taken = take();
        if (taken < 0) return test::kWrongMessage;
        left -= static_cast<std::uint64_t>(taken);
      }
    }
  }
  std::printf("%llu sleeps\n", static_cast<unsigned long long>(set.stats().sleeps));
  return set.stats().sleeps > 0 ? test::kFine : test::kNeverSlept;
}

void WaitSetWakeupStressTest::run(const How& how) {
  if (how.words > 0 && !futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  std::vector<Channel> channels;
  std::vector<Region> queues;
  for (std::size_t i = 0; i < kEach && how.words > 0; ++i) {
    channels.push_back(Channel::create({.capacity_bytes = 4096}).value());
  }
  for (std::size_t i = 0; i < kEach && how.descriptors; ++i) {
    channels.push_back(
        Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::eventfd}).value());
  }
  for (std::size_t i = 0; i < kEach; ++i) {
    queues.push_back(
        Region::create(
            QueueOptions{.messages = 4, .message_bytes = kBytes, .participants = 4}.region())
            .value());
  }
  ChildProcess receiver =
      ChildProcess::fork([&] { return receive_all(how, channels, queues, seed_); });
  // So that it has slept once, however busy the machine is from then on.
  (void)test::wait_until_parked(queues.front().bells().data_bell.word);
  for (const Channel& channel : channels) {
    send_from_a_process(how, [&] { return Sender::attach(channel.fds(), kByBell); });
  }
  for (const Region& queue : queues) {
    send_from_a_process(how, [&] { return QueueSender::open(copy_of(queue), kByBell); });
  }
  const std::optional<int> outcome = receiver.wait(5min);
  if (outcome == test::kNoFilter) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(outcome, test::kFine);
  for (ChildProcess& sender : senders_) EXPECT_EQ(sender.wait(), test::kFine);
}

TEST_F(WaitSetWakeupStressTest, ByWords) { run({}); }
TEST_F(WaitSetWakeupStressTest, ByWordsAndDescriptors) { run({.descriptors = true}); }
TEST_F(WaitSetWakeupStressTest, ByDescriptorsAlone) { run({.descriptors = true, .words = 0}); }
TEST_F(WaitSetWakeupStressTest, ByWordsOfWhichSomeHaveAThread) {
  run({.descriptors = true, .words = kEach + 1});
}
TEST_F(WaitSetWakeupStressTest, WithFences) { run({.fences = true, .descriptors = true}); }

}  // namespace
}  // namespace ringbell
