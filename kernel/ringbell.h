/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * ringbell inside the kernel: a module that reads or writes a ring which a process shares with it.
 *
 *   a module                      ringbell.ko                      a process
 *   rb_peer_register(&peer)
 *   peer.attach(session)    <--   ioctl RB_ATTACH            <--   its region, its eventfds
 *   rb_writer_claim/commit  <---------- the ring ------------->    peek/release
 *   peer.detach(session)    <--   close, or death            <--
 *
 * One writer and one reader for each ring; each of the two calls of a side from one context at a
 * time, which the peer sees to. claim, commit, abort, peek and release never sleep and take no
 * lock but that of an eventfd: any context but NMI, and not below a run queue's lock (ring from
 * irq_work there). The waits are for threads.
 *
 * The other side may be wrong or hostile. It can make the ring useless (-EUCLEAN) and change the
 * bytes of a record while they are read; nothing more.
 */
#ifndef RINGBELL_H
#define RINGBELL_H

#include <linux/list.h>
#include <linux/types.h>

#include "ioctl.h"

struct module;
struct rb_reader;
struct rb_session;
struct rb_writer;

/* What plays the kernel's side of a ring. Stays where it is while it is registered. */
struct rb_peer {
	const char *name;
	struct module *owner; /* cannot be unloaded while a session lasts */
	/*
	 * A process has attached; the role is held. May sleep. What fails is the ioctl's errno, and
	 * detach() is not called.
	 */
	int (*attach)(struct rb_session *session);
	/* The session ends: when this returns, nothing of the peer uses it any more. May sleep. */
	void (*detach)(struct rb_session *session);
	struct list_head list; /* ringbell's */
};

/* -EEXIST: the name is taken; -EINVAL: no name, one of 32 bytes or more, no attach or detach. */
int rb_peer_register(struct rb_peer *peer);
/* REQUIRES: it is registered. From a module's exit no session can be there. */
void rb_peer_unregister(struct rb_peer *peer);

/*
 * A ring in memory of the module's own: /dev/ringbellN. A process maps it, and attaches with
 * RB_DEVICE_START; one session at a time.
 */
struct rb_device_options {
	struct rb_peer *peer; /* need not be registered */
	u32 role;             /* the kernel's */
	u64 argument;
	u64 capacity_bytes;    /* a power of two, whole pages */
	u32 record_alignment;  /* 8, 16, 32 or 64 */
	u32 payload_alignment; /* 8 up to that */
	bool contiguous; /* in physical memory, and mapped by remap_pfn_range(), all at once */
};

struct rb_device;

/* The device is there when it returns. -EINVAL, -EFBIG (max_bytes), -ENOMEM, -ENOSPC. */
struct rb_device *rb_device_create(const struct rb_device_options *options);
/*
 * No process can attach any more; one that has it open keeps the memory until it closes it.
 * REQUIRES: no session is there, which is so in the exit of the peer's owner.
 */
void rb_device_destroy(struct rb_device *device);
const char *rb_device_name(const struct rb_device *device);
/* Where the data stands, for a DMA engine that fills it. 0: it is not contiguous. */
phys_addr_t rb_device_data_address(const struct rb_device *device);

/* The end that the session has; NULL if it is the other one. */
struct rb_writer *rb_session_writer(struct rb_session *session);
struct rb_reader *rb_session_reader(struct rb_session *session);
/* rb_attach.argument. */
u64 rb_session_argument(const struct rb_session *session);
/* A word of the peer's own. */
void rb_session_set_data(struct rb_session *session, void *data);
void *rb_session_data(const struct rb_session *session);

/*
 * Room for one record, contiguous, not initialised, aligned as the ring says. The reader sees
 * nothing before the commit. Claiming again forgets the first claim.
 * -EAGAIN: not now, the reader is behind; -EMSGSIZE: no record of the ring is that large;
 * -EUCLEAN: the reader stored what no reader stores.
 */
void *rb_writer_claim(struct rb_writer *writer, u32 size_bytes);
/*
 * Makes it visible, as long as claimed or shorter, and wakes the reader. -EINVAL: nothing is
 * claimed, or less than that.
 */
int rb_writer_commit(struct rb_writer *writer, u32 size_bytes);
/*
 * As rb_writer_commit(), but wakes no process, for a context in which none can be woken: 1 if one
 * must be, by rb_writer_ring() from another; else 0.
 */
int rb_writer_commit_quietly(struct rb_writer *writer, u32 size_bytes);
void rb_writer_ring(struct rb_writer *writer);
/* Forgets the claim. */
void rb_writer_abort(struct rb_writer *writer);
u32 rb_writer_max_record(const struct rb_writer *writer);

/*
 * The next record, in place: the same until it is released. The process can change the bytes
 * meanwhile: copy what must not change after a check.
 * -EAGAIN: nothing is there; -EUCLEAN: the writer stored what no writer stores.
 */
const void *rb_reader_peek(struct rb_reader *reader, u32 *size_bytes);
/* Gives the peeked record back. Nothing happens if none was peeked. */
void rb_reader_release(struct rb_reader *reader);

/*
 * Wait until a claim of this size finds room, until a record is there. 0, or -ETIMEDOUT after
 * `timeout` jiffies (MAX_SCHEDULE_TIMEOUT: never); -EPIPE: the other side closed in order;
 * -EOWNERDEAD: it died; -ESHUTDOWN: the session ends; -EMSGSIZE, -EUCLEAN as above; -ERESTARTSYS.
 */
int rb_wait_space(struct rb_writer *writer, u32 size_bytes, long timeout);
int rb_wait_data(struct rb_reader *reader, long timeout);

#endif
