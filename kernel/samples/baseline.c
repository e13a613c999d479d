// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What a ring is measured against: the same records by the ring, by read(2) and write(2) of a
 * device, copied to and from the process, by a relay buffer, and by netlink.
 *
 * No queue stands behind the device: read() makes the records that it copies, write() looks at
 * them, so that a call costs as little as it can. Another device has one record, for which read()
 * sleeps. The relay buffer has room for all that is asked for, so that its writer never waits.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/relay.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/sock.h>

#include <ringbell.h>

#include "records.h"

static struct rb_baseline_record record_after(u32 pause_us, u64 number)
{
	struct rb_baseline_record record = { .number = number };

	if (pause_us) {
		usleep_range(pause_us, pause_us + 50);
		record.time_ns = ktime_get_ns();
	}
	return record;
}

/* --- a device that makes records, or looks at them -------------------------------------------- */

static DEFINE_MUTEX(baseline_lock);
static u64 next_number;

static ssize_t baseline_read(struct file *file, char __user *into, size_t bytes, loff_t *at)
{
	struct rb_baseline_record record = { 0 };
	size_t done;

	mutex_lock(&baseline_lock);
	for (done = 0; bytes - done >= sizeof(record); done += sizeof(record)) {
		record.number = next_number++;
		if (copy_to_user(into + done, &record, sizeof(record)))
			break;
	}
	mutex_unlock(&baseline_lock);
	return done ? done : -EFAULT;
}

static ssize_t baseline_write(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	struct rb_baseline_record record;
	size_t done;

	mutex_lock(&baseline_lock);
	for (done = 0; bytes - done >= sizeof(record); done += sizeof(record)) {
		if (copy_from_user(&record, from + done, sizeof(record)) ||
		    record.number != next_number)
			break;
		next_number++;
	}
	mutex_unlock(&baseline_lock);
	return done ? done : -EINVAL;
}

static int baseline_open(struct inode *inode, struct file *file)
{
	next_number = 0;
	return nonseekable_open(inode, file);
}

static const struct file_operations baseline_operations = {
	.owner = THIS_MODULE,
	.open = baseline_open,
	.read = baseline_read,
	.write = baseline_write,
};

static struct miscdevice baseline_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringbell_baseline",
	.fops = &baseline_operations,
	.mode = 0600,
};

/* --- the ring ------------------------------------------------------------------------------- */

/* How long records that were written after a pause took to a reader that slept, in all. */
static unsigned long slept_ns;
module_param(slept_ns, ulong, 0444);
MODULE_PARM_DESC(slept_ns, "how long records took to a reader that slept; not to be set");

static int write_one(struct rb_writer *writer, u64 number, u32 pause_us)
{
	struct rb_baseline_record *room = rb_writer_claim(writer, sizeof(*room));

	if (IS_ERR(room))
		return PTR_ERR(room);
	*room = record_after(pause_us, number);
	return rb_writer_commit(writer, sizeof(*room));
}

static int read_one(struct rb_reader *reader, u64 number)
{
	u32 size_bytes;
	const struct rb_baseline_record *record = rb_reader_peek(reader, &size_bytes);

	if (IS_ERR(record))
		return PTR_ERR(record);
	if (size_bytes != sizeof(*record) || READ_ONCE(record->number) != number)
		return -EINVAL;
	if (READ_ONCE(record->time_ns))
		slept_ns += ktime_get_ns() - READ_ONCE(record->time_ns);
	rb_reader_release(reader);
	return 0;
}

static int stream(void *data)
{
	struct rb_session *session = data;
	struct rb_writer *writer = rb_session_writer(session);
	struct rb_reader *reader = rb_session_reader(session);
	const u32 records = lower_32_bits(rb_session_argument(session));
	const u32 pause_us = upper_32_bits(rb_session_argument(session));
	u64 number = 0;
	int err = 0;

	slept_ns = 0;
	while (!err && !kthread_should_stop() && number < records) {
		err = writer ? write_one(writer, number, pause_us) : read_one(reader, number);
		if (!err)
			number++;
		else if (err == -EAGAIN)
			err = writer ? rb_wait_space(writer, sizeof(struct rb_baseline_record),
						     MAX_SCHEDULE_TIMEOUT) :
				       rb_wait_data(reader, MAX_SCHEDULE_TIMEOUT);
	}
	if (reader) /* finds nothing, and publishes that all was read */
		rb_wait_data(reader, 1);
	return 0;
}

static int ring_attach(struct rb_session *session)
{
	struct task_struct *thread = kthread_create(stream, session, "ringbell_stream");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	rb_session_set_data(session, thread);
	wake_up_process(thread);
	return 0;
}

static void ring_detach(struct rb_session *session)
{
	struct task_struct *thread = rb_session_data(session);

	kthread_stop(thread);
	put_task_struct(thread);
}

static struct rb_peer ring = {
	.name = "baseline",
	.owner = THIS_MODULE,
	.attach = ring_attach,
	.detach = ring_detach,
};

/* --- a device with one record, for which a process sleeps -------------------------------------- */

static DECLARE_WAIT_QUEUE_HEAD(event_queue);
static struct rb_baseline_record event;
static bool event_is_there;

/* Waits until the one before has been read. */
static int put_event(const struct rb_baseline_record *record)
{
	wait_event(event_queue, !smp_load_acquire(&event_is_there) || kthread_should_stop());
	event = *record;
	smp_store_release(&event_is_there, true);
	wake_up_interruptible(&event_queue);
	return 0;
}

