// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The kernel's side of one ring; session.h says more.
 */
#include <linux/atomic.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "compat.h"
#include "counters.h"
#include "peers.h"
#include "ringbell.h"
#include "session.h"

/* --- the role -------------------------------------------------------------------------------- */

/* One participant's byte, as fcntl(F_OFD_SETLK) would have it. */
static struct file_lock *rb_byte_of(struct file *file, u32 number, unsigned char type)
{
	struct file_lock *byte = locks_alloc_lock();

	if (!byte)
		return NULL;
	RB_LOCK_FIELD(byte, type) = type;
	RB_LOCK_FIELD(byte, flags) = FL_POSIX | FL_OFDLCK;
	RB_LOCK_FIELD(byte, owner) = file;
	RB_LOCK_FIELD(byte, file) = file;
	RB_LOCK_FIELD(byte, pid) = current->tgid;
	byte->fl_start = number;
	byte->fl_end = number;
	return byte;
}

static int rb_set_lock(struct file *file, u32 number, unsigned char type)
{
	struct file_lock *byte = rb_byte_of(file, number, type);
	int err;

	if (!byte)
		return -ENOMEM;
	err = posix_lock_file(file, byte, NULL);
	locks_free_lock(byte);
	return err == -EAGAIN ? -EBUSY : err;
}

/* Whether the other side lives. A doubt counts as life. */
static bool rb_other_is_held(const struct rb_session *session)
{
	struct file_lock *byte = rb_byte_of(session->lock, !session->role, F_WRLCK);
	bool held = true;

	if (byte) {
		posix_test_lock(session->lock, byte);
		held = RB_LOCK_FIELD(byte, type) != F_UNLCK;
		locks_free_lock(byte);
	}
	return held;
}

/* On an open file description of its own, as the library does. */
static int rb_take_role(struct rb_session *session, struct file *file)
{
	struct file *own = dentry_open(&file->f_path, O_RDWR | O_LARGEFILE, current_cred());
	int err;

	if (IS_ERR(own))
		return PTR_ERR(own);
	err = rb_set_lock(own, session->role, F_WRLCK);
	if (err)
		fput(own);
	else
		session->lock = own;
	return err;
}

static void rb_drop_role(struct rb_session *session)
{
	if (!session->lock)
		return;
	/* Not by fput(), which may be put off: another side can take the role at once. */
	rb_set_lock(session->lock, session->role, F_UNLCK);
	fput(session->lock);
}

/* --- the words of the control lines ---------------------------------------------------------- */

static u32 *rb_own_bell(const struct rb_session *session)
{
	struct rb_control *control = rb_memory_control(session->memory);

	return session->role == RB_ROLE_WRITER ? &control->space_bell : &control->data_bell;
}

static struct rb_bell rb_other_bell(const struct rb_session *session)
{
	struct rb_control *control = rb_memory_control(session->memory);
	const bool writes = session->role == RB_ROLE_WRITER;

	return (struct rb_bell){ .word = writes ? &control->data_bell : &control->space_bell,
				 .ring = session->rings,
				 .pollers = session->pollers };
}

static u32 *rb_state_of(const struct rb_session *session, u32 role)
{
	struct rb_control *control = rb_memory_control(session->memory);

	return role == RB_ROLE_WRITER ? &control->writer_state : &control->reader_state;
}

static void rb_say_pid(const struct rb_session *session)
{
	struct rb_control *control = rb_memory_control(session->memory);
	u32 *pid = session->role == RB_ROLE_WRITER ? &control->writer_pid : &control->reader_pid;

	WRITE_ONCE(*pid, 0); /* the kernel's */
}

/* --- bells ----------------------------------------------------------------------------------- */

static int rb_on_rung(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct rb_session *session = container_of(entry, struct rb_session, on_rung);

	wake_up(&session->sleepers);
	return 0;
}

struct rb_hook {
	poll_table table;
	struct rb_session *session;
};

static void rb_hook_on(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct rb_session *session = container_of(table, struct rb_hook, table)->session;

	session->rung_queue = queue;
	add_wait_queue(queue, &session->on_rung);
}

