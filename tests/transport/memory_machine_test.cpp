// Memory that the machine must be set up for: huge pages that are set aside, and swap. Whatever is
// changed is put back.
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/machine.hpp>
#include <tests/support/message.hpp>
#include <tests/support/page_faults.hpp>
#include <tests/support/page_frames.hpp>
#include <tests/support/private_mounts.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/scratch_folder.hpp>

namespace ringbell {
namespace {

using test::ChildProcess;

constexpr std::uint64_t kHuge = 2UL << 20;
constexpr std::uint64_t kMappedHugePages = 2 + 2 * 2;  // header, control, and both images of 4 MiB
constexpr std::uint64_t kStray = 16;

ChannelOptions huge(MemoryOptions memory) {
  memory.huge_pages = HugePages::require;
  return {.capacity_bytes = 2 * kHuge, .memory = std::move(memory)};
}

FileDescriptor duplicate(int fd) { return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

class HugePageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!pages_.there()) GTEST_SKIP() << "no huge pages can be set aside (vm.nr_hugepages)";
  }
  test::HugePagesSetAside pages_{16};
};

// 0, if a region of huge pages is one, on both sides, and costs a fault for each 2 MiB.
int check(const ChannelOptions& options) {
  ChannelOptions untouched = options;
  untouched.memory.prefault = false;
  Result<Channel> made = Channel::create(untouched);
  if (!made) {
    std::fprintf(stderr, "%s\n", message_of(made).c_str());
    return 10;
  }
  const Region& region = made->region();
  if (region.geometry().page_bytes != kHuge) return 11;
  if (region.mapped_bytes() != kMappedHugePages * kHuge) return 12;
  const Region attached = Region::attach(duplicate(region.fd())).value();
  const std::uint64_t faults = test::faults_of_touching(attached);
  // The attach looks at the header, and tries whether a process can sleep on the bell word.
  if (faults + 2 < kMappedHugePages || faults > kMappedHugePages + kStray) return 13;
  const MemoryInUse used = attached.memory_in_use().value();
  if (used.page_bytes != kHuge || used.huge_bytes != attached.mapped_bytes() ||
      used.resident_bytes != attached.mapped_bytes()) {
    return 14;
  }
  (void)test::faults_of_touching(region);
  if (test::page_frames(region.base(), region.mapped_bytes()) !=
      test::page_frames(attached.base(), attached.mapped_bytes())) {
    return 15;
  }
  Receiver receiver = Receiver::attach(made->fds()).value();
  Sender sender = Sender::open(std::move(*made)).value();
  for (std::uint64_t number = 0; number < 100; ++number) {  // many laps
    const auto room = sender.claim(1'000'000 + number * 8);
    if (!room) return 16;
    test::write_message(*room, number);
    sender.commit();
    const auto record = receiver.peek();
    if (!record || !test::is_message(*record, number)) return 17;
    receiver.release();
  }
  return 0;
}

TEST_F(HugePageTest, MemfdHasThem) { EXPECT_EQ(check(huge({})), 0); }

TEST_F(HugePageTest, SystemVSegmentHasThem) {
  EXPECT_EQ(check(huge({.backing = Backing::system_v})), 0);
}

TEST_F(HugePageTest, FileOnAHugetlbfsHasThem) {
  const test::ScratchFolder folder("/tmp");
  const std::optional<int> status =
      ChildProcess::fork([&] {
        if (!test::make_mounts_private()) return 77;
        if (!test::mount_over(folder.path(), "hugetlbfs", "pagesize=2M")) return 77;
        return check(huge({.backing = Backing::file, .name = folder.path() + "/region"}));
      }).wait();
  if (status == 77) GTEST_SKIP() << "no hugetlbfs can be mounted";
  EXPECT_EQ(status, 0);
}

TEST_F(HugePageTest, PreferTakesThem) {
  ChannelOptions options = huge({});
  options.memory.huge_pages = HugePages::prefer;
  EXPECT_EQ(Channel::create(options).value().region().geometry().page_bytes, kHuge);
}

TEST_F(HugePageTest, PrefaultedOnesCostNoFault) {
  const Channel channel = Channel::create(huge({})).value();
  EXPECT_LE(test::faults_of_touching(channel.region()), kStray);
}

// A ring full of records, under a limit of memory that is a quarter of it.
class SwapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!group_.made()) GTEST_SKIP() << "no control group for memory can be made";
    if (!swap_.on()) GTEST_SKIP() << "no zram device can be had for swap";
  }
  // Fills the ring, lets `while_short` look at it once pages were taken away, and reads the ring.
  void run(bool locked, const std::function<int(const MemoryInUse&, const Region&)>& while_short) {
    const std::optional<int> status =
        ChildProcess::fork([&] { return fill_shrink_read(locked, while_short); }).wait();
    EXPECT_EQ(status, 0);
  }

 private:
  int fill_shrink_read(bool locked,
                       const std::function<int(const MemoryInUse&, const Region&)>& while_short) {
    constexpr std::uint64_t kCapacity = 16UL << 20;
    if (!group_.join()) return 2;
    Channel channel =
        Channel::create({.capacity_bytes = kCapacity, .memory = {.lock_memory = locked}}).value();
    Receiver receiver = Receiver::attach(channel.fds()).value();
    Sender sender = Sender::open(std::move(channel)).value();
    std::uint64_t sent = 0;
    for (;; ++sent) {
      const auto room = sender.claim(test::size_of_message(sent, 100'000));
      if (!room) break;
      test::write_message(*room, sent);
      sender.commit();
    }
    const Region& region = sender.channel().region();
    // What was used of late is spared at first: it takes some turns.
    for (int turn = 0; turn < 20; ++turn) {
      group_.shrink_to(kCapacity / 4);
      if (region.memory_in_use().value().swapped_bytes > region.mapped_bytes() / 2) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const int looked = while_short(region.memory_in_use().value(), region);
    group_.lift();
    if (looked != 0) return looked;
    for (std::uint64_t number = 0; number < sent; ++number) {
      const auto record = receiver.peek();
      if (!record || record->size() != test::size_of_message(number, 100'000)) return 3;
      if (!test::is_message(*record, number)) return 4;
      receiver.release();
    }
    const std::uint64_t swapped = region.memory_in_use().value().swapped_bytes;
    return !receiver.peek() && swapped < kCapacity / 4 ? 0 : 5;
  }

  test::SwapOnZram swap_;
  test::MemoryGroup group_;
};

TEST_F(SwapTest, RingSurvivesBeingSwappedOutAndIn) {
  run(false, [](const MemoryInUse& used, const Region& region) {
    std::printf("%llu of %zu bytes swapped out\n",
                static_cast<unsigned long long>(used.swapped_bytes), region.mapped_bytes());
    return used.swapped_bytes > region.mapped_bytes() / 2 ? 0 : 10;
  });
}

TEST_F(SwapTest, LockedRingStaysInMemory) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers make mlock do nothing";
  run(true, [](const MemoryInUse& used, const Region& region) {
    if (used.swapped_bytes != 0) return 10;
    return used.resident_bytes == region.mapped_bytes() ? 0 : 11;
  });
}

}  // namespace
}  // namespace ringbell
