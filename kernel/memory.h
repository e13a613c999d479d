/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A region's pages, as the module has them: checked, held, mapped with the data twice.
 *
 *   pages:    | header | control | data ...... |
 *   mapping:  | header | control | data ...... | data again ...... |
 */
#ifndef RINGBELL_MEMORY_H
#define RINGBELL_MEMORY_H

#include <linux/types.h>

#include "layout.h"

struct file;
struct mm_struct;
struct page;

struct rb_memory {
	struct rb_geometry geometry; /* copied and checked; never read from the pages again */
	u32 doorbell_kind;
	struct page **pages;      /* those of the data stand there twice */
	unsigned long page_count; /* each counted once */
	void *base;
	/* Whose limit of locked memory the pages count against; NULL: they are this module's. */
	struct mm_struct *mm;
};

/*
 * A process's memfd. Holds its pages until rb_memory_release(). -EACCES: not open for reading and
 * writing; -EINVAL: no file of a tmpfs; -EOPNOTSUPP: of huge pages, or a region that the kernel
 * cannot be a side of; -EPERM: it can shrink, grow or be sealed further, or must not be written;
 * -EBADMSG: no region, or one whose geometry cannot be; -EPROTONOSUPPORT: of another layout, or
 * with parts in use that this module does not know; -EFBIG: more than max_bytes; -ENOMEM.
 */
int rb_memory_attach(struct rb_memory *memory, struct file *file);
/*
 * Pages of this module's own, zeroed, without a header. `contiguous`: one behind the other in
 * physical memory. -EINVAL: no such ring; -EFBIG; -ENOMEM.
 */
int rb_memory_create(struct rb_memory *memory, const struct rb_geometry *geometry, bool contiguous);
/* What each session begins with: the header anew, whatever a process left there. */
void rb_memory_write_header(const struct rb_memory *memory);
/* As after rb_memory_create(). REQUIRES: the kernel's side does not use it. */
void rb_memory_clear(const struct rb_memory *memory);
void rb_memory_release(struct rb_memory *memory);

void *rb_memory_control(const struct rb_memory *memory);
void *rb_memory_data(const struct rb_memory *memory);

#endif
