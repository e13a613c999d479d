// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * ringbell.ko: the kernel as a side of a ring that a process shares with it. /dev/ringbell, where a
 * process attaches, and what the module says of itself.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "counters.h"
#include "ioctl.h"
#include "peers.h"
#include "session.h"

#ifndef CONFIG_64BIT
#error "positions are 64-bit words that are loaded and stored whole"
#endif

atomic_long_t rb_sessions = ATOMIC_LONG_INIT(0);
atomic_long_t rb_pages = ATOMIC_LONG_INIT(0);

static int rb_counter_get(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%ld\n", atomic_long_read(parameter->arg));
}

static const struct kernel_param_ops rb_counter_ops = { .get = rb_counter_get };

module_param_cb(sessions, &rb_counter_ops, &rb_sessions, 0444);
MODULE_PARM_DESC(sessions, "how many there are now; cannot be set");
module_param_cb(pages, &rb_counter_ops, &rb_pages, 0444);
MODULE_PARM_DESC(pages, "how many of processes are held now; cannot be set");

/* One open file: at most one session. */
struct rb_open_file {
	struct mutex lock;
	struct rb_session *session;
};

static int rb_open(struct inode *inode, struct file *file)
{
	struct rb_open_file *opened = kzalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return -ENOMEM;
	mutex_init(&opened->lock);
	file->private_data = opened;
	return nonseekable_open(inode, file);
}

/* The last descriptor is closed, by its process or because that died. */
static int rb_release(struct inode *inode, struct file *file)
{
	struct rb_open_file *opened = file->private_data;

	if (opened->session)
		rb_session_end(opened->session);
	kfree(opened);
	return 0;
}

static struct rb_session *rb_begin(const struct rb_attach *attach)
{
	struct rb_start start = { .role = attach->role,
				  .argument = attach->argument,
				  .data_fd = attach->data_fd,
				  .space_fd = attach->space_fd };
	struct rb_session *session;

	if (attach->role > RB_ROLE_READER || attach->flags || attach->reserved ||
	    attach->peer[RB_PEER_NAME_BYTES - 1])
		return ERR_PTR(-EINVAL);
	start.peer = rb_peer_get(attach->peer);
	if (!start.peer)
		return ERR_PTR(-ENOENT);
	start.file = fget(attach->memory_fd);
	session = start.file ? rb_session_begin(&start) : ERR_PTR(-EBADF);
	if (start.file)
		fput(start.file);
	if (IS_ERR(session))
		rb_peer_put(start.peer);
	return session;
}

static long rb_attach_to(struct rb_open_file *opened, const void __user *argument)
{
	struct rb_attach attach;
	struct rb_session *session;

	if (copy_from_user(&attach, argument, sizeof(attach)))
		return -EFAULT;
	if (opened->session)
		return -EBUSY;
	session = rb_begin(&attach);
	if (IS_ERR(session))
		return PTR_ERR(session);
	opened->session = session;
	return 0;
}

static long rb_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct rb_open_file *opened = file->private_data;
	long err;

	if (command != RB_ATTACH)
		return -ENOTTY;
	if (mutex_lock_killable(&opened->lock))
		return -EINTR;
	err = rb_attach_to(opened, (const void __user *)argument);
	mutex_unlock(&opened->lock);
	return err;
}

static const struct file_operations rb_file_operations = {
	.owner = THIS_MODULE,
	.open = rb_open,
	.release = rb_release,
	.unlocked_ioctl = rb_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice rb_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringbell",
	.fops = &rb_file_operations,
	.mode = 0600,
};

module_misc_device(rb_device);

MODULE_DESCRIPTION("Rings that a process shares with the kernel");
MODULE_LICENSE("GPL");
