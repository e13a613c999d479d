// Regions of every backing: both images, other processes, the same physical pages, and nothing left
// behind.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/memory/numa.hpp>

#include <tests/support/backings.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/page_frames.hpp>
#include <tests/support/sanitizers.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Place;
using test::Signal;
using ::testing::HasSubstr;

constexpr std::uint64_t kCapacity = 64UL * 1024;

class BackingTest : public ::testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    if (const std::string missing = place.missing(); !missing.empty()) GTEST_SKIP() << missing;
  }
  [[nodiscard]] ChannelOptions options() const {
    return {.capacity_bytes = kCapacity, .memory = place.options()};
  }
  [[nodiscard]] Result<Region> create() const { return Region::create(options().region()); }
  [[nodiscard]] bool attachable() const { return place.backing() != Backing::anonymous; }

  test::PlaceForMemory place{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Every, BackingTest, ::testing::ValuesIn(test::kPlaces),
                         [](const auto& place) { return std::string(test::name_of(place.param)); });

// Of the backings that another process can attach to.
class AttachableBackingTest : public BackingTest {};

std::vector<Place> attachable_places() {
  std::vector<Place> places(std::begin(test::kPlaces), std::end(test::kPlaces));
  std::erase(places, Place::anonymous);
  return places;
}
INSTANTIATE_TEST_SUITE_P(Every, AttachableBackingTest, ::testing::ValuesIn(attachable_places()),
                         [](const auto& place) { return std::string(test::name_of(place.param)); });

TEST_P(BackingTest, BothSidesSeeTheSameGeometryAndBacking) {
  const Result<Region> made = create();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->backing(), place.backing());
  if (!attachable()) return;
  const Result<Region> attached = Region::attach(duplicate(made->fd()).value());
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached->geometry(), made->geometry());
  EXPECT_EQ(attached->backing(), made->backing());
  EXPECT_EQ(attached->mapped_bytes(), made->mapped_bytes());
}

// But for what its header's page says.
TEST_P(BackingTest, NewRegionIsZeroed) {
  const Region region = create().value();
  const auto is_zeroed = [&](std::size_t from, std::size_t end) {
    return std::all_of(region.base() + from, region.base() + end,
                       [](std::byte byte) { return byte == std::byte{0}; });
  };
  EXPECT_TRUE(is_zeroed(sizeof(core::RegionHeader), core::kPowerMarkOffset));
  EXPECT_TRUE(is_zeroed(core::kPowerMarkOffset + sizeof(core::PowerMark), region.mapped_bytes()));
}

TEST_P(BackingTest, ByteWrittenInOneImageIsSeenInBothOfBothMappings) {
  const Region made = create().value();
  std::optional<Region> attached;
  if (attachable()) attached = Region::attach(duplicate(made.fd()).value()).value();
  for (std::size_t at = 0; at < kCapacity; ++at) made.data()[at] = std::byte(at * 31 >> 3);
  EXPECT_EQ(std::memcmp(made.data(), made.data() + kCapacity, kCapacity), 0);
  if (!attached) return;
  EXPECT_EQ(std::memcmp(made.data(), attached->data(), kCapacity), 0);
  EXPECT_EQ(std::memcmp(made.data(), attached->data() + kCapacity, kCapacity), 0);
  attached->data()[2 * kCapacity - 1] = std::byte{0x77};
  EXPECT_EQ(made.data()[kCapacity - 1], std::byte{0x77});
}

TEST_P(BackingTest, EachLaneOfAFanInHasItsOwnTwoImages) {
  const RegionOptions three{.shape = {.kind = core::RingKind::fan_in,
                                      .capacity_bytes = 8192,
                                      .record_alignment = 8,
                                      .participants = 4},
                            .memory = place.options()};
  const Result<Region> region = Region::create(three);
  ASSERT_TRUE(region) << region.error().message;
  const core::FanInMemory memory = region->fan_in_memory();
  const std::uint64_t lane_bytes = memory.capacity_bytes;  // a page at least
  ASSERT_EQ(memory.lane_count, 3U);
  for (unsigned lane = 0; lane < 3; ++lane) {
    std::memset(memory.data + lane * memory.lane_stride_bytes, int(lane) + 1, lane_bytes);
  }
  for (unsigned lane = 0; lane < 3; ++lane) {
    const std::byte* const first = memory.data + lane * memory.lane_stride_bytes;
    const bool same = std::all_of(first, first + 2 * lane_bytes,
                                  [&](std::byte byte) { return byte == std::byte(lane + 1); });
    EXPECT_TRUE(same) << "lane " << lane;
  }
}

// What the other process gets: the descriptor if it says where the memory is, else the object.
Channel for_child(Channel& channel, bool attachable) {
  if (!attachable) return std::move(channel);
  return Channel::attach(channel.fds()).value();
}

