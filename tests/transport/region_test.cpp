// Making regions: what may be asked for, what is then mapped, and what cannot be changed any more.
#include <cstdio>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/memory/region.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/sanitizers.hpp>

namespace ringbell {
namespace {

using core::DoorbellKind;
using ::testing::HasSubstr;

FileDescriptor duplicate(int fd) { return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

std::uint64_t free_huge_pages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  std::uint64_t count = 0;
  return file >> count ? count : 0;
}

void expect_refused(const ChannelOptions& options, const std::string& says) {
  const Result<Region> region = Region::create(options.region());
  ASSERT_FALSE(region) << says;
  EXPECT_EQ(code_of(region), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(region), HasSubstr(says));
}

TEST(RegionTest, ImpossibleCapacityIsRefused) {
  for (const std::uint64_t capacity : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095},
                                       (std::uint64_t{1} << 40) + 1, ~std::uint64_t{0}}) {
    expect_refused({.capacity_bytes = capacity}, "capacity_bytes is " + std::to_string(capacity));
  }
}

TEST(RegionTest, ImpossibleAlignmentIsRefused) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 7U, 12U, 24U, 128U, 4096U, 0x80000000U}) {
    expect_refused({.record_alignment = alignment},
                   "record_alignment is " + std::to_string(alignment));
  }
}

TEST(RegionTest, ImpossiblePayloadAlignmentIsRefused) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 12U, 32U, 128U, 0x80000000U}) {
    expect_refused({.record_alignment = 16, .payload_alignment = alignment},
                   "payload_alignment is " + std::to_string(alignment));
  }
}

TEST(RegionTest, ImpossibleDoorbellIsRefused) {
  for (const std::uint32_t kind : {0U, 4U, 0xffffffffU}) {
    expect_refused({.doorbell = DoorbellKind{kind}}, "doorbell");
  }
}

TEST(RegionTest, MoreThanTheMachineHasIsRefusedWithoutTryingToGetIt) {
  const Result<Region> region =
      Region::create(ChannelOptions{.capacity_bytes = std::uint64_t{1} << 40}.region());
  ASSERT_FALSE(region);
  EXPECT_EQ(code_of(region), ErrorCode::no_space);
  EXPECT_THAT(message_of(region), HasSubstr("smaller capacity"));
}

TEST(RegionTest, CapacityIsRoundedUpToAPowerOfTwo) {
  for (const auto& [asked, given] :
       {std::pair{4096U, 4096U}, {4097U, 8192U}, {10000U, 16384U}, {262144U, 262144U}}) {
    const Region region = Region::create(ChannelOptions{.capacity_bytes = asked}.region()).value();
    EXPECT_EQ(region.geometry().capacity_bytes, given);
    EXPECT_EQ(region.geometry().region_bytes, given + 2 * 4096);
    EXPECT_EQ(region.mapped_bytes(), 2 * given + 2 * 4096);
  }
}

TEST(RegionTest, BothSidesSeeTheSameGeometry) {
  for (const std::uint32_t alignment : {8U, 16U, 32U, 64U}) {
    for (const auto doorbell : {DoorbellKind::none, DoorbellKind::futex, DoorbellKind::eventfd}) {
      const Region made = Region::create(ChannelOptions{.capacity_bytes = 8192,
                                                        .record_alignment = alignment,
                                                        .payload_alignment = alignment,
                                                        .doorbell = doorbell}
                                             .region())
                              .value();
      const Region attached = Region::attach(duplicate(made.fd())).value();
      EXPECT_EQ(made.geometry(), attached.geometry());
      EXPECT_EQ(attached.doorbell(), doorbell);
      EXPECT_EQ(attached.geometry().record_alignment, alignment);
      EXPECT_EQ(attached.geometry().payload_alignment, alignment);
      EXPECT_EQ(attached.geometry().capacity_bytes, 8192U);
      EXPECT_EQ(attached.mapped_bytes(), made.mapped_bytes());
    }
  }
}

TEST(RegionTest, ByteWrittenInOneImageIsSeenInBothOfBothMappings) {
  const Region made = Region::create(ChannelOptions{.capacity_bytes = 8192}.region()).value();
  const Region attached = Region::attach(duplicate(made.fd())).value();
  ASSERT_NE(made.data(), attached.data());
  const std::size_t capacity = made.geometry().capacity_bytes;
  for (std::size_t at = 0; at < capacity; ++at) {
    made.data()[at] = std::byte(at * 31 >> 3);
  }
  for (std::size_t at = 0; at < capacity; ++at) {
    const auto expected = std::byte(at * 31 >> 3);
    ASSERT_EQ(made.data()[capacity + at], expected) << at;
    ASSERT_EQ(attached.data()[at], expected) << at;
    ASSERT_EQ(attached.data()[capacity + at], expected) << at;
  }
  attached.data()[2 * capacity - 1] = std::byte{0x77};
  EXPECT_EQ(made.data()[capacity - 1], std::byte{0x77});
}

TEST(RegionTest, NewRegionIsZeroed) {
  const Region region = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
  for (std::size_t at = sizeof(core::RegionHeader); at < region.mapped_bytes(); ++at) {
    ASSERT_EQ(region.base()[at], std::byte{0}) << at;
  }
}

