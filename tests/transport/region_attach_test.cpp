// Attaching to what is not, or not safely, a region: a clear Error for each, and no crash.
#include <cstring>
#include <functional>
#include <string>

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/channel.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using core::RegionHeader;
using ::testing::HasSubstr;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::uint64_t kFileBytes = 3 * 4096;

// The header that a region of 4096 bytes has.
RegionHeader good_header() {
  return {.magic = core::kRegionMagic,
          .layout_version = core::kLayoutVersion,
          .ring_kind = 1,
          .geometry = {.region_bytes = kFileBytes,
                       .control_offset = 4096,
                       .data_offset = 2 * 4096,
                       .capacity_bytes = 4096,
                       .slot_count = 0,
                       .record_alignment = 8,
                       .page_bytes = 4096,
                       .message_bytes = 0,
                       .participants = 2,
                       .payload_alignment = 8,
                       .user_header_bytes = 0},
          .doorbell_kind = 2,
          .creator_pid = 1,
          .created_unix_ns = 1,
          .backing = 0,
          .backing_number = 0,
          .type = {}};
}

FileDescriptor make_memfd(const RegionHeader& header, std::uint64_t bytes, int seals) {
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  const std::size_t put = std::min<std::size_t>(sizeof header, bytes);
  EXPECT_EQ(::pwrite(file.get(), &header, put, 0), static_cast<ssize_t>(put));
  EXPECT_EQ(seals == 0 ? 0 : ::fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

void expect_refused(FileDescriptor file, ErrorCode code, const std::string& says) {
  const Result<Region> region = Region::attach(std::move(file));
  ASSERT_FALSE(region) << "attached, but: " << says;
  EXPECT_EQ(name_of(code_of(region)), std::string(name_of(code))) << region.error().message;
  EXPECT_THAT(message_of(region), HasSubstr(says));
}

// A header with one lie in it, in a file that is otherwise right.
void expect_lie_refused(const std::function<void(RegionHeader&)>& lie, const std::string& says,
                        ErrorCode code = ErrorCode::not_a_region) {
  RegionHeader header = good_header();
  lie(header);
  expect_refused(make_memfd(header, kFileBytes, kSeals), code, says);
}

TEST(RegionAttachTest, GoodHeaderOfAnyMakerIsTaken) {
  const Result<Region> region = Region::attach(make_memfd(good_header(), kFileBytes, kSeals));
  ASSERT_TRUE(region) << region.error().message;
  EXPECT_EQ(region->geometry(), good_header().geometry);
}

TEST(RegionAttachTest, WrongMagicIsNoRegion) {
  expect_lie_refused([](RegionHeader& h) { h.magic[7] = 'L'; }, "magic");
  expect_lie_refused([](RegionHeader& h) { h = {}; }, "magic");
}

TEST(RegionAttachTest, OtherVersionIsNamed) {
  for (const std::uint32_t version : {0U, core::kLayoutVersion + 1, 0xffffffffU}) {
    expect_lie_refused([&](RegionHeader& h) { h.layout_version = version; },
                       "layout version " + std::to_string(version), ErrorCode::version_mismatch);
  }
}

TEST(RegionAttachTest, UnknownRingKindIsNamed) {
  for (const std::uint32_t kind : {0U, 11U, 0xffffffffU}) {
    expect_lie_refused([&](RegionHeader& h) { h.ring_kind = kind; },
                       "ring_kind is " + std::to_string(kind));
  }
}

TEST(RegionAttachTest, UnknownDoorbellIsNamed) {
  for (const std::uint32_t kind : {0U, 4U, 0xffffffffU}) {
    expect_lie_refused([&](RegionHeader& h) { h.doorbell_kind = kind; },
                       "doorbell kind " + std::to_string(kind));
  }
}

TEST(RegionAttachTest, WrongCapacityIsNamed) {
  for (const std::uint64_t capacity :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2048}, std::uint64_t{4095},
        std::uint64_t{4104}, std::uint64_t{12288}, std::uint64_t{1} << 41, std::uint64_t{1} << 63,
        ~std::uint64_t{0}}) {
    expect_lie_refused([&](RegionHeader& h) { h.geometry.capacity_bytes = capacity; },
                       "capacity_bytes is " + std::to_string(capacity));
  }
}

