// The modules' own layout header says what core's does.
#include <cstddef>

#include <gtest/gtest.h>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/core/ring_shape.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/ringbell.hpp>

#include <kernel/ioctl.h>
#include <kernel/layout.h>

namespace ringbell {
namespace {

using core::Geometry;
using core::RegionHeader;
using core::SpscControl;
using core::TypeRecord;

// NOLINTBEGIN(cppcoreguidelines-macro-usage): offsetof takes names
#define EXPECT_SAME_PLACE(theirs, their_field, ours, our_field)               \
  static_assert(offsetof(theirs, their_field) == offsetof(ours, our_field) && \
                sizeof(theirs::their_field) == sizeof(ours::our_field))
#define EXPECT_SAME_FIELD(theirs, ours, field) EXPECT_SAME_PLACE(theirs, field, ours, field)
// NOLINTEND(cppcoreguidelines-macro-usage)

static_assert(sizeof(rb_geometry) == sizeof(Geometry));
EXPECT_SAME_FIELD(rb_geometry, Geometry, region_bytes);
EXPECT_SAME_FIELD(rb_geometry, Geometry, control_offset);
EXPECT_SAME_FIELD(rb_geometry, Geometry, data_offset);
EXPECT_SAME_FIELD(rb_geometry, Geometry, capacity_bytes);
EXPECT_SAME_FIELD(rb_geometry, Geometry, slot_count);
EXPECT_SAME_FIELD(rb_geometry, Geometry, record_alignment);
EXPECT_SAME_FIELD(rb_geometry, Geometry, page_bytes);
EXPECT_SAME_FIELD(rb_geometry, Geometry, message_bytes);
EXPECT_SAME_FIELD(rb_geometry, Geometry, participants);
EXPECT_SAME_FIELD(rb_geometry, Geometry, payload_alignment);
EXPECT_SAME_FIELD(rb_geometry, Geometry, user_header_bytes);

static_assert(sizeof(rb_type_record) == sizeof(TypeRecord));
EXPECT_SAME_FIELD(rb_type_record, TypeRecord, name);
EXPECT_SAME_FIELD(rb_type_record, TypeRecord, size_bytes);
EXPECT_SAME_FIELD(rb_type_record, TypeRecord, alignment);
EXPECT_SAME_FIELD(rb_type_record, TypeRecord, version);

static_assert(sizeof(rb_region_header) == sizeof(RegionHeader));
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, magic);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, layout_version);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, ring_kind);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, geometry);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, doorbell_kind);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, creator_pid);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, created_unix_ns);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, backing);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, backing_number);
EXPECT_SAME_FIELD(rb_region_header, RegionHeader, type);

static_assert(sizeof(rb_control) == sizeof(SpscControl));
EXPECT_SAME_FIELD(rb_control, SpscControl, head);
EXPECT_SAME_FIELD(rb_control, SpscControl, reader_state);
EXPECT_SAME_FIELD(rb_control, SpscControl, reader_pid);
EXPECT_SAME_FIELD(rb_control, SpscControl, writer_state);
EXPECT_SAME_FIELD(rb_control, SpscControl, writer_pid);
EXPECT_SAME_PLACE(rb_control, intent_position, SpscControl, intent.position);
EXPECT_SAME_PLACE(rb_control, intent_tag, SpscControl, intent.tag);
EXPECT_SAME_PLACE(rb_control, data_bell, SpscControl, data_bell.word);
EXPECT_SAME_PLACE(rb_control, space_bell, SpscControl, space_bell.word);

static_assert(RB_LAYOUT_VERSION == core::kLayoutVersion);
static_assert(RB_KIND_SPSC == std::uint32_t(core::RingKind::spsc));
static_assert(RB_DOORBELL_NONE == std::uint32_t(core::DoorbellKind::none));
static_assert(RB_DOORBELL_FUTEX == std::uint32_t(core::DoorbellKind::futex));
static_assert(RB_DOORBELL_EVENTFD == std::uint32_t(core::DoorbellKind::eventfd));
static_assert(RB_BACKING_MEMFD == std::uint32_t(Backing::memfd));
static_assert(RB_BACKING_DEVICE == std::uint32_t(Backing::device));
static_assert(RB_BACKING_DEVICE_UNMIRRORED == std::uint32_t(Backing::device_unmirrored));
static_assert(RB_HUGE_PAGE_BYTES == memory::kHugePage);
static_assert(RB_SMALLEST_CAPACITY == core::kSmallestCapacity);
static_assert(RB_LARGEST_CAPACITY == core::kLargestCapacity);
static_assert(core::is_alignment(RB_LARGEST_ALIGNMENT) &&
              !core::is_alignment(2 * RB_LARGEST_ALIGNMENT));
static_assert(RB_SIDE_ABSENT == std::uint32_t(core::SideState::absent));
static_assert(RB_SIDE_OPEN == std::uint32_t(core::SideState::open));
static_assert(RB_SIDE_CLOSED == std::uint32_t(core::SideState::closed));
static_assert(RB_PARKED == core::Parking<>::kParked);
static_assert(RB_FENCE == core::Parking<>::kFence);
static_assert(RB_HEADER_BYTES == core::kRecordHeaderBytes);
static_assert(RB_HEAD_PUBLICATIONS == core::SpscRing<>::kHeadPublications);
static_assert(RB_ROLE_WRITER == std::uint32_t(Role::writer));
static_assert(RB_ROLE_READER == std::uint32_t(Role::reader));
static_assert(sizeof(rb_attach) == 64 && offsetof(rb_attach, peer) == 32);

TEST(KernelLayoutTest, MagicIsTheLibrarys) {
  EXPECT_EQ(std::string_view(RB_MAGIC),
            std::string_view(core::kRegionMagic.data(), core::kRegionMagic.size()));
}

TEST(KernelLayoutTest, StampOfAHeaderIsTheLibrarys) {
  for (const std::uint64_t position : {0UL, 8UL, 4096UL, 0x123456789ab8UL}) {
    EXPECT_EQ(RB_FIRST_STAMP + (position << RB_STAMP_SHIFT) + 17,
              core::SpscPlaces::header_of(position, 17));
  }
}

}  // namespace
}  // namespace ringbell
