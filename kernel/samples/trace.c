// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A source below a run queue's lock: the peer "trace" writes a record for each sched_switch.
 *
 * There no process can be woken, which takes that lock: records are committed quietly, and the
 * reader is rung from irq_work if it sleeps.
 */
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/version.h>

#include <ringbell.h>

#include "records.h"

/* One session at a time: all CPUs write to its ring, one after the other. */
static DEFINE_MUTEX(session_lock);
static DEFINE_RAW_SPINLOCK(writer_lock);
static struct rb_writer *writer;
static u32 lost;
static struct tracepoint *sched_switch;

static void ring(struct irq_work *work)
{
	rb_writer_ring(writer);
}

static struct irq_work bell;

/* Whether the reader must be rung. */
static bool write_record(const struct task_struct *from, const struct task_struct *to)
{
	struct rb_trace_record *room = rb_writer_claim(writer, sizeof(*room));

	if (IS_ERR(room)) {
		lost++;
		return false;
	}
	room->time_ns = ktime_get_mono_fast_ns();
	room->cpu = smp_processor_id();
	room->from_pid = from->pid;
	room->to_pid = to->pid;
	room->lost = lost;
	memcpy(room->from_name, from->comm, sizeof(room->from_name));
	memcpy(room->to_name, to->comm, sizeof(room->to_name));
	lost = 0;
	return rb_writer_commit_quietly(writer, sizeof(*room)) > 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
static void on_switch(void *data, bool preempted, struct task_struct *from, struct task_struct *to,
		      unsigned int from_state)
#else
static void on_switch(void *data, bool preempted, struct task_struct *from, struct task_struct *to)
#endif
{
	bool must_ring;

	raw_spin_lock(&writer_lock); /* interrupts are off */
	must_ring = write_record(from, to);
	raw_spin_unlock(&writer_lock);
	if (must_ring)
		irq_work_queue(&bell);
}

static int trace_attach(struct rb_session *session)
{
	int err;

	if (!rb_session_writer(session))
		return -EINVAL;
	if (!mutex_trylock(&session_lock))
		return -EBUSY;
	writer = rb_session_writer(session);
	lost = 0;
	err = tracepoint_probe_register(sched_switch, on_switch, NULL);
	if (err)
		mutex_unlock(&session_lock);
	return err;
}

static void trace_detach(struct rb_session *session)
{
	tracepoint_probe_unregister(sched_switch, on_switch, NULL);
	tracepoint_synchronize_unregister();
	irq_work_sync(&bell);
	mutex_unlock(&session_lock);
}

static struct rb_peer trace = {
	.name = "trace",
	.owner = THIS_MODULE,
	.attach = trace_attach,
	.detach = trace_detach,
};

static void find(struct tracepoint *tracepoint, void *unused)
{
	if (!strcmp(tracepoint->name, "sched_switch"))
		sched_switch = tracepoint;
}

static int __init trace_init(void)
{
	init_irq_work(&bell, ring);
	for_each_kernel_tracepoint(find, NULL);
	return sched_switch ? rb_peer_register(&trace) : -ENOENT;
}

static void __exit trace_exit(void)
{
	rb_peer_unregister(&trace);
}

module_init(trace_init);
module_exit(trace_exit);
MODULE_DESCRIPTION("A ring's peer that writes a record for each switch of tasks");
MODULE_LICENSE("GPL");
