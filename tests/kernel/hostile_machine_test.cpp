// A process that dies at any moment, or stores anything anywhere: the kernel lets go of all, and
// the other participant learns of it. What goes wrong in the kernel ends the machine
// (panic_on_warn), or is found in its log (slub_debug).
#include <chrono>
#include <thread>

#include <tests/kernel/kernel_peer.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/seed.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::counted;
using test::Dice;
using test::KernelDevice;
using test::KernelPeerTest;
using test::kPatience;

constexpr int kKills = 200;

class HostileProcessTest : public KernelPeerTest {};

// Streams from or to the kernel until it is killed.
int stream_on(std::uint32_t role, const test::Signal& attached) {
  const Channel channel =
      Channel::create({.capacity_bytes = 16384, .doorbell = core::DoorbellKind::eventfd}).value();
  const KernelDevice device;
  if (role == RB_ROLE_WRITER) {
    Receiver receiver = Receiver::attach(channel.fds()).value();
    if (device.attach(test::attach_words(channel.fds(), role)) != 0) return 1;
    attached.tell();
    while (receiver.peek_for()) receiver.release();
  } else {
    Sender sender = Sender::attach(channel.fds()).value();
    if (device.attach(test::attach_words(channel.fds(), role)) != 0) return 1;
    attached.tell();
    for (std::uint64_t number = 0;; ++number) {
      const auto room = sender.claim_for(test::size_of_count(number));
      if (!room) return 2;
      test::write_count(**room, number);
      sender.commit();
    }
  }
  return 3;
}

