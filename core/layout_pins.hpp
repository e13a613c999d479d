// Where every field of layout.hpp stands: an assert on each size and each offset. A change of one
// is a new kLayoutVersion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ringbell/core/layout.hpp>

namespace ringbell::core {

static_assert(std::is_standard_layout_v<Geometry> && std::is_trivially_copyable_v<Geometry>);
static_assert(sizeof(Geometry) == 64 && alignof(Geometry) == 8);
static_assert(offsetof(Geometry, region_bytes) == 0);
static_assert(offsetof(Geometry, control_offset) == 8);
static_assert(offsetof(Geometry, data_offset) == 16);
static_assert(offsetof(Geometry, capacity_bytes) == 24);
static_assert(offsetof(Geometry, slot_count) == 32);
static_assert(offsetof(Geometry, record_alignment) == 40);
static_assert(offsetof(Geometry, page_bytes) == 44);
static_assert(offsetof(Geometry, message_bytes) == 48);
static_assert(offsetof(Geometry, participants) == 52);
static_assert(offsetof(Geometry, payload_alignment) == 56);
static_assert(offsetof(Geometry, user_header_bytes) == 60);

static_assert(std::is_standard_layout_v<TypeRecord> && std::is_trivially_copyable_v<TypeRecord>);
static_assert(sizeof(TypeRecord) == 128 && alignof(TypeRecord) == 8);
static_assert(offsetof(TypeRecord, name) == 0);
static_assert(offsetof(TypeRecord, size_bytes) == 112);
static_assert(offsetof(TypeRecord, alignment) == 116);
static_assert(offsetof(TypeRecord, version) == 120);

static_assert(std::is_standard_layout_v<RegionHeader> &&
              std::is_trivially_copyable_v<RegionHeader>);
static_assert(sizeof(RegionHeader) == 232 && alignof(RegionHeader) == 8);
static_assert(offsetof(RegionHeader, magic) == 0);
static_assert(offsetof(RegionHeader, layout_version) == 8);
static_assert(offsetof(RegionHeader, ring_kind) == 12);
static_assert(offsetof(RegionHeader, geometry) == 16);
static_assert(offsetof(RegionHeader, doorbell_kind) == 80);
static_assert(offsetof(RegionHeader, creator_pid) == 84);
static_assert(offsetof(RegionHeader, created_unix_ns) == 88);
static_assert(offsetof(RegionHeader, backing) == 96);
static_assert(offsetof(RegionHeader, backing_number) == 100);
static_assert(offsetof(RegionHeader, type) == 104);

static_assert(std::is_standard_layout_v<PowerMark> && sizeof(PowerMark) == 24);
static_assert(offsetof(PowerMark, boot_id) == 0 && offsetof(PowerMark, unclean) == 16);
static_assert(offsetof(PowerMark, seals) == 20 && kPowerMarkOffset >= sizeof(RegionHeader));
static_assert(std::is_standard_layout_v<RecordSeal> && sizeof(RecordSeal) == sizeof(UserHeader));
static_assert(offsetof(RecordSeal, position) == 0 && offsetof(RecordSeal, crc32c) == 8);
static_assert(offsetof(RecordSeal, size_bytes) == 12);

static_assert(std::is_standard_layout_v<BellLine> && sizeof(BellLine) == kFalseSharingBytes);
static_assert(offsetof(BellLine, word) == 0);

static_assert(std::is_standard_layout_v<GroupBells> && sizeof(GroupBells) == 256);
static_assert(offsetof(GroupBells, data_bell) == 0 && offsetof(GroupBells, space_bell) == 128);

static_assert(std::is_standard_layout_v<ParticipantLine>);
static_assert(sizeof(ParticipantLine) == kFalseSharingBytes);
static_assert(offsetof(ParticipantLine, bell) == 0 && offsetof(ParticipantLine, state) == 4);
static_assert(offsetof(ParticipantLine, pid) == 8 && offsetof(ParticipantLine, role) == 12);
static_assert(offsetof(ParticipantLine, pin) == 16);

static_assert(std::is_standard_layout_v<WriterIntent> && sizeof(WriterIntent) == 16);
static_assert(offsetof(WriterIntent, position) == 0 && offsetof(WriterIntent, tag) == 8);

static_assert(std::is_standard_layout_v<UserHeader> && sizeof(UserHeader) == 16);
static_assert(offsetof(UserHeader, time_ns) == 0 && offsetof(UserHeader, source) == 8);
static_assert(offsetof(UserHeader, sequence) == 12);
static_assert(sizeof(RecordHeader) == 8 && sizeof(UserHeader) % sizeof(RecordHeader) == 0);

static_assert(std::is_standard_layout_v<SpscControl>);
static_assert(sizeof(SpscControl) == 4 * kFalseSharingBytes);
static_assert(alignof(SpscControl) == kFalseSharingBytes);
static_assert(offsetof(SpscControl, head) == 0);
static_assert(offsetof(SpscControl, reader_state) == 8);
static_assert(offsetof(SpscControl, reader_pid) == 12);
static_assert(offsetof(SpscControl, writer_state) == 128);
static_assert(offsetof(SpscControl, writer_pid) == 132);
static_assert(offsetof(SpscControl, intent) == 136);
static_assert(offsetof(SpscControl, data_bell) == 256);
static_assert(offsetof(SpscControl, space_bell) == 384);

static_assert(std::is_standard_layout_v<MpmcControl>);
static_assert(sizeof(MpmcControl) == 3 * kFalseSharingBytes);
static_assert(alignof(MpmcControl) == kFalseSharingBytes);
static_assert(offsetof(MpmcControl, tail_hint) == 0);
static_assert(offsetof(MpmcControl, head_hint) == 128);
static_assert(offsetof(MpmcControl, returned) == 256);
static_assert(offsetof(MpmcControl, skipped) == 264);
static_assert(offsetof(MpmcControl, asked) == 272);

static_assert(std::is_standard_layout_v<BroadcastCell>);
static_assert(sizeof(BroadcastCell) == kFalseSharingBytes);
static_assert(offsetof(BroadcastCell, state) == 0);

static_assert(std::is_standard_layout_v<BroadcastControl>);
static_assert(sizeof(BroadcastControl) == (1 + kMaxBroadcastReaders) * kFalseSharingBytes);
static_assert(alignof(BroadcastControl) == kFalseSharingBytes);
static_assert(offsetof(BroadcastControl, limit) == 0);
static_assert(offsetof(BroadcastControl, readers) == 128);

static_assert(std::is_standard_layout_v<ManyControl>);
static_assert(sizeof(ManyControl) == sizeof(MpmcControl) + sizeof(BroadcastControl));
static_assert(alignof(ManyControl) == kFalseSharingBytes);
static_assert(offsetof(ManyControl, claims) == 0);
static_assert(offsetof(ManyControl, readers) == 384);

static_assert(std::is_standard_layout_v<ReadyLine>);
static_assert(sizeof(ReadyLine) == kFalseSharingBytes);
static_assert(offsetof(ReadyLine, bits) == 0);

static_assert(std::is_standard_layout_v<ReadyControl>);
static_assert(sizeof(ReadyControl) == 16 * kFalseSharingBytes);
static_assert(alignof(ReadyControl) == kFalseSharingBytes);
static_assert(offsetof(ReadyControl, ready) == 0);

static_assert(std::is_standard_layout_v<FanInLaneControl>);
static_assert(sizeof(FanInLaneControl) == 5 * kFalseSharingBytes);
static_assert(alignof(FanInLaneControl) == kFalseSharingBytes);
static_assert(offsetof(FanInLaneControl, ring) == 0);
static_assert(offsetof(FanInLaneControl, quiet) == 512);

static_assert(std::is_standard_layout_v<CallCell>);
static_assert(sizeof(CallCell) == kFalseSharingBytes && alignof(CallCell) == kFalseSharingBytes);
static_assert(offsetof(CallCell, state) == 0 && offsetof(CallCell, payload) == 8);

static_assert(std::is_standard_layout_v<CallGroupLine>);
static_assert(sizeof(CallGroupLine) == 2 * kFalseSharingBytes);
static_assert(alignof(CallGroupLine) == kFalseSharingBytes);
static_assert(offsetof(CallGroupLine, cell) == 0 && offsetof(CallGroupLine, quiet) == 128);

static_assert(std::is_standard_layout_v<StateHead> && std::is_standard_layout_v<StateBuffer>);
static_assert(sizeof(StateHead) == kFalseSharingBytes && offsetof(StateHead, newest) == 0);
static_assert(sizeof(StateBuffer) == 64 && alignof(StateBuffer) == 64);
static_assert(offsetof(StateBuffer, version) == 0 && offsetof(StateBuffer, size_bytes) == 8);

static_assert(__atomic_always_lock_free(sizeof(std::uint32_t), nullptr));
static_assert(__atomic_always_lock_free(sizeof(std::uint64_t), nullptr));

}  // namespace ringbell::core
