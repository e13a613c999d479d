// The sources that do not wait: what a softirq writes each period, and what is written below a run
// queue's lock.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include <sys/prctl.h>

#include <tests/kernel/kernel_peer.hpp>

#include <kernel/samples/records.h>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::KernelDevice;
using test::kPatience;

template <class Record>
[[nodiscard]] std::optional<Record> next_record(Receiver& receiver) {
  const auto record = receiver.peek_for(kPatience);
  if (!record || !*record || (*record)->size() != sizeof(Record)) return std::nullopt;
  Record copy{};
  std::memcpy(&copy, (*record)->data(), sizeof copy);
  receiver.release();
  return copy;
}

class KernelSamplesTest : public test::KernelPeerTest {
 protected:
  void SetUp() override {
    KernelPeerTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(test::load_module("ringbell_timer"), 0);
    ASSERT_EQ(test::load_module("ringbell_trace"), 0);
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(test::unload_module("ringbell_timer"), 0);
      EXPECT_EQ(test::unload_module("ringbell_trace"), 0);
    }
    KernelPeerTest::TearDown();
  }
  [[nodiscard]] static int attach(const KernelDevice& device, const Channel& channel,
                                  const char* peer, std::uint64_t argument = 0,
                                  std::uint32_t role = RB_ROLE_WRITER) {
    return device.attach(test::attach_words(channel.fds(), role, argument, peer));
  }
};

TEST_F(KernelSamplesTest, TimerWritesEachPeriodOrTellsHowManyWereLost) {
  const Channel channel = make_channel({.capacity_bytes = 4096});
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const KernelDevice device;
  ASSERT_EQ(attach(device, channel, "timer"), 0);
  rb_timer_record last{};
  for (int i = 0; i < 3'000; ++i) {
    const auto record = next_record<rb_timer_record>(receiver);
    ASSERT_TRUE(record);
    if (i > 0) {
      ASSERT_EQ(record->number, last.number + 1 + record->lost);
      ASSERT_GT(record->time_ns, last.time_ns);
    }
    last = *record;
    if (i == 1'000) std::this_thread::sleep_for(200ms);  // long enough to fill the ring
  }
  EXPECT_EQ(receiver.stats().missed_rings, 0U);
}

TEST_F(KernelSamplesTest, TimerRefusesWhatItCannotDo) {
  const Channel channel = make_channel();
  const KernelDevice device;
  EXPECT_EQ(attach(device, channel, "timer", 1), EINVAL);
  EXPECT_EQ(attach(device, channel, "timer", 2'000'000'000), EINVAL);
  EXPECT_EQ(attach(device, channel, "timer", 0, RB_ROLE_READER), EINVAL);
  expect_nothing_held();
  EXPECT_EQ(attach(device, channel, "timer", 1'000'000), 0);
}

TEST_F(KernelSamplesTest, TimerIsStoppedAtAnyMoment) {
  for (int i = 0; i < 100; ++i) {
    const Channel channel = make_channel({.capacity_bytes = 4096});
    const KernelDevice device;
    ASSERT_EQ(attach(device, channel, "timer", 10'000), 0);
    std::this_thread::sleep_for(std::chrono::microseconds(i * 20));
  }
}

// This thread sleeps and is switched to and away from; the ring says so, and wakes it.
TEST_F(KernelSamplesTest, TraceTellsTheSwitchesOfThisThread) {
  const Channel channel = make_channel({.capacity_bytes = 1 << 20});
  Receiver receiver = Receiver::attach(channel.fds(), {.spin_budget = 0ns}).value();
  ASSERT_EQ(::prctl(PR_SET_NAME, "traced-thread"), 0);
  const int own = ::gettid();
  const KernelDevice device;
  ASSERT_EQ(attach(device, channel, "trace"), 0);
  int away = 0;
  int back = 0;
  std::array<std::uint64_t, 64> last_on{};
  for (int i = 0; i < 200; ++i) {
    std::this_thread::sleep_for(1ms);
    while (true) {
      const auto record = next_record<rb_trace_record>(receiver);
      ASSERT_TRUE(record);
      ASSERT_LT(record->cpu, last_on.size());
      ASSERT_GE(record->time_ns, last_on[record->cpu]);
      last_on[record->cpu] = record->time_ns;
      const auto is_own = [&](int pid, const char* name) {
        return pid == own && std::string_view(name) == "traced-thread";
      };
      away += is_own(record->from_pid, record->from_name) ? 1 : 0;
      back += is_own(record->to_pid, record->to_name) ? 1 : 0;
      if (!receiver.peek()) break;
    }
  }
  EXPECT_GT(away, 150);
  EXPECT_GT(back, 150);
  EXPECT_EQ(receiver.stats().missed_rings, 0U);
}

TEST_F(KernelSamplesTest, TraceHasOneSessionAndIsStoppedAtAnyMoment) {
  const Channel other = make_channel();
  for (int i = 0; i < 50; ++i) {
    const Channel channel = make_channel();
    const KernelDevice device;
    ASSERT_EQ(attach(device, channel, "trace"), 0);
    const KernelDevice second;
    EXPECT_EQ(attach(second, other, "trace"), EBUSY);
    std::this_thread::sleep_for(std::chrono::microseconds(i * 50));
  }
}

}  // namespace
}  // namespace ringbell
