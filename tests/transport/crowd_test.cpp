// Many ends of a queue that sleep: a message wakes one of them, and passes on what is
// left, and none is slept through because the end that was woken for it could not take it.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/parked.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using test::wait_until_parked;

constexpr std::array<std::byte, 8> kMessage{std::byte{42}};
// No end looks unasked: what is slept through stays so for longer than a test waits.
constexpr auto kSlice = 60s;
constexpr auto kLong = 30s;
constexpr WaitOptions kSleeps{.spin_budget = 0ns, .longest_sleep = kSlice};

Region new_queue(std::uint64_t messages) {
  return Region::create(
             QueueOptions{.messages = messages, .message_bytes = 64, .participants = 64}.region())
      .value();
}
QueueReceiver new_receiver(const Region& ring) {
  return QueueReceiver::open(copy_of(ring), kSleeps).value();
}
QueueSender new_sender(const Region& ring) {
  return QueueSender::open(copy_of(ring), kSleeps).value();
}

// Ends that have what they waited for, and hold it until each has its own: one that closed would
// ring the others. A wait finds what is there at its end, too: it must be over before that.
class Crowd {
 public:
  explicit Crowd(int count) : count_(count) {}

  // True: each has.
  bool hold() {
    ++holding_;
    const auto deadline = std::chrono::steady_clock::now() + kLong / 2;
    while (holding_ < count_ && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
    }
    return holding_ == count_;
  }

 private:
  int count_;
  std::atomic<int> holding_ = 0;
};

// Each message is taken before the next is sent.
std::uint64_t sleeps_of_crowd(std::size_t receivers, std::uint64_t messages) {
  const Region ring = new_queue(16);
  QueueSender sender = new_sender(ring);
  std::atomic<std::uint64_t> taken = 0;
  std::vector<std::future<std::uint64_t>> crowd;
  for (std::size_t i = 0; i < receivers; ++i) {
    crowd.push_back(std::async(std::launch::async, [&] {
      QueueReceiver receiver = new_receiver(ring);
      std::array<std::byte, 64> into{};
      while (receiver.receive(into).value().value() > 1) ++taken;
      return receiver.stats().sleeps;
    }));
  }
  EXPECT_TRUE(wait_until_parked(ring.bells().data_bell.word));
  for (std::uint64_t number = 1; number <= messages; ++number) {
    EXPECT_EQ(sender.send(kMessage, kLong), true);
    while (taken < number) std::this_thread::yield();
  }
  const std::array<std::byte, 1> farewell{};
  for (std::size_t i = 0; i < receivers; ++i) EXPECT_EQ(sender.send(farewell, kLong), true);
  return std::accumulate(
      crowd.begin(), crowd.end(), std::uint64_t{0},
      [](std::uint64_t sum, std::future<std::uint64_t>& sleeps) { return sum + sleeps.get(); });
}

TEST(CrowdTest, AMessageWakesOneReceiverHoweverManySleep) {
  constexpr std::size_t kReceivers = 24;
  constexpr std::uint64_t kMessages = 50;
  // A sleep of each at the beginning, one for each message, and some that came too late for it.
  EXPECT_LE(sleeps_of_crowd(kReceivers, kMessages), 2 * kReceivers + 2 * kMessages);
}

TEST(CrowdTest, AReceiverPassesOnWhatWasCommittedBeforeItsMessage) {
  const Region ring = new_queue(16);
  Crowd holds(3);
  std::vector<std::future<std::uint64_t>> crowd;
  for (int i = 0; i < 3; ++i) {
    crowd.push_back(std::async(std::launch::async, [&] {
      QueueReceiver receiver = new_receiver(ring);
      if (!receiver.peek_for(kLong).value()) return std::uint64_t{0};
      const std::uint64_t size = receiver.peek()->size();
      return holds.hold() ? size : 0;
    }));
  }
  QueueSender first = new_sender(ring);
  QueueSender second = new_sender(ring);
  QueueSender third = new_sender(ring);
  ASSERT_TRUE(first.claim() && second.claim() && third.claim());
  ASSERT_TRUE(wait_until_parked(ring.bells().data_bell.word));
  ASSERT_TRUE(third.commit(3));  // wakes one in vain, the first message is missing
  ASSERT_TRUE(second.commit(2));
  ASSERT_TRUE(wait_until_parked(ring.bells().data_bell.word));
  ASSERT_TRUE(first.commit(1));
  EXPECT_EQ(crowd[0].get() + crowd[1].get() + crowd[2].get(), 6U);
}

TEST(CrowdTest, ASenderPassesOnThePlacesThatWereFreeBeforeItsOwn) {
  const Region ring = new_queue(2);
  QueueSender full = new_sender(ring);
  ASSERT_EQ(full.send(kMessage, kLong), true);
  ASSERT_EQ(full.send(kMessage, kLong), true);
  QueueReceiver first = new_receiver(ring);
  QueueReceiver second = new_receiver(ring);
  ASSERT_TRUE(first.peek() && second.peek());
  Crowd holds(2);
  std::vector<std::future<bool>> crowd;
  for (int i = 0; i < 2; ++i) {
    crowd.push_back(std::async(std::launch::async, [&] {
      QueueSender sender = new_sender(ring);
      return sender.claim_for(kLong).value().has_value() && holds.hold();
    }));
  }
  ASSERT_TRUE(wait_until_parked(ring.bells().space_bell.word));
  ASSERT_TRUE(second.release());  // the place behind the one that is next
  ASSERT_TRUE(wait_until_parked(ring.bells().space_bell.word));
  ASSERT_TRUE(first.release());
  const bool has_room = crowd[0].get();
  EXPECT_TRUE(crowd[1].get() && has_room);
}

// An end whose loop was woken for a message, and another that sleeps behind it.
class WokenLoop : public testing::Test {
 protected:
  WokenLoop() {
    const int fd = armed_.waitable_fd().value();
    QueueSender sender = new_sender(ring_);
    std::promise<void> armed;
    behind_ = std::async(std::launch::async, [this, sleeps = armed.get_future()]() mutable {
      QueueReceiver receiver = new_receiver(ring_);
      sleeps.get();
      return receiver.peek_for(kLong).value().has_value();
    });
    std::this_thread::sleep_for(50ms);
    // The kernel wakes the one that slept first. The thread behind the descriptor sleeps anew each
    // 100 ms: all that follows comes before that, if this machine is not busy.
    EXPECT_TRUE(armed_.arm());
    std::this_thread::sleep_for(20ms);
    armed.set_value();
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(sender.send(kMessage, kLong), true);
    pollfd rung{.fd = fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&rung, 1, 10'000), 1);
  }

  // Whether the end behind was rung: at the end of its time it finds the message as well.
  bool is_behind_rung() {
    return behind_.wait_for(kLong / 2) == std::future_status::ready && behind_.get();
  }

  Region ring_ = new_queue(16);
  QueueReceiver armed_ = new_receiver(ring_);
  std::future<bool> behind_;
};

TEST_F(WokenLoop, ThatDisarmsRingsInItsPlace) {
  armed_.disarm();
  EXPECT_TRUE(is_behind_rung());
}

TEST_F(WokenLoop, ThatClosesRingsInItsPlace) {
  { const QueueReceiver closed = std::move(armed_); }
  EXPECT_TRUE(is_behind_rung());
}

}  // namespace
}  // namespace ringbell