TEST(RegionAttachTest, CapacityThatDoesNotFitItsOffsetsIsRefused) {
  expect_lie_refused([](RegionHeader& h) { h.geometry.capacity_bytes = 8192; }, "offsets");
  expect_lie_refused([](RegionHeader& h) { h.geometry.capacity_bytes = std::uint64_t{1} << 40; },
                     "offsets");
}

TEST(RegionAttachTest, WrongOffsetsAreRefused) {
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{4097}, std::uint64_t{12288},
        std::uint64_t{1} << 40, ~std::uint64_t{0}, ~std::uint64_t{4095}}) {
    expect_lie_refused([&](RegionHeader& h) { h.geometry.control_offset = offset; }, "offsets");
    expect_lie_refused([&](RegionHeader& h) { h.geometry.data_offset = offset; }, "offsets");
    if (offset == kFileBytes) continue;
    expect_lie_refused([&](RegionHeader& h) { h.geometry.region_bytes = offset; }, "offsets");
  }
}

TEST(RegionAttachTest, WrongAlignmentIsNamed) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 24U, 128U, 4096U, 0x80000000U}) {
    expect_lie_refused([&](RegionHeader& h) { h.geometry.record_alignment = alignment; },
                       "record_alignment is " + std::to_string(alignment));
  }
}

TEST(RegionAttachTest, WrongPayloadAlignmentIsNamed) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 16U, 24U, 64U, 128U, 0x80000000U}) {
    expect_lie_refused([&](RegionHeader& h) { h.geometry.payload_alignment = alignment; },
                       "payload_alignment is " + std::to_string(alignment));
  }
}

TEST(RegionAttachTest, WhatHasItsPlaceButNoUseYetIsRefused) {
  expect_lie_refused([](RegionHeader& h) { h.geometry.user_header_bytes = 8; },
                     "user_header_bytes is 8");
}

TEST(RegionAttachTest, TypeRecordThatCannotBeIsRefused) {
  for (const auto lie : {+[](core::TypeRecord& type) { type.name.fill('x'); },
                         +[](core::TypeRecord& type) { type.name = {}; },
                         +[](core::TypeRecord& type) { type.name[111] = 'x'; },
                         +[](core::TypeRecord& type) { type.name[2] = '\x1b'; },
                         +[](core::TypeRecord& type) { type.name[2] = '\x7f'; },
                         +[](core::TypeRecord& type) { type.size_bytes = 0; },
                         +[](core::TypeRecord& type) { type.alignment = 0; },
                         +[](core::TypeRecord& type) { type.alignment = 12; },
                         +[](core::TypeRecord& type) { type.alignment = 128; }}) {
    expect_lie_refused(
        [&](RegionHeader& h) {
          h.type = {.name = {'t', 'y', 'p', 'e'}, .size_bytes = 24, .alignment = 8, .version = 0};
          lie(h.type);
        },
        "its type record cannot be");
  }
}

TEST(RegionAttachTest, TypeRecordIsReadOnceAndShown) {
  RegionHeader header = good_header();
  header.type = {.name = {'t', 'y', 'p', 'e'}, .size_bytes = 24, .alignment = 64, .version = 7};
  const Result<Region> region = Region::attach(make_memfd(header, kFileBytes, kSeals));
  ASSERT_TRUE(region) << region.error().message;
  EXPECT_EQ(region->type(), header.type);
}

TEST(RegionAttachTest, CardOfAnOlderVersionIsNamed) {
  RegionHeader header = good_header();
  header.layout_version = 2;
  expect_refused(make_memfd(header, 96, kSeals), ErrorCode::version_mismatch, "layout version 2");
}

TEST(RegionAttachTest, WrongPageSizeIsNamed) {
  for (const std::uint32_t page :
       {0U, 1U, 64U, 2048U, 8192U, 32768U, 131072U, 0x80000000U, 0xffffffffU}) {
    expect_lie_refused([&](RegionHeader& h) { h.geometry.page_bytes = page; },
                       "page size is " + std::to_string(page));
  }
}

