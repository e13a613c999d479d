// Ends of many that sleep often borrow the fences of those that publish, and get none where the
// options say so; a publisher that fences in vain takes its fences back, unless a side depends on
// them for good.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>

#include <gtest/gtest.h>

#include <ringbell/core/shared_parking.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/parked.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using Parking = core::SharedParking<>;

constexpr auto kLong = 30s;
constexpr std::uint32_t kFences = Parking::kFence | Parking::kLent | Parking::kForGood;

class Queue {
 public:
  [[nodiscard]] QueueReceiver new_receiver(std::uint64_t fence_below_bytes) const {
    return QueueReceiver::open(
               test::copy_of(ring_),
               {.spin_budget = 0ns, .longest_sleep = 60s, .fence_below_bytes = fence_below_bytes})
        .value();
  }
  // What the bell's word says while the receiver sleeps.
  std::uint32_t word_beside_sleeping(QueueReceiver& receiver) {
    std::future<bool> received =
        std::async(std::launch::async, [&] { return receiver.receive(into_, kLong) == 1U; });
    EXPECT_TRUE(test::wait_until_parked(word_));
    const std::uint32_t asleep = word();
    EXPECT_EQ(sender_.send(message_, kLong), true);
    EXPECT_TRUE(received.get());
    return asleep;
  }
  // None of them finds the receiver asleep.
  void send_to_one_awake(QueueReceiver& receiver, int messages) {
    for (int i = 0; i < messages; ++i) {
      EXPECT_EQ(sender_.send(message_, kLong), true);
      EXPECT_EQ(receiver.receive(into_, kLong), 1U);
    }
  }
  [[nodiscard]] std::uint32_t word() const {
    return core::HardwareAtomics::load(word_, std::memory_order_relaxed, core::Edge{"test"});
  }

 private:
  const Region ring_ = Region::create(QueueOptions{.message_bytes = 64}.region()).value();
  QueueSender sender_ = QueueSender::open(test::copy_of(ring_)).value();
  std::uint32_t& word_ = ring_.bells().data_bell.word;
  const std::array<std::byte, 1> message_{std::byte{42}};
  std::array<std::byte, 64> into_{};
};

constexpr std::uint64_t kDefault = WaitOptions{}.fence_below_bytes;

TEST(FenceLoanTest, WhoSleepsBorrowsTheFencesOfThoseWhoPublish) {
  Queue queue;
  QueueReceiver receiver = queue.new_receiver(kDefault);
  EXPECT_EQ(queue.word_beside_sleeping(receiver) & kFences, Parking::kFence | Parking::kLent);
  EXPECT_EQ(queue.word_beside_sleeping(receiver) & kFences, Parking::kFence | Parking::kLent);
}

TEST(FenceLoanTest, FencesInVainAreTakenBack) {
  Queue queue;
  QueueReceiver receiver = queue.new_receiver(kDefault);
  queue.word_beside_sleeping(receiver);
  queue.send_to_one_awake(receiver, 100);
  EXPECT_NE(queue.word() & kFences, 0U) << "while the next sleep may come soon";
  queue.word_beside_sleeping(receiver);
  queue.send_to_one_awake(receiver, 200);
  EXPECT_NE(queue.word() & kFences, 0U) << "since the last sleep, not since the first";
  queue.send_to_one_awake(receiver, 200);
  EXPECT_EQ(queue.word() & kFences, 0U);
  EXPECT_EQ(queue.word_beside_sleeping(receiver) & kFences, Parking::kFence | Parking::kLent);
}

TEST(FenceLoanTest, WhoWantsNoFencesBorrowsNone) {
  Queue queue;
  QueueReceiver receiver = queue.new_receiver(0);
  EXPECT_EQ(queue.word_beside_sleeping(receiver) & kFences, 0U);
}

TEST(FenceLoanTest, WhatAProcessWithoutABarrierNeedsIsNotTakenBack) {
  auto without = test::ChildProcess::fork([] {
    if (!test::deny_membarrier()) return 2;
    Queue queue;
    QueueReceiver receiver = queue.new_receiver(kDefault);
    EXPECT_EQ(queue.word_beside_sleeping(receiver) & kFences, Parking::kFence | Parking::kForGood);
    queue.send_to_one_awake(receiver, 1000);
    EXPECT_EQ(queue.word() & kFences, Parking::kFence | Parking::kForGood);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  ASSERT_EQ(without.wait(), 0);
}

}  // namespace
}  // namespace ringbell