static int rb_take_bells(struct rb_session *session, const struct rb_start *start)
{
	const bool writes = session->role == RB_ROLE_WRITER;
	struct rb_hook hook = { .session = session };
	struct eventfd_ctx *rings;
	struct file *rung;

	if (start->pollers && start->data_fd == -1 && start->space_fd == -1) {
		session->pollers = start->pollers;
		return 0;
	}
	if (session->memory->doorbell_kind == RB_DOORBELL_NONE)
		return start->data_fd == -1 && start->space_fd == -1 ? 0 : -EINVAL;
	rings = eventfd_ctx_fdget(writes ? start->data_fd : start->space_fd);
	if (IS_ERR(rings))
		return PTR_ERR(rings);
	session->rings = rings;
	rung = eventfd_fget(writes ? start->space_fd : start->data_fd);
	if (IS_ERR(rung))
		return PTR_ERR(rung);
	session->rung = rung;
	init_waitqueue_func_entry(&session->on_rung, rb_on_rung);
	init_poll_funcptr(&hook.table, rb_hook_on);
	vfs_poll(rung, &hook.table);
	return 0;
}

static void rb_drop_bells(struct rb_session *session)
{
	if (session->rung_queue)
		remove_wait_queue(session->rung_queue, &session->on_rung);
	if (session->rung)
		fput(session->rung);
	if (session->rings)
		eventfd_ctx_put(session->rings);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* A peer that dies may have cleared the bit and not rung: look unasked now and then. */
static long rb_slice(const struct rb_session *session)
{
	return session->rung ? max(HZ / 10, 1) : 1;
}

static bool rb_other_is(const struct rb_session *session, u32 state)
{
	return smp_load_acquire(rb_state_of(session, !session->role)) == state; /* S */
}

static bool rb_ready(struct rb_session *session, u32 size_bytes)
{
	if (session->role == RB_ROLE_WRITER)
		return rb_writer_ready(&session->writer, size_bytes);
	return rb_reader_ready(&session->reader);
}

static bool rb_stirs(struct rb_session *session, u32 size_bytes)
{
	return rb_ready(session, size_bytes) || READ_ONCE(session->ends) ||
	       rb_other_is(session, RB_SIDE_CLOSED);
}

static int rb_outcome(struct rb_session *session, u32 size_bytes, long woke)
{
	/* Both before the last look. A side that closes says so before it lets go of its lock. */
	const bool gone = !woke && rb_other_is(session, RB_SIDE_OPEN) && !rb_other_is_held(session);
	const bool closed = rb_other_is(session, RB_SIDE_CLOSED);
	const bool corrupt =
		session->role == RB_ROLE_WRITER ? session->writer.corrupt : session->reader.corrupt;

	if (READ_ONCE(session->ends))
		return -ESHUTDOWN;
	if (rb_ready(session, size_bytes))
		return corrupt ? -EUCLEAN : 0;
	if (closed)
		return -EPIPE;
	if (gone)
		return -EOWNERDEAD;
	return woke < 0 ? -ERESTARTSYS : -EAGAIN;
}

static int rb_wait(struct rb_session *session, u32 size_bytes, long timeout)
{
	u32 *bell = rb_own_bell(session);
	int err = rb_outcome(session, size_bytes, 1);
	long slice, woke;

	while (err == -EAGAIN && timeout > 0) {
		slice = min(timeout, rb_slice(session));
		WRITE_ONCE(*bell, RB_PARKED | RB_FENCE); /* K1 */
		smp_mb();                                /* K2, pairs with C2' of the other side */
		woke = wait_event_interruptible_timeout(session->sleepers,
							rb_stirs(session, size_bytes), slice);
		WRITE_ONCE(*bell, RB_FENCE);
		if (timeout != MAX_SCHEDULE_TIMEOUT)
			timeout -= slice - max(woke, 0l);
		err = rb_outcome(session, size_bytes, woke);
	}
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

int rb_wait_space(struct rb_writer *writer, u32 size_bytes, long timeout)
{
	if (size_bytes > writer->at.max_record)
		return -EMSGSIZE;
	return rb_wait(container_of(writer, struct rb_session, writer), size_bytes, timeout);
}
EXPORT_SYMBOL_GPL(rb_wait_space);

int rb_wait_data(struct rb_reader *reader, long timeout)
{
	return rb_wait(container_of(reader, struct rb_session, reader), 0, timeout);
}
EXPORT_SYMBOL_GPL(rb_wait_data);

/* --- what peers see -------------------------------------------------------------------------- */

struct rb_writer *rb_session_writer(struct rb_session *session)
{
	return session->role == RB_ROLE_WRITER ? &session->writer : NULL;
}
EXPORT_SYMBOL_GPL(rb_session_writer);

struct rb_reader *rb_session_reader(struct rb_session *session)
{
	return session->role == RB_ROLE_READER ? &session->reader : NULL;
}
EXPORT_SYMBOL_GPL(rb_session_reader);

u64 rb_session_argument(const struct rb_session *session)
{
	return session->argument;
}
EXPORT_SYMBOL_GPL(rb_session_argument);

void rb_session_set_data(struct rb_session *session, void *data)
{
	session->data = data;
}
EXPORT_SYMBOL_GPL(rb_session_set_data);

void *rb_session_data(const struct rb_session *session)
{
	return session->data;
}
EXPORT_SYMBOL_GPL(rb_session_data);

/* --- begin and end --------------------------------------------------------------------------- */

static void rb_barrier_here(void *unused)
{
	smp_mb();
}

static int rb_take_up(struct rb_session *session)
{
	const struct rb_places at =
		rb_places_of(&session->memory->geometry, rb_memory_control(session->memory),
			     rb_memory_data(session->memory));
	const struct rb_bell bell = rb_other_bell(session);

	return session->role == RB_ROLE_WRITER ? rb_writer_start(&session->writer, &at, &bell) :
						 rb_reader_start(&session->reader, &at, &bell);
}

/* The ring is taken up and the role announced. */
static int rb_open_side(struct rb_session *session)
{
	const bool is_device = session->memory != &session->own;
	int err = rb_take_up(session);

	if (err && is_device) {
		/* Its ring begins anew, or no process could ever use it again. */
		rb_memory_clear(session->memory);
		err = rb_take_up(session);
	}
	if (err)
		return err;
	if (is_device) {
		rb_memory_write_header(session->memory);
		/* The process that starts this will come, whatever the last one said. */
		if (!rb_other_is_held(session))
			cmpxchg(rb_state_of(session, !session->role), RB_SIDE_CLOSED,
				RB_SIDE_ABSENT);
	}
	/*
	 * The fence bit for good: no membarrier is to be had here. One last heavy barrier, so that
	 * no publisher that has not seen it is under way when this side first parks.
	 */
	WRITE_ONCE(*rb_own_bell(session), RB_FENCE);
	on_each_cpu(rb_barrier_here, NULL, 1);
	rb_say_pid(session);
	/* S: a side that sees the other one closed sees its last commit. */
	smp_store_release(rb_state_of(session, session->role), RB_SIDE_OPEN);
	return 0;
}

static void rb_close_side(struct rb_session *session)
{
	const struct rb_bell bell = rb_other_bell(session);

	if (session->role == RB_ROLE_READER)
		rb_reader_publish(&session->reader);
	smp_store_release(rb_state_of(session, session->role), RB_SIDE_CLOSED); /* S */
	rb_ring(&bell);
}

/* All but the peer. */
static void rb_let_go(struct rb_session *session)
{
	rb_drop_role(session);
	rb_drop_bells(session);
	rb_memory_release(&session->own);
	kfree(session);
	atomic_long_dec(&rb_sessions);
}

static int rb_begin_on(struct rb_session *session, const struct rb_start *start)
{
	int err = start->memory ? 0 : rb_memory_attach(&session->own, start->file);

	if (!err)
		err = rb_take_bells(session, start);
	if (!err)
		err = rb_take_role(session, start->file);
	if (!err)
		err = rb_open_side(session);
	if (err)
		return err;
	err = session->peer->attach(session);
	if (err)
		rb_close_side(session);
	return err;
}

struct rb_session *rb_session_begin(const struct rb_start *start)
{
	struct rb_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	int err;

	if (!session)
		return ERR_PTR(-ENOMEM);
	atomic_long_inc(&rb_sessions);
	session->memory = start->memory ? start->memory : &session->own;
	session->role = start->role;
	session->argument = start->argument;
	session->peer = start->peer;
	init_waitqueue_head(&session->sleepers);
	err = rb_begin_on(session, start);
	if (err) {
		rb_let_go(session);
		return ERR_PTR(err);
	}
	return session;
}

void rb_session_end(struct rb_session *session)
{
	struct rb_peer *peer = session->peer;

	WRITE_ONCE(session->ends, true);
	wake_up_all(&session->sleepers);
	peer->detach(session);
	rb_close_side(session);
	rb_let_go(session);
	rb_peer_put(peer);
}
