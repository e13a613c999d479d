// Two ends that spin, in a control group whose quota one of them would use up: it does not stand
// still because of them.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include "bench/harness/cpu_group.hpp"

#include <tests/support/child_process.hpp>
#include <tests/support/cpus.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;

constexpr auto kLong = 60s;
constexpr double kCpus = 0.5;

class CpuQuotaMachineTest : public ::testing::TestWithParam<core::DoorbellKind> {
 protected:
  void SetUp() override {
    if (!group_.limit_to(kCpus)) GTEST_SKIP() << "no control group can be made";
  }
  // Waits in the group for messages that come seldom, each on a CPU of its own if there are two.
  [[nodiscard]] ChildProcess receiver(const Channel& channel, std::size_t cpu,
                                      const WaitOptions& wait) const {
    return ChildProcess::fork([this, fds = channel.fds(), cpu, wait] {
      (void)test::usable_cpus();
      test::pin_to_cpu(cpu);
      if (!group_.join()) return 2;
      Receiver receiver = Receiver::attach(fds, wait).value();
      std::array<std::byte, 8> into{};
      for (;;) {
        const auto got = receiver.receive(into, kLong);
        if (got) continue;
        if (code_of(got) != ErrorCode::closed) return 1;
        return !wait.within_quota && receiver.stats().sleeps > 0 ? 3 : 0;  // it was told to spin
      }
    });
  }
  // How often the group was stopped in the end, by receivers that wait so: `until` is asked now and
  // then.
  template <class Until>
  std::uint64_t times_stopped(const WaitOptions& wait, Until&& until) const {
    std::array<Channel, 2> channels{channel(), channel()};
    std::array<ChildProcess, 2> receivers{receiver(channels[0], 0, wait),
                                          receiver(channels[1], 1, wait)};
    std::array<Sender, 2> senders{Sender::attach(channels[0].fds()).value(),
                                  Sender::attach(channels[1].fds()).value()};
    for (Sender& sender : senders) EXPECT_TRUE(sender.wait_for_peer(kLong).value());
    const std::uint64_t before = group_.times_stopped();
    while (!until(group_.times_stopped() - before)) {
      for (Sender& sender : senders) EXPECT_TRUE(sender.send(kMessage, kLong).value());
      std::this_thread::sleep_for(10ms);
    }
    const std::uint64_t stopped = group_.times_stopped() - before;
    senders = {Sender::attach(channel().fds()).value(), Sender::attach(channel().fds()).value()};
    for (ChildProcess& each : receivers) EXPECT_EQ(each.wait(), 0);
    return stopped;
  }
  [[nodiscard]] static Channel channel() {
    return Channel::create({.capacity_bytes = 4096, .doorbell = GetParam()}).value();
  }

  static constexpr std::array<std::byte, 8> kMessage{};
  bench::CpuGroup group_{"ringbell-test-" + std::to_string(::getpid())};
};

// On a busy machine, whose other processes take CPUs away and give them back, the group may have to
// stand still now and then: one of several stretches shows that it need not.
TEST_P(CpuQuotaMachineTest, SpinningDoesNotStopTheGroup) {
  constexpr auto kTime = 4s;
  constexpr std::uint64_t kPeriods = kTime / 100ms;
  constexpr int kMostStretches = 5;
  std::uint64_t stopped = kPeriods;
  for (int i = 0; i < kMostStretches && stopped > kPeriods / 10; ++i) {
    const auto end = std::chrono::steady_clock::now() + kTime;
    stopped = times_stopped({.kind = WaitOptions::Kind::spin}, [end](std::uint64_t /*stopped*/) {
      return std::chrono::steady_clock::now() >= end;
    });
  }
  EXPECT_LE(stopped, kPeriods / 10) << "of " << kPeriods << " periods";
}

// What the test above would see.
TEST_P(CpuQuotaMachineTest, SpinningThatIsToldNotToCareStopsIt) {
  const auto until = [](std::uint64_t stopped) { return stopped >= 5; };
  EXPECT_GE(times_stopped({.kind = WaitOptions::Kind::spin, .within_quota = false}, until), 5U);
}

INSTANTIATE_TEST_SUITE_P(Bells, CpuQuotaMachineTest,
                         ::testing::Values(core::DoorbellKind::none, core::DoorbellKind::futex),
                         [](const auto& bell) {
                           return bell.param == core::DoorbellKind::none ? "None" : "Futex";
                         });

}  // namespace
}  // namespace ringbell
