// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A kernel thread that counts: the peer "counter". As the writer it sends record after record, as
 * many as rb_attach.argument says (0: until the session ends); as the reader it checks them.
 *
 * Record n has 8 + n % 57 bytes: n, then bytes n + 8, n + 9 and so on, of which the low 8 bits
 * stand there. /sys/module/ringbell_counter/parameters tells what came of the latest session.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include <ringbell.h>

static unsigned long records;
module_param(records, ulong, 0444);
MODULE_PARM_DESC(records, "written or read in the latest session; not to be set");
static unsigned long wrong;
module_param(wrong, ulong, 0444);
MODULE_PARM_DESC(wrong, "read in it that were not as they should be; not to be set");
static int ended;
module_param(ended, int, 0444);
MODULE_PARM_DESC(ended, "the error that ended it; not to be set");
static unsigned int pause_us;
module_param(pause_us, uint, 0644);
MODULE_PARM_DESC(pause_us, "how long the thread sleeps after each record");

#define LONGEST 64

static u32 size_of(u64 n)
{
	return 8 + n % 57;
}

static void fill(u8 *room, u64 n)
{
	u32 i;

	memcpy(room, &n, sizeof(n));
	for (i = sizeof(n); i < size_of(n); i++)
		room[i] = n + i;
}

static bool is_right(const u8 *record, u32 size_bytes, u64 n)
{
	u8 expected[LONGEST];

	fill(expected, n);
	return size_bytes == size_of(n) && !memcmp(record, expected, size_bytes);
}

static int write_one(struct rb_writer *writer, u64 n)
{
	void *room = rb_writer_claim(writer, size_of(n));

	if (IS_ERR(room))
		return PTR_ERR(room);
	fill(room, n);
	return rb_writer_commit(writer, size_of(n));
}

static int read_one(struct rb_reader *reader, u64 n)
{
	u8 copy[LONGEST];
	u32 size_bytes;
	const void *record = rb_reader_peek(reader, &size_bytes);

	if (IS_ERR(record))
		return PTR_ERR(record);
	/* First copied, then looked at: the process may change it. */
	memcpy(copy, record, min_t(u32, size_bytes, LONGEST));
	rb_reader_release(reader);
	if (!is_right(copy, size_bytes, n))
		WRITE_ONCE(wrong, wrong + 1);
	return 0;
}

static int one(struct rb_session *session, u64 n)
{
	struct rb_writer *writer = rb_session_writer(session);
	struct rb_reader *reader = rb_session_reader(session);
	int err = writer ? write_one(writer, n) : read_one(reader, n);

	if (err != -EAGAIN)
		return err;
	err = writer ? rb_wait_space(writer, size_of(n), MAX_SCHEDULE_TIMEOUT) :
		       rb_wait_data(reader, MAX_SCHEDULE_TIMEOUT);
	return err ? err : -EAGAIN;
}

static int count(void *data)
{
	struct rb_session *session = data;
	const u64 limit = rb_session_argument(session);
	u64 n = 0;
	int err = 0;

	while (!kthread_should_stop() && (!limit || n < limit)) {
		err = one(session, n);
		if (err == -EAGAIN)
			continue;
		if (err)
			break;
		WRITE_ONCE(records, ++n);
		if (pause_us)
			schedule_timeout_interruptible(usecs_to_jiffies(pause_us));
		cond_resched();
	}
	WRITE_ONCE(ended, err == -EAGAIN ? 0 : err);
	return 0;
}

static int counter_attach(struct rb_session *session)
{
	struct task_struct *thread = kthread_create(count, session, "ringbell_counter");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread); /* it may end before it is stopped */
	rb_session_set_data(session, thread);
	WRITE_ONCE(records, 0);
	WRITE_ONCE(wrong, 0);
	WRITE_ONCE(ended, 0);
	wake_up_process(thread);
	return 0;
}

static void counter_detach(struct rb_session *session)
{
	struct task_struct *thread = rb_session_data(session);

	kthread_stop(thread);
	put_task_struct(thread);
}

static struct rb_peer counter = {
	.name = "counter",
	.owner = THIS_MODULE,
	.attach = counter_attach,
	.detach = counter_detach,
};

/* --- in memory of its own: /dev/ringbellN, of which every other one is read by the kernel ----- */

static unsigned int devices;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "how many there are, up to 8");
static unsigned long capacity = 65536;
module_param(capacity, ulong, 0444);
MODULE_PARM_DESC(capacity, "of each of their rings, in bytes");
static bool contiguous;
module_param(contiguous, bool, 0444);
MODULE_PARM_DESC(contiguous, "their memory is, physically");

static struct rb_device *made[8];

static void destroy_devices(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(made); i++) {
		if (made[i])
			rb_device_destroy(made[i]);
	}
}

static int create_devices(void)
{
	struct rb_device *device;
	size_t i;

	for (i = 0; i < devices && i < ARRAY_SIZE(made); i++) {
		const struct rb_device_options options = { .peer = &counter,
							   .role = i % 2,
							   .capacity_bytes = capacity,
							   .record_alignment = 8,
							   .payload_alignment = 8,
							   .contiguous = contiguous };

		device = rb_device_create(&options);
		if (IS_ERR(device)) {
			destroy_devices();
			return PTR_ERR(device);
		}
		made[i] = device;
		pr_info("%s: the kernel %s\n", rb_device_name(device), i % 2 ? "reads" : "writes");
	}
	return 0;
}

static int __init counter_init(void)
{
	int err = create_devices();

	if (err)
		return err;
	err = rb_peer_register(&counter);
	if (err)
		destroy_devices();
	return err;
}

static void __exit counter_exit(void)
{
	rb_peer_unregister(&counter);
	destroy_devices();
}

module_init(counter_init);
module_exit(counter_exit);
MODULE_DESCRIPTION("A ring's peer that counts");
MODULE_LICENSE("GPL");
