/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a region with an SpscRing holds, as far as the module speaks it: layout 3 of
 * core/layout.hpp, which says what each field means. No header of the library is included; a test
 * (tests/kernel/layout_test.cpp) holds each size, offset and number against the library's.
 */
#ifndef RINGBELL_LAYOUT_H
#define RINGBELL_LAYOUT_H

#include <linux/types.h>

#define RB_MAGIC "ringbell" /* 8 bytes, no NUL */
#define RB_LAYOUT_VERSION 3u

#define RB_KIND_SPSC 1u

#define RB_DOORBELL_NONE 1u
#define RB_DOORBELL_FUTEX 2u
#define RB_DOORBELL_EVENTFD 3u

#define RB_BACKING_MEMFD 0u
#define RB_BACKING_DEVICE 5u
#define RB_BACKING_DEVICE_UNMIRRORED 6u

#define RB_HUGE_PAGE_BYTES (2u * 1024 * 1024)
#define RB_SMALLEST_CAPACITY 4096u
#define RB_LARGEST_CAPACITY (1ull << 40)
#define RB_LARGEST_ALIGNMENT 64u

struct rb_geometry {
	__u64 region_bytes;
	__u64 control_offset;
	__u64 data_offset;
	__u64 capacity_bytes;
	__u64 slot_count;
	__u32 record_alignment;
	__u32 page_bytes;
	__u32 message_bytes;
	__u32 participants;
	__u32 payload_alignment;
	__u32 user_header_bytes;
};

/* All 0 until it is used. */
struct rb_type_record {
	__u8 name[112];
	__u32 size_bytes;
	__u32 alignment;
	__u64 version;
};

/* The first bytes of a region, stored by its creator. */
struct rb_region_header {
	__u8 magic[8];
	__u32 layout_version;
	__u32 ring_kind;
	struct rb_geometry geometry;
	__u32 doorbell_kind;
	__u32 creator_pid;
	__u64 created_unix_ns;
	__u32 backing;
	__u32 backing_number;
	struct rb_type_record type;
};

#define RB_SIDE_ABSENT 0u
#define RB_SIDE_OPEN 1u
#define RB_SIDE_CLOSED 2u

/* Of a bell word (core/parking.hpp). */
#define RB_PARKED 1u
#define RB_FENCE 2u

/* The control lines: 128 bytes between what different sides store. */
struct rb_control {
	/* Stored by the reader. */
	__u64 head;
	__u32 reader_state;
	__u32 reader_pid;
	__u8 padding_0[112];
	/* Stored by the writer. */
	__u32 writer_state;
	__u32 writer_pid;
	__u64 intent_position;
	__u64 intent_tag;
	__u8 padding_1[104];
	/* Where the reader sleeps until there is something to read. */
	__u32 data_bell;
	__u8 padding_2[124];
	/* Where the writer sleeps until there is room. */
	__u32 space_bell;
	__u8 padding_3[124];
};

/* A record's header: its size and the stamp of its position (core/spsc_memory.hpp). */
#define RB_HEADER_BYTES 8u
#define RB_STAMP_SHIFT 30
#define RB_FIRST_STAMP (1ull << 32)
/* The reader publishes its head at least each time it gave back this part of the ring. */
#define RB_HEAD_PUBLICATIONS 8u

#endif
