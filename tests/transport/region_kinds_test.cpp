// A region of each kind of ring: its parts stand apart, both sides see them, and an attach refuses
// every shape that cannot be.
#include <algorithm>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using core::RingKind;
using core::RingShape;
using ::testing::HasSubstr;

const std::vector<RingShape> kShapes = {
    {.kind = RingKind::spsc, .capacity_bytes = 8192, .record_alignment = 8},
    {.kind = RingKind::mpmc, .slot_count = 64, .message_bytes = 100, .participants = 9},
    {.kind = RingKind::broadcast_lossless, .slot_count = 8, .message_bytes = 3, .participants = 5},
    {.kind = RingKind::broadcast_lossy, .slot_count = 16, .message_bytes = 56, .participants = 1},
    {.kind = RingKind::fan_in, .capacity_bytes = 4096, .record_alignment = 64, .participants = 4},
    {.kind = RingKind::call_group, .message_bytes = 1000, .participants = 3},
    {.kind = RingKind::call_group, .message_bytes = 48, .participants = 1025},
    {.kind = RingKind::call_group, .slot_count = 7, .message_bytes = 100, .participants = 5},
    {.kind = RingKind::call_group, .slot_count = 1023, .message_bytes = 48, .participants = 2},
    {.kind = RingKind::bells, .participants = 1},
    {.kind = RingKind::bells, .participants = 5},
    {.kind = RingKind::state, .slot_count = 3, .message_bytes = 100, .participants = 4},
    {.kind = RingKind::many_lossless, .slot_count = 8, .message_bytes = 3, .participants = 67},
    {.kind = RingKind::many_lossy, .slot_count = 8, .message_bytes = 3, .participants = 4},
};

Region attached(const Region& made, Access access = Access::read_write) {
  return Region::attach(FileDescriptor(::fcntl(made.fd(), F_DUPFD_CLOEXEC, 0)), access).value();
}

template <class Ring, class Memory>
void write_and_read(const Memory& ours, const Memory& theirs) {
  typename Ring::Writer writer(ours, 1);
  typename Ring::Reader reader(theirs, 2);
  for (unsigned char i = 0; i < 200; ++i) {
    const std::span<std::byte> room = writer.claim();
    ASSERT_FALSE(room.empty());
    std::fill(room.begin(), room.end(), std::byte{i});
    EXPECT_TRUE(writer.commit());
    const std::span<const std::byte> message = reader.peek();
    ASSERT_EQ(message.size(), ours.message_bytes);
    EXPECT_TRUE(std::all_of(message.begin(), message.end(),
                            [&](std::byte byte) { return byte == std::byte{i}; }));
    reader.release();
  }
}

TEST(RegionKindsTest, BothSidesSeeTheSameShape) {
  for (const RingShape& shape : kShapes) {
    const Region made = Region::create({.shape = shape}).value();
    const bool lossy = shape.kind == RingKind::broadcast_lossy || shape.kind == RingKind::state;
    const Region other = attached(made, lossy ? Access::read_only : Access::read_write);
    EXPECT_EQ(made.shape(), shape);
    EXPECT_EQ(other.shape(), shape);
    EXPECT_EQ(other.geometry(), made.geometry());
    EXPECT_EQ(other.mapped_bytes(), made.mapped_bytes());
  }
}

TEST(RegionKindsTest, QueueOfManyWorksBetweenTwoMappings) {
  const Region made = Region::create({.shape = kShapes[1]}).value();
  write_and_read<core::MpmcRing<>>(made.mpmc_memory(), attached(made).mpmc_memory());
}

TEST(RegionKindsTest, EveryLaneOfAFanInIsMappedTwice) {
  const Region made = Region::create({.shape = kShapes[4]}).value();
  const Region other = attached(made);
  const core::FanInMemory memory = made.fan_in_memory();
  ASSERT_EQ(memory.lane_count, 3U);
  for (std::uint32_t lane = 0; lane < 3; ++lane) {
    std::byte* const data = memory.ring(lane).data;
    std::fill_n(data, memory.capacity_bytes, std::byte(lane + 1));
    data[memory.capacity_bytes] = std::byte{0xaa};
  }
  for (std::uint32_t lane = 0; lane < 3; ++lane) {
    const std::byte* const data = other.fan_in_memory().ring(lane).data;
    EXPECT_EQ(data[0], std::byte{0xaa});
    EXPECT_EQ(data[1], std::byte(lane + 1));
    EXPECT_EQ(data[2 * memory.capacity_bytes - 1], std::byte(lane + 1));
  }
}

