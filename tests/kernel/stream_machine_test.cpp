// Records between a process and the kernel, each way: whole, in order, none lost, none twice; and
// what each side learns of the other's end.
#include <chrono>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include <tests/kernel/kernel_peer.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::comes_to;
using test::counted;
using test::KernelDevice;
using test::KernelPeerTest;
using test::kPatience;
using test::receive_counts;
using test::send_counts;

constexpr std::uint64_t kMany = 1'000'000;
class KernelStreamTest : public KernelPeerTest {
 protected:
  void expect_stream_from_kernel(const ChannelOptions& options, std::uint64_t count) {
    const Channel channel = make_channel(options);
    Receiver receiver = Receiver::attach(channel.fds()).value();
    const KernelDevice device;
    ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, count)), 0);
    EXPECT_EQ(receive_counts(receiver, count), count);
    EXPECT_FALSE(receiver.peek());
    EXPECT_EQ(receiver.stats().missed_rings, 0U);
  }
  void expect_stream_to_kernel(const ChannelOptions& options, std::uint64_t count) {
    const Channel channel = make_channel(options);
    Sender sender = Sender::attach(channel.fds()).value();
    const KernelDevice device;
    ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER, count)), 0);
    EXPECT_EQ(send_counts(sender, count), count);
    EXPECT_TRUE(comes_to("records", static_cast<long>(count)));
    EXPECT_EQ(counted("wrong"), 0);
    EXPECT_EQ(sender.stats().missed_rings, 0U);
  }
};

TEST_F(KernelStreamTest, MillionRecordsFromTheKernelAreWholeAndInOrder) {
  expect_stream_from_kernel({.capacity_bytes = 65536}, kMany);
}

TEST_F(KernelStreamTest, MillionRecordsToTheKernelAreWholeAndInOrder) {
  expect_stream_to_kernel({.capacity_bytes = 65536}, kMany);
}

TEST_F(KernelStreamTest, SmallRingWhoseRecordsAreAlignedWrapsOften) {
  const ChannelOptions small{.capacity_bytes = 4096, .record_alignment = 64};
  expect_stream_from_kernel(small, 50'000);
  expect_stream_to_kernel(small, 50'000);
}

TEST_F(KernelStreamTest, PayloadsStandWhereTheRingSays) {
  for (const std::uint32_t alignment : {16U, 32U, 64U}) {
    const ChannelOptions aligned{
        .capacity_bytes = 4096, .record_alignment = 64, .payload_alignment = alignment};
    expect_stream_from_kernel(aligned, 2'000);
    expect_stream_to_kernel(aligned, 2'000);
  }
}

// Where the kernel can collapse them: pages of 2 MiB, which are held whole.
TEST_F(KernelStreamTest, PagesMayBeTransparentHugeOnes) {
  const ChannelOptions large{.capacity_bytes = 8UL << 20,
                             .memory = {.huge_pages = HugePages::prefer}};
  expect_stream_from_kernel(large, 300'000);
  expect_stream_to_kernel(large, 300'000);
}

// The kernel never sleeps on it, and is not rung.
TEST_F(KernelStreamTest, RingWithoutDoorbellIsPolled) {
  const Channel channel =
      Channel::create({.capacity_bytes = 65536, .doorbell = core::DoorbellKind::none}).value();
  constexpr std::uint64_t kSome = 20'000;
  {
    Receiver receiver = Receiver::attach(channel.fds()).value();
    const KernelDevice device;
    ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, kSome)), 0);
    EXPECT_EQ(receive_counts(receiver, kSome), kSome);
  }
  Sender sender = Sender::attach(channel.fds()).value();
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER, kSome)), 0);
  EXPECT_EQ(send_counts(sender, kSome), kSome);
  EXPECT_TRUE(comes_to("records", kSome));
  EXPECT_EQ(counted("wrong"), 0);
}

TEST_F(KernelStreamTest, SleepingReceiverIsWokenByEachRecord) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds(), {.spin_budget = 0ns}).value();
  const KernelDevice device;
  test::set_parameter("ringbell_counter", "pause_us", 2000);
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, 200)), 0);
  EXPECT_EQ(receive_counts(receiver, 200), 200U);
  EXPECT_GT(receiver.stats().sleeps, 100U);
  EXPECT_EQ(receiver.stats().missed_rings, 0U);
}

// A record a few milliseconds apart: each wakes the kernel's thread well before it looks by itself.
TEST_F(KernelStreamTest, SleepingKernelIsWokenByEachRecord) {
  const Channel channel = make_channel();
  Sender sender = Sender::attach(channel.fds()).value();
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER)), 0);
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < 100; ++number) {
    ASSERT_EQ(send_counts(sender, 1, number), 1U);
    ASSERT_TRUE(comes_to("records", static_cast<long>(number) + 1));
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);  // 10 s, if it woke by itself
}

