// A topic of several publishers, of either policy, and processes that die with what they hold.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/message.hpp>

namespace ringbell::test {

using namespace std::chrono_literals;
using Policy = TopicOptions::Policy;

inline constexpr auto kLong = 20s;
inline constexpr std::uint32_t kBytes = 40;
inline constexpr WaitOptions kAsleep{.spin_budget = 0ns, .longest_sleep = 1h};
inline constexpr WaitOptions kLooks{.spin_budget = 0ns, .longest_sleep = 1ms};

inline TopicOptions options(Policy policy, std::uint64_t messages = 16,
                            std::uint32_t publishers = 3) {
  return {
      .policy = policy, .messages = messages, .message_bytes = kBytes, .publishers = publishers};
}

inline Result<bool> publish(Publisher& publisher, std::uint64_t number, Timeout timeout = kLong) {
  std::array<std::byte, 16> bytes{};
  write_message(bytes, number);
  return publisher.publish(bytes, timeout);
}

// A wait also looks when its time is up: this one was rung.
template <class Wait>
auto rung(Wait&& wait) {
  const auto start = std::chrono::steady_clock::now();
  auto result = wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, kLong / 2);
  return result;
}

class ManyPublishersTest : public ::testing::TestWithParam<Policy> {
 protected:
  static bool lossy() { return GetParam() == Policy::lossy; }
  [[nodiscard]] Publisher open_publisher(const WaitOptions& wait = kLooks) const {
    return Publisher::open(Topic::attach(topic_.fds()).value(), wait).value();
  }
  [[nodiscard]] Subscriber open_subscriber(const WaitOptions& wait = kLooks,
                                           TopicStart start = TopicStart::oldest) const {
    return Subscriber::open(Topic::attach(topic_.fds()).value(), start, wait).value();
  }
  // A process that claims room, or subscribes, and is killed.
  template <class Act>
  void let_die(Act&& act) const {
    ChildProcess dies = ChildProcess::fork([&] {
      act();
      return 0;  // without a destructor's help: fork() ends it by _exit()
    });
    ASSERT_EQ(dies.wait(), 0);
  }
  void let_a_publisher_die_with_a_claim() const {
    let_die([&] {
      auto* const never_closed = new Publisher(open_publisher());
      if (!never_closed->claim()) ::_exit(1);
    });
  }

  // As if the kernel had said so of all.
  [[nodiscard]] std::uint64_t take_all_for_dead() const {
    const auto is_dead = [](core::ParticipantId) { return true; };
    const Region& region = topic_.region();
    if (!lossy()) return core::ManyLossless<>::recover(region.many_memory(), is_dead).skipped;
    return core::ManyLossy<>::Writer(region.mpmc_memory(), 9).recover(is_dead).skipped;
  }

  Topic topic_ = Topic::create(options(GetParam())).value();
};

inline constexpr auto kNameOfPolicy = [](const auto& policy) {
  return policy.param == Policy::lossy ? "Lossy" : "Lossless";
};
}  // namespace ringbell::test