TEST(RegionKindsTest, AFanInIsMappedByOneCallMoreThanItHasLanes) {
  for (const std::uint32_t lanes : {0U, 1U, 2U, 64U}) {
    const memory::Images images{.region_bytes = 8192 + std::uint64_t{lanes} * 4096,
                                .head_bytes = 8192,
                                .lane_bytes = 4096,
                                .lanes = lanes};
    std::uint64_t end = 0;
    std::uint32_t calls = 0;
    EXPECT_TRUE(memory::for_each_piece(images, [&](auto where, auto bytes, auto) {
      EXPECT_EQ(where, end);
      end += bytes;
      ++calls;
      return true;
    }));
    EXPECT_EQ(end, images.mapped_bytes());
    EXPECT_EQ(calls, lanes + 1);
  }
}

TEST(RegionKindsTest, NoTwoPartsOverlap) {
  for (const RingShape& shape : kShapes) {
    const Region region = Region::create({.shape = shape}).value();
    const auto* const base = region.base();
    const core::Geometry& geometry = region.geometry();
    EXPECT_LE(geometry.control_offset + core::control_bytes(shape), geometry.data_offset);
    EXPECT_LE(geometry.data_offset + core::data_bytes(shape), geometry.region_bytes);
    if (shape.kind == RingKind::call_group) {
      const core::CallGroupMemory memory = region.call_group_memory();
      const auto* const end = reinterpret_cast<const std::byte*>(memory.lines + memory.lane_count);
      EXPECT_LE(end, base + geometry.data_offset);
      EXPECT_EQ(memory.buffers, region.data());
    }
    if (shape.kind == RingKind::many_lossless) {
      const core::ManyMemory memory = region.many_memory();
      EXPECT_LE(reinterpret_cast<const std::byte*>(memory.control + 1),
                base + geometry.data_offset);
      EXPECT_GE(reinterpret_cast<const std::byte*>(memory.control),
                reinterpret_cast<const std::byte*>(&region.participant(66) + 1));
    }
    if (shape.kind == RingKind::many_lossy) {
      EXPECT_LE(reinterpret_cast<const std::byte*>(region.mpmc_memory().control + 1),
                base + geometry.data_offset);
      EXPECT_EQ(region.mpmc_memory().slots, region.lossy_view().slots);
      EXPECT_EQ(region.mpmc_memory().slot_bytes, region.lossy_view().slot_bytes);
    }
    if (shape.kind == RingKind::broadcast_lossless) {
      EXPECT_LE(reinterpret_cast<const std::byte*>(region.lossless_memory().control + 1),
                base + geometry.data_offset);
    }
  }
}

TEST(RegionKindsTest, ReaderOfALossyRingCannotWriteToIt) {
  const Region made = Region::create({.shape = kShapes[3]}).value();
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, made.fd(), 0), MAP_FAILED);
  const char byte = 1;
  EXPECT_EQ(::pwrite(made.fd(), &byte, 1, 0), -1);
  const Result<Region> writable =
      Region::attach(FileDescriptor(::fcntl(made.fd(), F_DUPFD_CLOEXEC, 0)));
  ASSERT_FALSE(writable);
  EXPECT_EQ(code_of(writable), ErrorCode::permission);

  const Region view = attached(made, Access::read_only);
  EXPECT_EQ(::mprotect(view.base(), 4096, PROT_READ | PROT_WRITE), -1);
  core::BroadcastLossy<>::Writer writer(made.lossy_memory());
  core::BroadcastLossy<>::Reader reader(view.lossy_view());
  std::vector<std::byte> message(56, std::byte{7});
  writer.publish(message);
  std::vector<std::byte> got(56);
  EXPECT_TRUE(reader.receive(got));
  EXPECT_EQ(got, message);
}