TEST_F(HostileProcessTest, DeathAtAnyMomentLeavesNothingHeld) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  long most_records = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    const std::uint32_t role = dice.roll(2) == 0 ? RB_ROLE_WRITER : RB_ROLE_READER;
    const test::Signal attached;
    ChildProcess child = ChildProcess::fork([&] { return stream_on(role, attached); });
    ASSERT_TRUE(child.started());
    // Half of them amid the stream, the others anywhere from the fork on.
    ASSERT_TRUE(dice.roll(2) == 0 || attached.wait());
    std::this_thread::sleep_for(std::chrono::microseconds(dice.roll(20'000)));
    child.kill_now();
    expect_nothing_held();
    most_records = std::max(most_records, counted("records"));
    ASSERT_EQ(counted("wrong"), 0);
  }
  EXPECT_GT(most_records, 100);
}

TEST_F(HostileProcessTest, ReceiverOutlivesTheProcessThatAttachedTheKernel) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  const Channel channel = make_channel();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  for (int kill = 0; kill < 20; ++kill) {
    const test::Signal attached;
    ChildProcess child = ChildProcess::fork([&] {
      const KernelDevice device;
      if (device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER)) != 0) return 1;
      attached.tell();
      ::pause();
      return 0;
    });
    ASSERT_TRUE(attached.wait());
    std::uint64_t number = 0;
    for (; number < 100; ++number) {
      const auto record = receiver.peek_for(kPatience);
      ASSERT_TRUE(record && *record);
      ASSERT_TRUE(test::is_count(**record, number));
      receiver.release();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(dice.roll(5'000)));
    child.kill_now();
    for (;; ++number) {
      const auto record = receiver.peek_for(kPatience);
      if (!record) {
        ASSERT_EQ(code_of(record), ErrorCode::closed);
        break;
      }
      ASSERT_TRUE(*record && test::is_count(**record, number)) << number;
      receiver.release();
    }
  }
}

// Any word, anywhere but in the region's header, which the kernel has read.
void store_anything(const Region& region, Dice& dice) {
  const std::uint64_t bytes = region.geometry().region_bytes - 4096;
  auto* const words = reinterpret_cast<std::uint64_t*>(region.base() + 4096);
  std::uint64_t at = dice.roll(bytes / 8);
  if (dice.roll(2) == 0) at = dice.roll(sizeof(core::SpscControl) / 8);  // the control lines
  std::uint64_t value = test::mix(dice.roll(UINT64_MAX));
  switch (dice.roll(4)) {
    case 0:
      value = dice.roll(4);
      break;
    case 1:  // the header of a record that is too large, or not
      value = core::SpscPlaces::header_of(at * 8 - 4096, static_cast<std::uint32_t>(value));
      break;
    case 2:  // near the position
      value = region.spsc_control().head + dice.roll(64) - 32;
      break;
    default:
      break;
  }
  __atomic_store_n(&words[at], value, __ATOMIC_RELAXED);
}

void ring_anyhow(const Channel& channel, Dice& dice) {
  const int bell = dice.roll(2) == 0 ? channel.fds().data_bell : channel.fds().space_bell;
  const std::uint64_t count = dice.roll(8) == 0 ? UINT64_MAX - 1 : 1;
  [[maybe_unused]] const ssize_t put = ::write(bell, &count, sizeof count);
}

TEST_F(HostileProcessTest, AnythingStoredAnywhereMakesTheRingUselessAndNoMore) {
  const test::PrintedSeed printed;
  Dice dice(test::seed());
  int attached = 0;
  int found_out = 0;
  for (int life = 0; life < 400; ++life) {
    const Channel channel = make_channel({.capacity_bytes = 4096});
    const Region region = test::copy_of(channel.region());
    if (dice.roll(4) == 0) store_anything(region, dice);
    const KernelDevice device;
    const std::uint32_t role = dice.roll(2) == 0 ? RB_ROLE_WRITER : RB_ROLE_READER;
    const int error = device.attach(test::attach_words(channel.fds(), role));
    ASSERT_TRUE(error == 0 || error == EUCLEAN || error == EPROTONOSUPPORT) << error;
    if (error != 0) continue;
    ++attached;
    for (int i = 0; i < 300; ++i) {
      store_anything(region, dice);
      if (dice.roll(8) == 0) ring_anyhow(channel, dice);
      if (dice.roll(64) == 0) std::this_thread::yield();
    }
    std::this_thread::sleep_for(1ms);
    if (counted("ended") == -EUCLEAN) ++found_out;
  }
  EXPECT_GT(attached, 100);
  EXPECT_GT(found_out, 10);
}

// What a process takes away from under the kernel: the pages that it holds stay.
TEST_F(HostileProcessTest, HolesInTheMemoryMakeTheRingUselessAndNoMore) {
  const Channel channel = make_channel({.capacity_bytes = 65536});
  for (const std::uint32_t role : {RB_ROLE_WRITER, RB_ROLE_READER}) {
    const KernelDevice device;
    ASSERT_EQ(device.attach(test::attach_words(channel.fds(), role)), 0);
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(::fallocate(channel.fds().memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
                            static_cast<off_t>(channel.region().geometry().region_bytes) - 4096),
                0);
      channel.region().spsc_control().head = 8;
    }
  }
}

TEST_F(HostileProcessTest, ManyAttachAndEndAtOnce) {
  const Channel channel = make_channel();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 100; ++round) {
        const KernelDevice device;
        const std::uint32_t role = (i + round) % 2 == 0 ? RB_ROLE_WRITER : RB_ROLE_READER;
        const int error = device.attach(test::attach_words(channel.fds(), role));
        EXPECT_TRUE(error == 0 || error == EBUSY) << error;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// One open file, shared by threads that all ask at once.
TEST_F(HostileProcessTest, OneOpenFileTakesOneOfManyCallsAtOnce) {
  for (int round = 0; round < 50; ++round) {
    const Channel channel = make_channel({.capacity_bytes = 4096});
    const KernelDevice device;
    std::atomic<int> taken = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        if (device.attach(test::attach_words(channel.fds(), RB_ROLE_WRITER)) == 0) ++taken;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(taken, 1);
  }
}

}  // namespace
}  // namespace ringbell
