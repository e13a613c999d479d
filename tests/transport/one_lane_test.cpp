// A contributor maps its own lane and no other: what its attach costs does not grow with the lanes.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using test::copy_of;
using ::testing::HasSubstr;

constexpr std::uint64_t kCapacity = 16384;
constexpr auto kLong = std::chrono::seconds(20);
constexpr std::array<std::byte, 8> kMessage{std::byte{42}};

Region new_ring(std::uint32_t contributors) {
  return Region::create(
             CollectorOptions{.contributors = contributors, .capacity_bytes = kCapacity}.region())
      .value();
}
Region attach(const Region& ring, AttachOptions options = {.one_lane = true}) {
  return Region::attach(FileDescriptor(::fcntl(ring.fd(), F_DUPFD_CLOEXEC, 0)), options).value();
}

// What of the region this process can write to.
struct Mapped {
  std::uint64_t bytes = 0;
  int pieces = 0;
};
Mapped mapped_of(const Region& region) {
  const auto begin = reinterpret_cast<std::uintptr_t>(region.base());
  std::ifstream maps("/proc/self/maps");
  Mapped found;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long from = 0;
    unsigned long long to = 0;
    std::array<char, 5> may{};
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &from, &to, may.data()) != 3) continue;
    if (from < begin || to > begin + region.mapped_bytes() || may[1] != 'w') continue;
    found.bytes += to - from;
    ++found.pieces;
  }
  return found;
}

// By the flags of the mapping that holds this address.
bool is_dumped(const void* at) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(at);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long long from = 0;
    unsigned long long to = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &from, &to) == 2) {
      inside = from <= wanted && wanted < to;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line.find(" dd") == std::string::npos;
    }
  }
  ADD_FAILURE() << "nothing is mapped there";
  return false;
}

TEST(OneLaneTest, AContributorMapsAsMuchHoweverManyLanesThereAre) {
  for (const std::uint32_t contributors : {1U, 3U, 64U, 1024U}) {
    const Region ring = new_ring(contributors);
    Region region = attach(ring);
    const std::uint64_t head_bytes = region.geometry().data_offset;
    EXPECT_EQ(mapped_of(region).bytes, head_bytes);
    const Contributor contributor = Contributor::open(std::move(region)).value();
    const Mapped mapped = mapped_of(contributor.region());
    EXPECT_EQ(mapped.bytes, head_bytes + 2 * kCapacity) << contributors;
    EXPECT_LE(mapped.pieces, 3) << contributors;
  }
}

TEST(OneLaneTest, MessagesOfEachComeInOrder) {
  constexpr std::uint32_t kLanes = 5;
  const Region ring = new_ring(kLanes);
  Collector collector = Collector::open(copy_of(ring)).value();
  std::vector<Contributor> contributors;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    contributors.push_back(Contributor::open(attach(ring)).value());
  }
  std::array<std::uint64_t, kLanes> due{};
  for (std::uint64_t number = 0; number < 3000; ++number) {
    for (Contributor& contributor : contributors) {
      const std::array<std::uint64_t, 2> sent{contributor.lane(), number};
      ASSERT_EQ(contributor.send(std::as_bytes(std::span(sent)), kLong), true);
    }
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      std::array<std::uint64_t, 2> got{};
      ASSERT_EQ(collector.receive(std::as_writable_bytes(std::span(got)), kLong).value(), 16U);
      ASSERT_EQ(got[0], collector.lane());
      ASSERT_EQ(got[1], due.at(collector.lane())++);
    }
  }
}

TEST(OneLaneTest, ASpoiltLaneIsPassedOver) {
  const Region ring = new_ring(3);
  ring.fan_in_memory().lanes[0].ring.head = 3;  // where no record can begin
  ring.fan_in_memory().lanes[2].ring.head = 5;
  EXPECT_EQ(Contributor::open(attach(ring)).value().lane(), 1U);
}

TEST(OneLaneTest, ACollectorNeedsAllLanes) {
  const Region ring = new_ring(3);
  const Result<Collector> refused = Collector::open(attach(ring));
  EXPECT_EQ(code_of(refused), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(refused), HasSubstr("AttachOptions::one_lane"));
}