TEST_P(BackingTest, AnotherProcessReceivesEveryRecord) {
  constexpr std::uint64_t kMessages = 3000;  // several laps
  const auto size_of = [](std::uint64_t number) { return test::size_of_message(number, 3000); };
  Channel channel = Channel::create(options()).value();
  ChildProcess child = ChildProcess::fork([&] {
    Result<Receiver> receiver = Receiver::open(for_child(channel, attachable()));
    if (!receiver) return 2;
    for (std::uint64_t number = 0; number < kMessages; ++number) {
      const auto record = receiver->peek_for(20s);
      if (!record || !*record || (*record)->size() != size_of(number)) return 3;
      if (!test::is_message(**record, number)) return 4;
      receiver->release();
    }
    return 0;
  });
  Sender sender = Sender::open(std::move(channel)).value();
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const auto room = sender.claim_for(size_of(number), 20s);
    ASSERT_TRUE(room) << room.error().message;
    ASSERT_TRUE(*room);
    test::write_message(**room, number);
    sender.commit();
  }
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(BackingTest, SecondWriterIsRefusedWhileTheFirstLives) {
  Channel channel = Channel::create(options()).value();
  const Signal opened;
  ChildProcess child = ChildProcess::fork([&] {
    const Result<Sender> sender = Sender::open(for_child(channel, attachable()));
    if (!sender) return 2;
    opened.tell();
    while (true) ::pause();
  });
  ASSERT_TRUE(opened.wait());
  if (attachable()) {
    const Result<Sender> second = Sender::attach(channel.fds());
    ASSERT_FALSE(second);
    EXPECT_EQ(code_of(second), ErrorCode::busy);
  }
  child.kill_now();
  EXPECT_TRUE(Sender::open(std::move(channel)));
}

TEST_P(BackingTest, BothProcessesAndBothImagesHaveTheSamePhysicalPages) {
  Channel channel = Channel::create(options()).value();
  const Region& region = channel.region();
  const std::vector<std::uint64_t> ours = test::page_frames(region.base(), region.mapped_bytes());
  if (ours.empty()) GTEST_SKIP() << "/proc/self/pagemap tells no frames: CAP_SYS_ADMIN is needed";
  const std::size_t first = region.geometry().data_offset / test::kFrameBytes;
  const std::size_t count = kCapacity / test::kFrameBytes;
  for (std::size_t page = first; page < first + count; ++page) {
    ASSERT_EQ(ours[page], ours[page + count]) << page;
  }
  ChildProcess child = ChildProcess::fork([&] {
    const Channel theirs = for_child(channel, attachable());
    const Region& same = theirs.region();
    for (std::size_t at = 0; at < same.mapped_bytes(); at += test::kFrameBytes) {
      [[maybe_unused]] const volatile std::byte touched = same.base()[at];
    }
    return test::page_frames(same.base(), same.mapped_bytes()) == ours ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(BackingTest, ClosingTheDescriptorAfterMappingChangesNothing) {
  ChildProcess child = ChildProcess::fork([&] {
    Channel channel = Channel::create(options()).value();
    const int fd = channel.region().fd();
    Sender sender = Sender::open(std::move(channel)).value();
    ::close(fd);
    return sender.try_send(std::as_bytes(std::span("hello"))) ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(BackingTest, PrefaultedRegionIsAllResident) {
  const Region region = create().value();
  const MemoryInUse used = region.memory_in_use().value();
  EXPECT_EQ(used.page_bytes, 4096U);
  EXPECT_EQ(used.resident_bytes, region.mapped_bytes());
  EXPECT_EQ(used.swapped_bytes, 0U);
  EXPECT_EQ(used.locked_bytes, 0U);
}

TEST_P(BackingTest, LockedRegionIsAllLocked) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers make mlock do nothing";
  ChannelOptions locked = options();
  locked.memory.lock_memory = true;
  const Result<Region> region = Region::create(locked.region());
  if (!region) GTEST_SKIP() << region.error().message;
  const MemoryInUse used = region->memory_in_use().value();
  EXPECT_EQ(used.locked_bytes, region->mapped_bytes());
}

TEST_P(AttachableBackingTest, AttachCanPrefaultAndLock) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers make mlock do nothing";
  const Region made = create().value();
  const Result<Region> attached =
      Region::attach(duplicate(made.fd()).value(), {.prefault = true, .lock_memory = true});
  if (!attached) GTEST_SKIP() << attached.error().message;
  const MemoryInUse used = attached->memory_in_use().value();
  EXPECT_EQ(used.resident_bytes, attached->mapped_bytes());
  EXPECT_EQ(used.locked_bytes, attached->mapped_bytes());
}

TEST_P(AttachableBackingTest, ReadOnlyMappingCannotBeWrittenTo) {
  const Region made = create().value();
  ChildProcess child = ChildProcess::fork([&] {
    const Result<Region> view =
        Region::attach(duplicate(made.fd()).value(), {.access = Access::read_only});
    if (!view) return 2;
    if (view->data()[0] != std::byte{0}) return 3;
    ::signal(SIGSEGV, SIG_DFL);
    view->data()[0] = std::byte{1};
    return 4;
  });
  const std::optional<int> status = child.wait();
  EXPECT_TRUE(status == -SIGSEGV || (test::kSanitized && status == 1)) << *status;
}

TEST_P(BackingTest, AnyNodeThatIsThereCanBeAskedFor) {
  ChannelOptions bound = options();
  bound.memory.numa_node = 0;
  const Result<Region> region = Region::create(bound.region());
  if (!region && code_of(region) == ErrorCode::unsupported) {
    GTEST_SKIP() << region.error().message;
  }
  ASSERT_TRUE(region) << region.error().message;
  EXPECT_EQ(memory::numa::node_of(region->data()).value(), 0U);
  bound.memory.numa_node = 500;
  const Result<Region> nowhere = Region::create(bound.region());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(code_of(nowhere), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(nowhere), HasSubstr("no node 500"));
}

}  // namespace
}  // namespace ringbell
