// Pages of 16 and 64 KiB, as Arm has them: the layout follows the machine's. Here there are none,
// so page_shim.cpp plays such a kernel, in this program run anew.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/sanitizers.hpp>

namespace ringbell {
namespace {

using test::ChildProcess;
using ::testing::HasSubstr;

constexpr std::uint64_t kCapacity = 128UL * 1024;

std::uint32_t machine_page() { return static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)); }

// A sealed memfd that a machine with these pages could have made.
FileDescriptor made_with_pages_of(std::uint32_t page_bytes) {
  const core::RingShape shape{
      .kind = core::RingKind::spsc, .capacity_bytes = kCapacity, .record_alignment = 8};
  core::RegionHeader header{};
  header.magic = core::kRegionMagic;
  header.layout_version = core::kLayoutVersion;
  header.ring_kind = std::uint32_t(shape.kind);
  header.geometry = core::geometry_of(shape, page_bytes);
  header.doorbell_kind = std::uint32_t(core::DoorbellKind::futex);
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(header.geometry.region_bytes)), 0);
  EXPECT_EQ(::pwrite(file.get(), &header, sizeof header, 0), ssize_t{sizeof header});
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  return file;
}

TEST(RegionPagesTest, ARegionHasTheMachinesPages) {
  const RegionOptions options = ChannelOptions{.capacity_bytes = 4096}.region();
  const Region region = Region::create(options).value();
  EXPECT_EQ(region.geometry().page_bytes, machine_page());
  EXPECT_EQ(region.geometry().capacity_bytes, machine_page());
  EXPECT_EQ(region.geometry().data_offset % machine_page(), 0U);
  EXPECT_EQ(describe(options).value().memory_bytes, region.geometry().region_bytes);
}

TEST(RegionPagesTest, LargerPagesThanTheMachinesAreTaken) {
  for (const std::uint32_t page : {16U << 10U, 64U << 10U}) {
    if (page < machine_page()) continue;
    Channel channel = Channel::attach(Region::attach(made_with_pages_of(page)).value()).value();
    EXPECT_EQ(channel.region().geometry().page_bytes, page);
    Sender sender = Sender::open(Channel::attach(channel.fds()).value()).value();
    Receiver receiver = Receiver::open(std::move(channel)).value();
    ASSERT_TRUE(sender.try_send(std::as_bytes(std::span("hello"))));
    EXPECT_TRUE(receiver.peek());
  }
}

TEST(RegionPagesTest, SmallerPagesThanTheMachinesAreRefused) {
  if (machine_page() == 4096) return;  // below, by the shim, it has smaller ones
  const Result<Region> region = Region::attach(made_with_pages_of(4096));
  ASSERT_FALSE(region);
  EXPECT_EQ(code_of(region), ErrorCode::unsupported);
  EXPECT_THAT(message_of(region), HasSubstr("pages of 4096 bytes"));
  EXPECT_THAT(message_of(region), HasSubstr(std::to_string(machine_page())));
}

class PageSizeTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Bytes, PageSizeTest, ::testing::Values(16384, 65536));

TEST_P(PageSizeTest, EveryBackingWorksOnAMachineWithSuchPages) {
  if (test::kSanitized) GTEST_SKIP() << "the sanitizers' own mappings have this machine's pages";
  if (!std::filesystem::exists(RINGBELL_PAGE_SHIM)) GTEST_SKIP() << "no " RINGBELL_PAGE_SHIM;
  ChildProcess child = ChildProcess::fork([] {
    ::setenv("LD_PRELOAD", RINGBELL_PAGE_SHIM, 1);
    ::setenv("RINGBELL_PAGE_BYTES", std::to_string(GetParam()).c_str(), 1);
    ::execl("/proc/self/exe", "test_transport", "--gtest_brief=1",
            "--gtest_filter=RegionPagesTest.*:Every/BackingTest.*:Every/AttachableBackingTest.*:"
            "RegionKindsTest.QueueOf*:RegionKindsTest.EveryLane*:RegionKindsTest.NoTwoParts*:"
            "NamesTest.MessagesGo*:NamesTest.TwoProcesses*:GroupNamesTest.*FindEachOther*",
            nullptr);
    return 127;
  });
  EXPECT_EQ(child.wait(), 0) << "its output stands above";
}

}  // namespace
}  // namespace ringbell
