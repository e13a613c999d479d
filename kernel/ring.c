// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The ends of an SpscRing; ring.h says more.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "compat.h"
#include "ring.h"
#include "ringbell.h"

static u64 rb_header_of(u64 position, u32 size_bytes)
{
	return RB_FIRST_STAMP + (position << RB_STAMP_SHIFT) + size_bytes;
}

/* Whether a word that stands there passes for a header; it may still have an impossible size. */
static bool rb_passes(u64 word, u64 position)
{
	return word - rb_header_of(position, 0) <= U32_MAX;
}

static bool rb_plausible(const struct rb_places *at, u64 word, u64 position)
{
	return word - rb_header_of(position, 0) <= at->max_record;
}

static u64 rb_footprint(const struct rb_places *at, u32 size_bytes)
{
	return ((u64)size_bytes + RB_HEADER_BYTES + at->align_mask) & ~at->align_mask;
}

static u64 *rb_header_at(const struct rb_places *at, u64 position)
{
	return (u64 *)(at->records + (position & at->mask));
}

static void *rb_payload_at(const struct rb_places *at, u64 position)
{
	return at->records + (position & at->mask) + RB_HEADER_BYTES;
}

static bool rb_aligned(const struct rb_places *at, u64 position)
{
	return (position & at->align_mask) == 0;
}

struct rb_places rb_places_of(const struct rb_geometry *geometry, void *control, void *data)
{
	const u64 largest = geometry->capacity_bytes - geometry->record_alignment - RB_HEADER_BYTES;

	return (struct rb_places){
		.control = control,
		.records = (u8 *)data + ((0 - RB_HEADER_BYTES) & (geometry->payload_alignment - 1)),
		.mask = geometry->capacity_bytes - 1,
		.align_mask = geometry->record_alignment - 1,
		.max_record = min_t(u64, largest, U32_MAX - 1),
	};
}

/*
 * K on the publishing side. This side always fences: the membarrier by which a process parks does
 * not run on the CPU of a kernel thread.
 */