TEST_F(KernelStreamTest, ReceiverDrainsWhatWasCommittedThenLearnsThatTheKernelClosed) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, 500)), 0);
  ASSERT_TRUE(comes_to("records", 500));
  EXPECT_EQ(receiver.peer(), PeerState::alive);
  device.close();
  EXPECT_EQ(receiver.peer(), PeerState::closed);
  EXPECT_EQ(receive_counts(receiver, 500), 500U);
  const auto nothing = receiver.peek_for(kPatience);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(code_of(nothing), ErrorCode::closed);
}

TEST_F(KernelStreamTest, SenderThatWaitsForRoomLearnsThatTheKernelClosed) {
  const Channel channel = make_channel({.capacity_bytes = 4096});
  Sender sender = Sender::attach(channel.fds()).value();
  KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER, 1)), 0);
  std::thread closes([&] {
    std::this_thread::sleep_for(100ms);
    device.close();
  });
  Result<bool> sent = true;
  while (sent && *sent) sent = sender.send(std::vector<std::byte>(64), kPatience);
  closes.join();
  ASSERT_FALSE(sent);
  EXPECT_EQ(code_of(sent), ErrorCode::closed);
}

TEST_F(KernelStreamTest, KernelLearnsThatTheReceiverClosed) {
  const Channel channel = make_channel({.capacity_bytes = 4096});
  std::optional<Receiver> receiver = Receiver::attach(channel.fds()).value();
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER)), 0);
  EXPECT_EQ(receive_counts(*receiver, 100), 100U);
  receiver.reset();
  EXPECT_TRUE(comes_to("ended", -EPIPE));
}

TEST_F(KernelStreamTest, KernelReadsWhatTheSenderLeftThenLearnsThatItClosed) {
  const Channel channel = make_channel();
  std::optional<Sender> sender = Sender::attach(channel.fds()).value();
  EXPECT_EQ(send_counts(*sender, 100), 100U);
  sender.reset();
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER)), 0);
  EXPECT_TRUE(comes_to("ended", -EPIPE));
  EXPECT_EQ(counted("records"), 100);
  EXPECT_EQ(counted("wrong"), 0);
}

// The session is this process's; the sender is another one.
TEST_F(KernelStreamTest, KernelReadsWhatADeadSenderCommittedThenLearnsThatItDied) {
  const Channel channel = make_channel();
  test::Signal sent;
  test::ChildProcess child = test::ChildProcess::fork([&] {
    Sender sender = Sender::attach(channel.fds()).value();
    if (send_counts(sender, 100) != 100 || !sender.claim(64)) return 1;
    sent.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(sent.wait());
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_READER)), 0);
  ASSERT_TRUE(comes_to("records", 100));
  EXPECT_EQ(counted("ended"), 0);
  child.kill_now();
  EXPECT_TRUE(comes_to("ended", -EOWNERDEAD));
  EXPECT_EQ(counted("records"), 100);
  EXPECT_EQ(counted("wrong"), 0);
}

TEST_F(KernelStreamTest, KernelGoesOnBehindADeadSendersRecords) {
  const Channel channel = make_channel();
  test::ChildProcess child = test::ChildProcess::fork([&]() -> int {
    Sender sender = Sender::attach(channel.fds()).value();
    ::_exit(send_counts(sender, 100) == 100 ? 0 : 1);  // without closing
  });
  ASSERT_EQ(child.wait(), 0);
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const KernelDevice device;
  ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, 50)), 0);
  EXPECT_EQ(receive_counts(receiver, 100), 100U);
  EXPECT_EQ(receive_counts(receiver, 50), 50U);
}

TEST_F(KernelStreamTest, ProcessGoesOnBehindTheKernelsRecords) {
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  {
    const KernelDevice device;
    ASSERT_EQ(device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER, 100)), 0);
    ASSERT_TRUE(comes_to("records", 100));
  }
  Sender sender = Sender::attach(channel.fds()).value();
  EXPECT_EQ(send_counts(sender, 50), 50U);
  EXPECT_EQ(receive_counts(receiver, 100), 100U);
  EXPECT_EQ(receive_counts(receiver, 50), 50U);
}

TEST_F(KernelStreamTest, TwoRingsDoNotKnowEachOther) {
  const Channel down = make_channel();
  const Channel up = make_channel();
  Receiver receiver = Receiver::attach(down.fds()).value();
  Receiver other = Receiver::attach(up.fds()).value();
  const KernelDevice device;
  const KernelDevice second;
  ASSERT_EQ(device.attach(test::attach_words(down.fds(), RB_ROLE_WRITER)), 0);
  ASSERT_EQ(second.attach(test::attach_words(up.fds(), RB_ROLE_WRITER)), 0);
  EXPECT_EQ(test::parameter("ringbell", "sessions"), 2);
  EXPECT_EQ(receive_counts(receiver, 5'000), 5'000U);
  EXPECT_EQ(receive_counts(other, 5'000), 5'000U);
  EXPECT_EQ(receive_counts(receiver, 5'000, 5'000), 5'000U);
}

}  // namespace
}  // namespace ringbell