TEST(OneLaneTest, AllAreMappedWhereTheyAreToBeTouched) {
  const Region ring = new_ring(3);
  Region region = attach(ring, {.prefault = true, .one_lane = true});
  EXPECT_EQ(mapped_of(region).bytes, region.mapped_bytes());
  EXPECT_TRUE(Collector::open(std::move(region)));
  const Region queue = Region::create(QueueOptions{}.region()).value();
  EXPECT_EQ(mapped_of(attach(queue)).bytes, queue.mapped_bytes()) << "not a collector's";
  EXPECT_FALSE(attach(ring, {.access = Access::read_only, .one_lane = true}).maps_lanes_alone());
  EXPECT_FALSE(attach(ring, {.lock_memory = true, .one_lane = true}).maps_lanes_alone());
}

TEST(OneLaneTest, FilesAreMappedByTheLaneAndSegmentsAreNot) {
  CollectorOptions options{.contributors = 3, .capacity_bytes = kCapacity};
  options.memory = {.backing = Backing::posix_shm,
                    .name = "ringbell-one-lane-" + std::to_string(::getpid())};
  const Region shm = Region::create(options.region()).value();
  EXPECT_TRUE(Region::remove(Backing::posix_shm, options.memory.name));
  EXPECT_TRUE(attach(shm).maps_lanes_alone());
  options.memory = {.backing = Backing::system_v};
  const Region segment = Region::create(options.region()).value();
  const Region attached = attach(segment);
  EXPECT_FALSE(attached.maps_lanes_alone());
  EXPECT_TRUE(attached.map_lane(2)) << "it is mapped";
}

TEST(OneLaneTest, ALaneIsInCoreDumpsIfItIsWantedThere) {
  const Region ring = new_ring(2);
  for (const bool wanted : {true, false}) {
    const Contributor contributor =
        Contributor::open(attach(ring, {.in_core_dumps = wanted, .one_lane = true})).value();
    EXPECT_EQ(is_dumped(contributor.region().data()), wanted);
  }
}

TEST(OneLaneTest, ALaneThatCannotBeMappedIsAnError) {
  const Region ring = new_ring(2);
  for (const int image : {0, 1}) {
    test::ChildProcess child = test::ChildProcess::fork([&] {
      Region region = attach(ring);
      const auto first = reinterpret_cast<std::uintptr_t>(region.data());
      // A bit of the second image's address that the first one's lacks.
      const auto bits = static_cast<std::uint32_t>((first + kCapacity) & ~first);
      if (bits == 0) return 77;
      const bool denied = image == 0 ? test::deny_flag(SYS_mmap, 3, MAP_SHARED, ENOMEM)
                                     : test::deny_flag(SYS_mmap, 0, bits & (~bits + 1), ENOMEM);
      if (!denied) return 77;
      const Result<void> mapped = region.map_lane(0);
      return code_of(mapped) == ErrorCode::no_space ? 0 : 1;
    });
    const std::optional<int> status = child.wait();
    if (status == 77) GTEST_SKIP() << "no such filter can be installed here";
    EXPECT_EQ(status, 0) << image;
  }
}

TEST(OneLaneTest, TheLastContributorKeepsWhatStandsInTheOthersLanes) {
  const test::TemporaryNameFolder folder;
  const CollectorOptions options{.contributors = 2, .capacity_bytes = kCapacity};
  for (const bool sends : {true, false}) {
    std::optional<Collector> collector = Collector::create("log", options).value();
    std::optional<Contributor> one = Contributor::open("log", kLong).value();
    std::optional<Contributor> other = Contributor::create("log", options).value();
    EXPECT_TRUE(one->region().maps_lanes_alone() && other->region().maps_lanes_alone());
    if (sends) {
      ASSERT_EQ(one->send(kMessage, kLong), true);
    }
    collector.reset();
    one.reset();
    other.reset();
    EXPECT_EQ(folder.files().empty(), !sends);
    if (!sends) continue;
    collector = Collector::open("log", kLong).value();
    EXPECT_EQ(collector->peek_for(kLong).value().value()[0], kMessage[0]);
    collector->release();
  }
}

}  // namespace
}  // namespace ringbell