void rb_ring(const struct rb_bell *bell)
{
	int tries = 4; /* an honest peer parks and unparks a few times; a hostile one for ever */
	u32 seen, found;

	if (!bell->ring && !bell->pollers)
		return;
	smp_mb(); /* K: C2', pairs with the barrier between K1 and K3 of the other side */
	for (seen = READ_ONCE(*bell->word); seen & RB_PARKED; seen = found) {
		if (tries-- == 0) {
			/* With the fence bit: the next park puts it right. */
			xchg(bell->word, RB_FENCE);
			break;
		}
		found = cmpxchg(bell->word, seen, seen & ~RB_PARKED);
		if (found == seen)
			break;
	}
	if (!(seen & RB_PARKED))
		return;
	if (bell->ring)
		rb_eventfd_signal(bell->ring);
	if (bell->pollers)
		wake_up_poll(bell->pollers, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
}

bool rb_has_record(const struct rb_places *at)
{
	const u64 head = READ_ONCE(at->control->head) & ~at->align_mask; /* R */

	return rb_passes(READ_ONCE(*rb_header_at(at, head)), head); /* R */
}

/* --- the writer ------------------------------------------------------------------------------ */

/* Record by record from the reader's position to the first word that is no header. */
static int rb_find_end(struct rb_writer *writer)
{
	const struct rb_places *at = &writer->at;
	unsigned int steps = 0;

	writer->position = writer->head_seen;
	for (;;) {
		const u64 word = READ_ONCE(*rb_header_at(at, writer->position)); /* R */

		if (!rb_passes(word, writer->position))
			return 0;
		if (!rb_plausible(at, word, writer->position))
			return -EUCLEAN;
		writer->position += rb_footprint(at, (u32)word);
		if (writer->position + RB_HEADER_BYTES - writer->head_seen > at->mask + 1)
			return -EUCLEAN; /* I2 */
		if (++steps % 1024 == 0)
			cond_resched();
	}
}

int rb_writer_start(struct rb_writer *writer, const struct rb_places *at,
		    const struct rb_bell *bell)
{
	*writer = (struct rb_writer){ .at = *at, .reader = *bell };
	writer->head_seen = smp_load_acquire(&at->control->head); /* F */
	return rb_aligned(at, writer->head_seen) ? rb_find_end(writer) : -EUCLEAN;
}

static bool rb_has_room(struct rb_writer *writer, u32 size_bytes)
{
	const struct rb_places *at = &writer->at;
	const u64 end = writer->position + rb_footprint(at, size_bytes) + RB_HEADER_BYTES; /* I2 */
	u64 head;

	if (end - writer->head_seen <= at->mask + 1)
		return true;
	head = smp_load_acquire(&at->control->head); /* F */
	/* Back, past what is visible, or not where a record can end. */
	if (head - writer->head_seen > writer->position - writer->head_seen ||
	    !rb_aligned(at, head))
		writer->corrupt = true;
	if (writer->corrupt)
		return false;
	writer->head_seen = head;
	return end - head <= at->mask + 1;
}

void *rb_writer_claim(struct rb_writer *writer, u32 size_bytes)
{
	writer->is_claimed = false;
	if (size_bytes > writer->at.max_record)
		return ERR_PTR(-EMSGSIZE);
	if (!rb_has_room(writer, size_bytes))
		return ERR_PTR(writer->corrupt ? -EUCLEAN : -EAGAIN);
	writer->is_claimed = true;
	writer->claimed = size_bytes;
	return rb_payload_at(&writer->at, writer->position);
}
EXPORT_SYMBOL_GPL(rb_writer_claim);

static int rb_writer_publish(struct rb_writer *writer, u32 size_bytes)
{
	const struct rb_places *at = &writer->at;
	const u64 position = writer->position;
	const u64 next = position + rb_footprint(at, size_bytes);
	u64 *word;

	if (!writer->is_claimed || size_bytes > writer->claimed)
		return -EINVAL;
	word = rb_header_at(at, next);
	if (rb_passes(READ_ONCE(*word), next)) /* C */
		WRITE_ONCE(*word, 0);          /* I1 */
	/* P: pairs with the acquire of a reader's peek. */
	smp_store_release(rb_header_at(at, position), rb_header_of(position, size_bytes));
	writer->position = next;
	writer->is_claimed = false;
	return 0;
}

int rb_writer_commit(struct rb_writer *writer, u32 size_bytes)
{
	const int err = rb_writer_publish(writer, size_bytes);

	if (!err)
		rb_ring(&writer->reader);
	return err;
}
EXPORT_SYMBOL_GPL(rb_writer_commit);

int rb_writer_commit_quietly(struct rb_writer *writer, u32 size_bytes)
{
	const int err = rb_writer_publish(writer, size_bytes);

	if (err)
		return err;
	smp_mb(); /* K, as in rb_ring() */
	return (READ_ONCE(*writer->reader.word) & RB_PARKED) != 0;
}
EXPORT_SYMBOL_GPL(rb_writer_commit_quietly);

void rb_writer_ring(struct rb_writer *writer)
{
	rb_ring(&writer->reader);
}
EXPORT_SYMBOL_GPL(rb_writer_ring);

void rb_writer_abort(struct rb_writer *writer)
{
	writer->is_claimed = false;
}
EXPORT_SYMBOL_GPL(rb_writer_abort);

u32 rb_writer_max_record(const struct rb_writer *writer)
{
	return writer->at.max_record;
}
EXPORT_SYMBOL_GPL(rb_writer_max_record);

bool rb_writer_ready(struct rb_writer *writer, u32 size_bytes)
{
	return rb_has_room(writer, size_bytes) || writer->corrupt;
}

/* --- the reader ------------------------------------------------------------------------------ */

int rb_reader_start(struct rb_reader *reader, const struct rb_places *at,
		    const struct rb_bell *bell)
{
	const u64 head = READ_ONCE(at->control->head); /* R */

	*reader = (struct rb_reader){
		.at = *at, .writer = *bell, .cursor = head, .behind = head, .published = head
	};
	return rb_aligned(at, head) ? 0 : -EUCLEAN;
}

void rb_reader_publish(struct rb_reader *reader)
{
	if (reader->published == reader->cursor)
		return;
	reader->published = reader->cursor;
	/* F: pairs with the acquire of a writer that looks for room. */
	smp_store_release(&reader->at.control->head, reader->cursor);
	rb_ring(&reader->writer);
}

const void *rb_reader_peek(struct rb_reader *reader, u32 *size_bytes)
{
	const struct rb_places *at = &reader->at;
	u64 word;

	if (reader->corrupt)
		return ERR_PTR(-EUCLEAN);
	word = smp_load_acquire(rb_header_at(at, reader->cursor)); /* P */
	if (!rb_plausible(at, word, reader->cursor)) {
		reader->behind = reader->cursor;
		reader->corrupt = rb_passes(word, reader->cursor);
		rb_reader_publish(reader);
		return ERR_PTR(reader->corrupt ? -EUCLEAN : -EAGAIN);
	}
	*size_bytes = (u32)word;
	reader->behind = reader->cursor + rb_footprint(at, *size_bytes);
	return rb_payload_at(at, reader->cursor);
}
EXPORT_SYMBOL_GPL(rb_reader_peek);

void rb_reader_release(struct rb_reader *reader)
{
	reader->cursor = reader->behind;
	if (reader->cursor - reader->published >= (reader->at.mask + 1) / RB_HEAD_PUBLICATIONS)
		rb_reader_publish(reader);
}
EXPORT_SYMBOL_GPL(rb_reader_release);

bool rb_reader_ready(struct rb_reader *reader)
{
	u32 size_bytes;

	return rb_reader_peek(reader, &size_bytes) != ERR_PTR(-EAGAIN);
}
