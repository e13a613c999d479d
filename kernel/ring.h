/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The ends of an SpscRing, on memory that was checked and mapped (memory.h).
 *
 * core/spsc_ring.hpp has the picture, the invariants (I1..I4) and the edges (P, F, C, R),
 * core/parking.hpp those of the bells (K). Here as there: what is read from shared memory is read
 * once and checked against the private copy; loops are bounded by the capacity.
 */
#ifndef RINGBELL_RING_H
#define RINGBELL_RING_H

#include <linux/types.h>

#include "layout.h"

struct eventfd_ctx;
struct wait_queue_head;

/* The private geometry, and where things are. */
struct rb_places {
	struct rb_control *control;
	u8 *records; /* so far behind the start of the data that payloads are aligned */
	u64 mask;
	u64 align_mask;
	u32 max_record;
};

/* How the other side is woken: by an eventfd, in poll(), or not at all: it never sleeps. */
struct rb_bell {
	u32 *word;
	struct eventfd_ctx *ring;        /* or NULL */
	struct wait_queue_head *pollers; /* or NULL */
};

struct rb_writer {
	struct rb_places at;
	struct rb_bell reader;
	u64 position;  /* the next claim starts here */
	u64 head_seen; /* the reader's position as last read */
	u32 claimed;
	bool is_claimed;
	bool corrupt;
};

struct rb_reader {
	struct rb_places at;
	struct rb_bell writer;
	u64 cursor;    /* the next record to peek */
	u64 behind;    /* and the end of it, if it was peeked; else the same */
	u64 published; /* what control->head says */
	bool corrupt;
};

/* REQUIRES: the geometry is checked; behind `data` its mirror image. */
struct rb_places rb_places_of(const struct rb_geometry *geometry, void *control, void *data);

/*
 * Take a ring up where the side before left it. May sleep. -EUCLEAN: what it left cannot be.
 * REQUIRES: the role is held.
 */
int rb_writer_start(struct rb_writer *writer, const struct rb_places *at,
		    const struct rb_bell *bell);
int rb_reader_start(struct rb_reader *reader, const struct rb_places *at,
		    const struct rb_bell *bell);

/* Whether a claim would find room or say why it never will; whether a peek would. */
bool rb_writer_ready(struct rb_writer *writer, u32 size_bytes);
bool rb_reader_ready(struct rb_reader *reader);

/* Whether a record stands at the published head; anything, if the head cannot be. */
bool rb_has_record(const struct rb_places *at);

void rb_reader_publish(struct rb_reader *reader);

/* C2 and C3 of core/parking.hpp: after a store that the other side may sleep for. */
void rb_ring(const struct rb_bell *bell);

#endif
