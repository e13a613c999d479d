// What first touch costs: page faults, counted by the kernel, with and without prefault.
#include <cstddef>
#include <cstdint>

#include <fcntl.h>

#include <gtest/gtest.h>

#include <ringbell/transport/ends/channel.hpp>

#include <tests/support/page_faults.hpp>

namespace ringbell {
namespace {

constexpr std::uint64_t kCapacity = 4UL << 20;
constexpr std::uint64_t kPages = (2 * kCapacity + 2 * 4096) / 4096;
constexpr std::uint64_t kStray = 16;  // those of the test's own stack and code

Region create(Backing backing, bool prefault) {
  return Region::create(ChannelOptions{.capacity_bytes = kCapacity,
                                       .memory = {.backing = backing, .prefault = prefault}}
                            .region())
      .value();
}

TEST(PageFaultTest, FirstTouchOfEachPageIsAFault) {
  const Region region = create(Backing::memfd, false);
  EXPECT_EQ(region.memory_in_use().value().resident_bytes, 0U + 4096U) << "but the header's";
  const std::uint64_t faults = test::faults_of_touching(region);
  EXPECT_GE(faults, kPages - 1);
  EXPECT_LE(faults, kPages + kStray);
  EXPECT_EQ(region.memory_in_use().value().resident_bytes, region.mapped_bytes());
  EXPECT_LE(test::faults_of_touching(region), kStray) << "the second time";
}

TEST(PageFaultTest, PrefaultedRegionHasNone) {
  for (const Backing backing : {Backing::memfd, Backing::system_v, Backing::anonymous}) {
    EXPECT_LE(test::faults_of_touching(create(backing, true)), kStray) << int(backing);
  }
}

TEST(PageFaultTest, MemoryThatCannotBeReservedIsTouchedAtOnce) {
  for (const Backing backing : {Backing::system_v, Backing::anonymous}) {
    EXPECT_LE(test::faults_of_touching(create(backing, false)), kStray) << int(backing);
  }
}

TEST(PageFaultTest, EachProcessFaultsForItselfUnlessItPrefaults) {
  const Region made = create(Backing::memfd, true);
  const auto attach = [&](bool prefault) {
    return Region::attach(FileDescriptor(::fcntl(made.fd(), F_DUPFD_CLOEXEC, 0)),
                          {.prefault = prefault})
        .value();
  };
  // Attaching reads the bell word, for which the kernel maps up to 16 pages around it.
  EXPECT_GE(test::faults_of_touching(attach(false)), kPages - 16);
  EXPECT_LE(test::faults_of_touching(attach(true)), kStray);
}

TEST(PageFaultTest, TransparentHugePagesTakeOneFaultForTwoMebibytes) {
  const Region made = Region::create(ChannelOptions{.capacity_bytes = kCapacity,
                                                    .memory = {.huge_pages = HugePages::prefer}}
                                         .region())
                          .value();
  const MemoryInUse used = made.memory_in_use().value();
  if (used.page_bytes > 4096) GTEST_SKIP() << "this machine has free hugetlb pages";
  if (used.huge_bytes == 0) GTEST_SKIP() << "no transparent huge pages for shared memory here";
  // Every 2 MiB that are whole: the header in front shifts the data by two pages.
  EXPECT_GE(used.huge_bytes, 2 * kCapacity - (2UL << 20));
  const Region attached =
      Region::attach(FileDescriptor(::fcntl(made.fd(), F_DUPFD_CLOEXEC, 0))).value();
  EXPECT_LE(test::faults_of_touching(attached), kPages / 4 + kStray);
}

}  // namespace
}  // namespace ringbell