static ssize_t event_read(struct file *file, char __user *into, size_t bytes, loff_t *at)
{
	int err;

	if (bytes != sizeof(event))
		return -EINVAL;
	err = wait_event_interruptible(event_queue, smp_load_acquire(&event_is_there));
	if (err)
		return err;
	err = copy_to_user(into, &event, sizeof(event));
	smp_store_release(&event_is_there, false);
	wake_up(&event_queue);
	return err ? -EFAULT : sizeof(event);
}

static const struct file_operations event_operations = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.read = event_read,
};

static struct miscdevice event_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringbell_baseline_event",
	.fops = &event_operations,
	.mode = 0600,
};

/* --- a relay buffer: /sys/kernel/debug/ringbell_baseline/relay0, read as a file ----------------- */

static struct dentry *folder;
static struct rchan *relay;

static struct dentry *create_file(const char *name, struct dentry *parent, umode_t mode,
				  struct rchan_buf *buffer, int *is_global)
{
	*is_global = 1;
	return debugfs_create_file(name, mode, parent, buffer, &relay_file_operations);
}

static int remove_file(struct dentry *file)
{
	debugfs_remove(file);
	return 0;
}

static struct rchan_callbacks relay_callbacks = {
	.create_buf_file = create_file,
	.remove_buf_file = remove_file,
};

static int put_relay(const struct rb_baseline_record *record)
{
	relay_write(relay, record, sizeof(*record));
	return 0;
}

/* --- netlink ---------------------------------------------------------------------------------- */

static struct sock *netlink;
static u32 netlink_port;

static int put_netlink(const struct rb_baseline_record *record)
{
	struct sk_buff *skb = nlmsg_new(sizeof(*record), GFP_KERNEL);
	struct nlmsghdr *header;

	if (!skb)
		return -ENOMEM;
	header = nlmsg_put(skb, 0, 0, NLMSG_DONE, sizeof(*record), 0);
	memcpy(nlmsg_data(header), record, sizeof(*record));
	return netlink_unicast(netlink, skb, netlink_port, 0);
}

/* --- a request says which way and how many ------------------------------------------------------ */

static int (*const ways[])(const struct rb_baseline_record *record) = {
	[RB_BASELINE_BY_NETLINK] = put_netlink,
	[RB_BASELINE_BY_DEVICE] = put_event,
	[RB_BASELINE_BY_RELAY] = put_relay,
};

static DEFINE_MUTEX(request_lock);
static struct rb_baseline_request request;
static struct task_struct *sender;
static bool ends;

static int send_records(void *unused)
{
	struct rb_baseline_record record;
	u64 number;

	for (number = 0; number < request.records && !kthread_should_stop(); number++) {
		record = record_after(request.pause_us, number);
		if (ways[request.way](&record) < 0)
			break;
	}
	return 0;
}

static void stop_sender(void)
{
	if (!sender)
		return;
	kthread_stop(sender);
	put_task_struct(sender);
	sender = NULL;
}

static void start_sender(void)
{
	struct task_struct *thread;

	if (request.way == RB_BASELINE_BY_RELAY)
		relay_reset(relay);
	event_is_there = false;
	thread = kthread_create(send_records, NULL, "ringbell_sender");
	if (IS_ERR(thread))
		return;
	get_task_struct(thread);
	sender = thread;
	wake_up_process(thread);
}

static void on_request(struct sk_buff *skb)
{
	const struct nlmsghdr *header = nlmsg_hdr(skb);

	if (nlmsg_len(header) < (int)sizeof(request))
		return;
	mutex_lock(&request_lock);
	stop_sender();
	memcpy(&request, nlmsg_data(header), sizeof(request));
	netlink_port = NETLINK_CB(skb).portid;
	if (!ends && request.way < ARRAY_SIZE(ways))
		start_sender();
	mutex_unlock(&request_lock);
}

static int __init baseline_init(void)
{
	struct netlink_kernel_cfg options = { .input = on_request };
	int err = -ENOMEM;

	folder = debugfs_create_dir("ringbell_baseline", NULL);
	relay = relay_open("relay", folder, 128 << 10, 16, &relay_callbacks, NULL);
	if (!relay)
		goto remove;
	netlink = netlink_kernel_create(&init_net, RB_BASELINE_NETLINK, &options);
	if (!netlink)
		goto close;
	err = misc_register(&baseline_device);
	if (err)
		goto release;
	err = misc_register(&event_device);
	if (err)
		goto deregister;
	err = rb_peer_register(&ring);
	if (!err)
		return 0;
	misc_deregister(&event_device);
deregister:
	misc_deregister(&baseline_device);
release:
	netlink_kernel_release(netlink);
close:
	relay_close(relay);
remove:
	debugfs_remove(folder);
	return err;
}

static void __exit baseline_exit(void)
{
	rb_peer_unregister(&ring);
	misc_deregister(&event_device);
	misc_deregister(&baseline_device);
	mutex_lock(&request_lock);
	ends = true;
	stop_sender();
	mutex_unlock(&request_lock);
	netlink_kernel_release(netlink);
	relay_close(relay);
	debugfs_remove(folder);
}

module_init(baseline_init);
module_exit(baseline_exit);
MODULE_DESCRIPTION("What a ring is measured against");
MODULE_LICENSE("GPL");