TEST(RegionAttachTest, LargerPageSizeInASmallFileIsRefused) {
  expect_lie_refused([](RegionHeader& h) { h.geometry.page_bytes = 16U << 10; },
                     "capacity_bytes is 4096");
  expect_lie_refused([](RegionHeader& h) { h.geometry.page_bytes = 64U << 10; },
                     "capacity_bytes is 4096");
  expect_lie_refused([](RegionHeader& h) { h.geometry.page_bytes = 2U << 20; },
                     "capacity_bytes is 4096");
}

TEST(RegionAttachTest, FileOfAnotherSizeIsRefused) {
  for (const std::uint64_t bytes : {kFileBytes - 4096, kFileBytes - 1, kFileBytes + 1,
                                    kFileBytes + 4096, std::uint64_t{sizeof(RegionHeader)}}) {
    expect_refused(make_memfd(good_header(), bytes, kSeals), ErrorCode::not_a_region,
                   "the file has " + std::to_string(bytes));
  }
}

TEST(RegionAttachTest, EmptyAndTruncatedFilesAreNoRegions) {
  expect_refused(make_memfd(good_header(), 0, kSeals), ErrorCode::not_a_region, "ends after 0");
  expect_refused(make_memfd(good_header(), 95, kSeals), ErrorCode::not_a_region, "ends after 95");
}

TEST(RegionAttachTest, FileThatCouldShrinkIsRefused) {
  for (const int seals : {0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW,
                          F_SEAL_SHRINK | F_SEAL_SEAL, F_SEAL_GROW | F_SEAL_SEAL}) {
    expect_refused(make_memfd(good_header(), kFileBytes, seals), ErrorCode::permission,
                   "not sealed");
  }
}

TEST(RegionAttachTest, FileThatSaysItIsAMemfdIsRefused) {
  FileDescriptor disk(::open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!disk) GTEST_SKIP() << "no files without a name here";
  const RegionHeader header = good_header();
  ASSERT_EQ(::pwrite(disk.get(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  expect_refused(std::move(disk), ErrorCode::not_a_region, "it is a file but says");
}

TEST(RegionAttachTest, WhatIsNoMemoryIsRefused) {
  expect_refused(FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC)), ErrorCode::not_a_region,
                 "magic");
  expect_refused(FileDescriptor(::open("/", O_RDONLY | O_CLOEXEC)), ErrorCode::not_a_region,
                 "no memfd");
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  expect_refused(FileDescriptor(ends[0]), ErrorCode::not_a_region, "no memfd");
  expect_refused(FileDescriptor(ends[1]), ErrorCode::not_a_region, "no memfd");
}

TEST(RegionAttachTest, ClosedDescriptorIsSaidToBeClosed) {
  expect_refused(FileDescriptor{}, ErrorCode::system, "Bad file descriptor");
  const Result<Channel> channel = Channel::attach({.memory = -1});
  ASSERT_FALSE(channel);
  EXPECT_THAT(message_of(channel), HasSubstr("Bad file descriptor"));
}

TEST(RegionAttachTest, ReadOnlyDescriptorIsSaidToBeOne) {
  const Region made = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
  const std::string path = "/proc/self/fd/" + std::to_string(made.fd());
  FileDescriptor read_only(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(read_only);
  expect_refused(std::move(read_only), ErrorCode::permission, "open for reading and writing");
}

TEST(RegionAttachTest, HeaderIsNotReadAgainAfterAttach) {
  Region made = Region::create(ChannelOptions{.capacity_bytes = 4096}.region()).value();
  const Region attached =
      Region::attach(FileDescriptor(::fcntl(made.fd(), F_DUPFD_CLOEXEC, 0))).value();
  std::memset(made.base(), 0xff, sizeof(RegionHeader));  // the peer turns hostile
  EXPECT_EQ(attached.geometry().capacity_bytes, 4096U);
  EXPECT_EQ(attached.spsc_memory().capacity_bytes, 4096U);
  EXPECT_EQ(attached.spsc_memory().data, attached.base() + 2 * 4096);
}

}  // namespace
}  // namespace ringbell
