/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel's side of one ring: from an RB_ATTACH to the last close of its open file.
 *
 * Invariants
 *   S1  The role's lock is held, and the state word says open, from before the ioctl returns until
 *       the session ends, however it ends.
 *   S2  The peer uses the session from its attach() until its detach() returns, and at no other
 *       time; both modules stay loaded meanwhile.
 *   S3  The end is in order: the peer stops, what it gave back is published, the state word says
 *       closed, the other side is rung, the lock is dropped.
 */
#ifndef RINGBELL_SESSION_H
#define RINGBELL_SESSION_H

#include <linux/wait.h>

#include "ioctl.h"
#include "memory.h"
#include "ring.h"

struct rb_peer;

struct rb_session {
	struct rb_memory *memory; /* a device's; or: */
	struct rb_memory own;
	u32 role;
	union {
		struct rb_writer writer;
		struct rb_reader reader;
	};
	struct file *lock; /* its open file description owns the role */

	/* NULL where the ring has no doorbell. */
	struct wait_queue_head *pollers; /* what the other side sleeps on */
	struct eventfd_ctx *rings;       /* or that */
	struct file *rung;               /* what this one does */
	struct wait_queue_head *rung_queue;
	struct wait_queue_entry on_rung;

	wait_queue_head_t sleepers;
	bool ends;

	struct rb_peer *peer;
	void *data;
	u64 argument;
};

/* What begins one. */
struct rb_start {
	struct rb_peer *peer; /* the caller's reference is taken over, if it succeeds */
	u32 role;
	u64 argument;
	struct file *file;        /* on which roles are locked; stays the caller's */
	struct rb_memory *memory; /* which outlives the session; NULL: what the file holds */
	s32 data_fd;
	s32 space_fd;
	struct wait_queue_head *pollers; /* NULL, or taken instead of eventfds, if both are -1 */
};

/* The session, or an errno (README.md). */
struct rb_session *rb_session_begin(const struct rb_start *start);
void rb_session_end(struct rb_session *session);

#endif
