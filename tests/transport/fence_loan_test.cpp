// Ends of many that sleep often borrow the fences of those that publish, and get none where the
// options say so; a publisher that fences in vain takes its fences back, unless a side depends on
// them for good.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include <ringbell/core/shared_parking.hpp>
#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using Parking = core::SharedParking<>;

constexpr auto kLong = 30s;
constexpr std::uint64_t kDefault = WaitOptions{}.fence_below_bytes;
constexpr std::uint32_t kFences = Parking::kFence | Parking::kLent | Parking::kForGood;
constexpr std::uint32_t kLoan = Parking::kFence | Parking::kLent;
constexpr int kManyFences = 251;  // sleeper.cpp

class Queue {
 public:
  [[nodiscard]] QueueReceiver new_receiver(std::uint64_t fence_below_bytes = kDefault) const {
    return QueueReceiver::open(
               test::copy_of(ring_),
               {.spin_budget = 0ns, .longest_sleep = 60s, .fence_below_bytes = fence_below_bytes})
        .value();
  }
  // Whether the bell's word comes to say so of fences while the receiver sleeps.
  bool says_beside_sleeping(QueueReceiver& receiver, std::uint32_t fences) {
    std::future<bool> received =
        std::async(std::launch::async, [&] { return receiver.receive(into_, kLong) == 1U; });
    const std::uint32_t asleep = Parking::kParked | fences;
    const auto deadline = std::chrono::steady_clock::now() + kLong / 2;
    bool said = false;
    while (!said && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
      said = (word() & (Parking::kParked | kFences)) == asleep;
    }
    EXPECT_EQ(sender_.send(message_, kLong), true);
    EXPECT_TRUE(received.get());
    return said;
  }
  // The first of them may find that it was parked.
  void send_to_one_awake(QueueReceiver& receiver, int messages) {
    for (int i = 0; i < messages; ++i) {
      EXPECT_EQ(sender_.send(message_, kLong), true);
      EXPECT_EQ(receiver.receive(into_, kLong), 1U);
    }
  }
  [[nodiscard]] std::uint32_t fences() const { return word() & kFences; }

 private:
  [[nodiscard]] std::uint32_t word() const {
    return core::HardwareAtomics::load(word_, std::memory_order_relaxed, core::Edge{"test"});
  }

  const Region ring_ = Region::create(QueueOptions{.message_bytes = 64}.region()).value();
  QueueSender sender_ = QueueSender::open(test::copy_of(ring_)).value();
  std::uint32_t& word_ = ring_.bells().data_bell.word;
  const std::array<std::byte, 1> message_{std::byte{42}};
  std::array<std::byte, 64> into_{};
};

TEST(FenceLoanTest, OneThatSleepsBorrowsTheFencesOfThoseThatPublish) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "membarrier is refused here";
  Queue queue;
  QueueReceiver receiver = queue.new_receiver();
  EXPECT_TRUE(queue.says_beside_sleeping(receiver, kLoan));
}

TEST(FenceLoanTest, FencesInVainAreTakenBack) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "membarrier is refused here";
  Queue queue;
  QueueReceiver receiver = queue.new_receiver();
  ASSERT_TRUE(queue.says_beside_sleeping(receiver, kLoan));
  queue.send_to_one_awake(receiver, kManyFences / 2);
  EXPECT_EQ(queue.fences(), kLoan) << "the next sleep may come soon";
  queue.send_to_one_awake(receiver, kManyFences);
  EXPECT_EQ(queue.fences(), 0U);
  EXPECT_TRUE(queue.says_beside_sleeping(receiver, kLoan));
}

TEST(FenceLoanTest, OneThatWantsNoFencesBorrowsNone) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "membarrier is refused here";
  Queue queue;
  QueueReceiver receiver = queue.new_receiver(0);
  EXPECT_TRUE(queue.says_beside_sleeping(receiver, 0));
}

// In a process that has not asked about membarrier yet: what the kernel offers is asked once.
TEST(FenceLoanTest, WhatAProcessWithoutABarrierNeedsIsNotTakenBack) {
  constexpr int kNoFilter = 2;
  constexpr std::uint32_t kForGood = Parking::kFence | Parking::kForGood;
  auto without = test::ChildProcess::fork([&] {
    if (!test::deny_membarrier() || membarrier::can_issue()) return kNoFilter;
    Queue queue;
    QueueReceiver receiver = queue.new_receiver();
    EXPECT_TRUE(queue.says_beside_sleeping(receiver, kForGood));
    queue.send_to_one_awake(receiver, 2 * kManyFences);
    EXPECT_EQ(queue.fences(), kForGood);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  const std::optional<int> outcome = without.wait();
  if (outcome == kNoFilter) GTEST_SKIP() << "membarrier cannot be forbidden here any more";
  EXPECT_EQ(outcome, 0);
}

}  // namespace
}  // namespace ringbell
