// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A source that does not wait: the peer "timer" writes a record each period, from a softirq.
 */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <ringbell.h>

#include "records.h"

#define DEFAULT_NS 100000
#define SHORTEST_NS 10000

struct source {
	struct hrtimer timer;
	struct rb_writer *writer;
	ktime_t period;
	struct rb_timer_record next;
};

static void write_record(struct source *source)
{
	struct rb_timer_record *room = rb_writer_claim(source->writer, sizeof(*room));

	if (IS_ERR(room)) {
		source->next.lost++;
	} else {
		source->next.time_ns = ktime_get_ns();
		*room = source->next;
		rb_writer_commit(source->writer, sizeof(*room));
		source->next.lost = 0;
	}
	source->next.number++;
}

static enum hrtimer_restart on_period(struct hrtimer *timer)
{
	struct source *source = container_of(timer, struct source, timer);
	const u64 periods = hrtimer_forward_now(timer, source->period);

	write_record(source);
	/* Periods that went by while no softirq ran. */
	source->next.number += periods - 1;
	source->next.lost += periods - 1;
	return HRTIMER_RESTART;
}

static int timer_attach(struct rb_session *session)
{
	const u64 asked = rb_session_argument(session);
	struct rb_writer *writer = rb_session_writer(session);
	struct source *source;

	if (!writer || (asked && asked < SHORTEST_NS) || asked > NSEC_PER_SEC)
		return -EINVAL;
	source = kzalloc(sizeof(*source), GFP_KERNEL_ACCOUNT);
	if (!source)
		return -ENOMEM;
	source->writer = writer;
	source->period = ns_to_ktime(asked ? asked : DEFAULT_NS);
	rb_session_set_data(session, source);
	hrtimer_init(&source->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	source->timer.function = on_period;
	hrtimer_start(&source->timer, source->period, HRTIMER_MODE_REL_SOFT);
	return 0;
}

static void timer_detach(struct rb_session *session)
{
	struct source *source = rb_session_data(session);

	hrtimer_cancel(&source->timer);
	kfree(source);
}

static struct rb_peer timer = {
	.name = "timer",
	.owner = THIS_MODULE,
	.attach = timer_attach,
	.detach = timer_detach,
};

static int __init timer_init(void)
{
	return rb_peer_register(&timer);
}

static void __exit timer_exit(void)
{
	rb_peer_unregister(&timer);
}

module_init(timer_init);
module_exit(timer_exit);
MODULE_DESCRIPTION("A ring's peer that writes a record each period");
MODULE_LICENSE("GPL");