TEST(RegionTest, SizeAndSealsCannotBeChanged) {
  const Region region = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
  EXPECT_NE(::ftruncate(region.fd(), 0), 0);
  EXPECT_NE(::ftruncate(region.fd(), 1 << 20), 0);
  EXPECT_NE(::fallocate(region.fd(), 0, 0, 1 << 20), 0);
  EXPECT_NE(::fcntl(region.fd(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_NE(::fcntl(region.fd(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  struct stat status {};
  ASSERT_EQ(::fstat(region.fd(), &status), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), region.geometry().region_bytes);
}

TEST(RegionTest, EverySpaceIsReserved) {
  const Region region =
      Region::create(
          ChannelOptions{.capacity_bytes = 1 << 20, .memory = {.prefault = false}}.region())
          .value();
  struct stat status {};
  ASSERT_EQ(::fstat(region.fd(), &status), 0);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, region.geometry().region_bytes);
}

TEST(RegionTest, DescriptorsAreCloseOnExec) {
  for (const auto doorbell : {DoorbellKind::futex, DoorbellKind::eventfd}) {
    const Channel made = Channel::create({.capacity_bytes = 4096, .doorbell = doorbell}).value();
    const Channel attached = Channel::attach(made.fds()).value();
    for (const Channel* channel : {&made, &attached}) {
      const ChannelFds fds = channel->fds();
      for (const int fd : {fds.memory, fds.data_bell, fds.space_bell}) {
        EXPECT_TRUE(fd < 0 || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
      }
    }
  }
}

TEST(RegionTest, MovedRegionKeepsItsPlace) {
  Region first = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
  std::byte* const base = first.base();
  Region second(std::move(first));
  EXPECT_EQ(second.base(), base);
  second.data()[5] = std::byte{5};
  Region third = Region::create(ChannelOptions{.capacity_bytes = 8192}.region()).value();
  third = std::move(second);
  EXPECT_EQ(third.base(), base);
  EXPECT_EQ(third.data()[4096 + 5], std::byte{5});
}

TEST(RegionTest, NothingIsLeftMappedOrOpen) {
  const auto count_lines = [] {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    int count = 0;
    while (std::getline(maps, line)) count += line.find("memfd:ringbell") != std::string::npos;
    return count;
  };
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  const int before = count_lines();
  {
    const Region region = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
    EXPECT_GT(count_lines(), before);
    EXPECT_FALSE(Region::attach(FileDescriptor(::dup(0))));
  }
  EXPECT_EQ(count_lines(), before);
  const int now = ::dup(0);
  EXPECT_EQ(now, lowest_free);
  ::close(now);
}

TEST(RegionTest, RequiredHugePagesThatAreNotThereAreNoSpaceWithARemedy) {
  if (free_huge_pages() > 0) GTEST_SKIP() << "this machine has free huge pages";
  const Result<Region> region = Region::create(ChannelOptions{
      .capacity_bytes = 1 << 20,
      .memory = {.huge_pages = HugePages::require}}.region());
  ASSERT_FALSE(region);
  if (code_of(region) != ErrorCode::unsupported) {
    EXPECT_EQ(code_of(region), ErrorCode::no_space) << region.error().message;
  }
  EXPECT_THAT(message_of(region), HasSubstr("vm.nr_hugepages=3"));
}

TEST(RegionTest, RequiredHugePagesAreUsedWhereFree) {
  if (free_huge_pages() < 3) GTEST_SKIP() << "fewer than 3 free huge pages";
  const Region made = Region::create(ChannelOptions{.capacity_bytes = 1 << 20,
                                                    .memory = {.huge_pages = HugePages::require}}
                                         .region())
                          .value();
  EXPECT_EQ(made.geometry().page_bytes, 2U << 20);
  EXPECT_EQ(made.geometry().capacity_bytes, 2U << 20);
  const Region attached = Region::attach(duplicate(made.fd())).value();
  made.data()[7] = std::byte{9};
  EXPECT_EQ(attached.data()[attached.geometry().capacity_bytes + 7], std::byte{9});
}

TEST(RegionTest, PreferredHugePagesFallBackToSmallOnes) {
  if (free_huge_pages() > 0) GTEST_SKIP() << "this machine has free huge pages";
  const Region region = Region::create(ChannelOptions{.capacity_bytes = 1 << 20,
                                                      .memory = {.huge_pages = HugePages::prefer}}
                                           .region())
                            .value();
  EXPECT_EQ(region.geometry().page_bytes, 4096U);
  EXPECT_EQ(region.geometry().capacity_bytes, 1U << 20);
}

TEST(RegionTest, MemoryThatMayNotBeLockedIsAnErrorWithARemedy) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers make mlock do nothing";
  test::ChildProcess child = test::ChildProcess::fork([] {
    constexpr uid_t kNobody = 65534;
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 1;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return 2;
    const Result<Region> region = Region::create(
        ChannelOptions{.capacity_bytes = 4096, .memory = {.lock_memory = true}}.region());
    if (region) return 3;
    const auto code = code_of(region);
    if (code != ErrorCode::permission && code != ErrorCode::no_space) return 4;
    return message_of(region).find("ulimit -l") == std::string::npos ? 5 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(RegionTest, LockedMemoryIsLocked) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers make mlock do nothing";
  Result<Region> region = Region::create(
      ChannelOptions{.capacity_bytes = 4096, .memory = {.lock_memory = true}}.region());
  if (!region) GTEST_SKIP() << region.error().message;
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line) && !line.starts_with("VmLck:")) {
  }
  EXPECT_THAT(line, ::testing::Not(HasSubstr(" 0 kB")));
}

TEST(RegionTest, NoMoreDescriptorsIsAnError) {
  test::ChildProcess child = test::ChildProcess::fork([] {
    const rlimit few{.rlim_cur = 3, .rlim_max = 3};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
    const Result<Region> region = Region::create(ChannelOptions{.capacity_bytes = 4096}.region());
    return !region && errno_of(region) == EMFILE ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace ringbell