TEST(RegionKindsTest, ShapesThatCannotBeAreRefused) {
  const auto refused = [](const RingShape& shape, const std::string& says) {
    const Result<Region> region = Region::create({.shape = shape});
    ASSERT_FALSE(region) << says;
    EXPECT_EQ(code_of(region), ErrorCode::invalid_argument);
    EXPECT_THAT(message_of(region), HasSubstr(says));
  };
  refused({.kind = RingKind::mpmc, .slot_count = 1, .message_bytes = 8}, "messages is 1");
  refused({.kind = RingKind::mpmc, .slot_count = 8, .message_bytes = 0}, "message_bytes is 0");
  refused({.kind = RingKind::mpmc, .slot_count = 8, .message_bytes = 8, .participants = 1},
          "participants is 1");
  refused({.kind = RingKind::mpmc, .slot_count = 8, .message_bytes = 8, .participants = 4097},
          "participants is 4097");
  refused({.kind = RingKind::fan_in,
           .capacity_bytes = 4096,
           .record_alignment = 8,
           .participants = 1026},
          "contributors is 1025");
  refused({.kind = RingKind::call_group, .message_bytes = 1U << 31U}, "message_bytes is");
  refused({.kind = RingKind::call_group, .slot_count = 1024, .message_bytes = 8},
          "tickets is 1024");
  refused(
      {.kind = RingKind::call_group, .slot_count = 1, .message_bytes = 8, .participants = 1 + 513},
      "tickets is 1");
  refused({.kind = RingKind::call_group, .slot_count = UINT64_MAX, .message_bytes = 8},
          "tickets is");
  refused({.kind = RingKind{11}}, "ring_kind is 11");
  for (const std::uint32_t publishers : {1U, 65U}) {
    refused({.kind = RingKind::many_lossless,
             .slot_count = 8,
             .message_bytes = 8,
             .participants = publishers + core::kMaxBroadcastReaders},
            "publishers is " + std::to_string(publishers));
    refused({.kind = RingKind::many_lossy,
             .slot_count = 8,
             .message_bytes = 8,
             .participants = publishers},
            "publishers is " + std::to_string(publishers));
  }
  refused({.kind = RingKind::state, .slot_count = 0, .message_bytes = 8, .participants = 1},
          "keys is 0");
  refused({.kind = RingKind::state, .slot_count = 65537, .message_bytes = 8, .participants = 1},
          "keys is 65537");
  refused({.kind = RingKind::state, .slot_count = 1, .message_bytes = 0, .participants = 1},
          "value_bytes is 0");
  refused({.kind = RingKind::state, .slot_count = 1, .message_bytes = 8, .participants = 1026},
          "readers_in_place is 1025");
  refused({.kind = RingKind::mpmc, .slot_count = 8, .message_bytes = 8, .payload_alignment = 128},
          "payload_alignment is 128");
  refused({.kind = RingKind::call_group, .message_bytes = 8, .payload_alignment = 16},
          "payload_alignment is 16");
}

TEST(RegionKindsTest, HeaderThatLiesAboutAShapeIsRefused) {
  const auto lie = [](const RingShape& shape, auto&& change) {
    FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    core::RegionHeader header{};
    header.magic = core::kRegionMagic;
    header.layout_version = core::kLayoutVersion;
    header.ring_kind = std::uint32_t(shape.kind);
    header.doorbell_kind = std::uint32_t(core::DoorbellKind::futex);
    header.geometry = core::geometry_of(shape, 4096);
    EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(header.geometry.region_bytes)), 0);
    change(header);
    EXPECT_EQ(::pwrite(file.get(), &header, sizeof header, 0), ssize_t{sizeof header});
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    return Region::attach(std::move(file));
  };
  // Refused, or another shape that the file holds just as well.
  const auto harmless = [&](const RingShape& shape, auto field, auto wrong) {
    const std::uint64_t file_bytes = core::geometry_of(shape, 4096).region_bytes;
    const Result<Region> region =
        lie(shape, [&](core::RegionHeader& header) { header.geometry.*field = wrong; });
    EXPECT_TRUE(!region || (region->geometry().region_bytes == file_bytes &&
                            region->geometry() == core::geometry_of(region->shape(), 4096) &&
                            region->geometry().*field == wrong));
    return bool(region);
  };
  int accepted = 0;
  int tried = 0;
  for (const RingShape& shape : kShapes) {
    EXPECT_TRUE(lie(shape, [](core::RegionHeader&) {}));
    for (const std::uint32_t wrong : {0U, 1U, 2U, 3U, 7U, 4096U, 0x7fffffffU, ~0U}) {
      for (const auto field :
           {&core::Geometry::message_bytes, &core::Geometry::participants,
            &core::Geometry::record_alignment, &core::Geometry::page_bytes,
            &core::Geometry::payload_alignment, &core::Geometry::user_header_bytes}) {
        accepted += harmless(shape, field, wrong) ? 1 : 0;
        ++tried;
      }
      for (const auto field : {&core::Geometry::region_bytes, &core::Geometry::control_offset,
                               &core::Geometry::data_offset, &core::Geometry::capacity_bytes,
                               &core::Geometry::slot_count}) {
        for (const std::uint64_t far : {std::uint64_t{wrong}, std::uint64_t{wrong} << 32U}) {
          accepted += harmless(shape, field, far) ? 1 : 0;
          ++tried;
        }
      }
    }
  }
  EXPECT_LT(accepted, tried / 4);
}

}  // namespace
}  // namespace ringbell
