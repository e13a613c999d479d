// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Rings in memory of a module's own: /dev/ringbellN.
 *
 * Each has a minor, because roles are locks on the inode that a process opened. A process maps the
 * region from its start, in any pieces: page by page at the first touch (the fault handler), or all
 * at once where the memory is contiguous (remap_pfn_range).
 *
 * Invariants
 *   D1  The memory lives as long as the device, an open file of it, or a mapping (which holds one).
 *   D2  Nothing of the peer is used behind rb_device_destroy().
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "memory.h"
#include "peers.h"
#include "ringbell.h"
#include "session.h"

struct rb_device {
	struct miscdevice misc;
	char name[sizeof("ringbell4294967295")];
	int number;
	struct kref references;
	struct rb_device_options options;
	struct rb_memory memory;
	struct rb_places at; /* for poll() */
	wait_queue_head_t pollers;
	struct mutex lock;
	bool destroyed;
};

struct rb_device_file {
	struct rb_device *device;
	struct mutex lock;
	struct rb_session *session;
};

static DEFINE_IDA(rb_device_numbers);

static void rb_device_free(struct kref *references)
{
	struct rb_device *device = container_of(references, struct rb_device, references);

	rb_memory_release(&device->memory);
	kfree(device);
}

static int rb_device_open(struct inode *inode, struct file *file)
{
	struct rb_device *device = container_of(file->private_data, struct rb_device, misc);
	struct rb_device_file *opened = kzalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return -ENOMEM;
	kref_get(&device->references);
	opened->device = device;
	mutex_init(&opened->lock);
	file->private_data = opened;
	return nonseekable_open(inode, file);
}

static int rb_device_release(struct inode *inode, struct file *file)
{
	struct rb_device_file *opened = file->private_data;

	if (opened->session)
		rb_session_end(opened->session);
	kref_put(&opened->device->references, rb_device_free);
	kfree(opened);
	return 0;
}

/* D2: the peer's module stays, once there is a reference to it. */
static struct rb_peer *rb_device_peer(struct rb_device *device)
{
	struct rb_peer *peer = NULL;

	mutex_lock(&device->lock);
	if (!device->destroyed && try_module_get(device->options.peer->owner))
		peer = device->options.peer;
	mutex_unlock(&device->lock);
	return peer;
}

static struct rb_session *rb_device_begin(struct rb_device *device, struct file *file,
					  const struct rb_device_start *asked)
{
	struct rb_start start = { .role = device->options.role,
				  .argument = device->options.argument,
				  .file = file,
				  .memory = &device->memory,
				  .data_fd = asked->data_fd,
				  .space_fd = asked->space_fd,
				  .pollers = &device->pollers };
	struct rb_session *session;

	if (asked->flags || asked->reserved)
		return ERR_PTR(-EINVAL);
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return ERR_PTR(-EACCES);
	start.peer = rb_device_peer(device);
	if (!start.peer)
		return ERR_PTR(-ENODEV);
	session = rb_session_begin(&start);
	if (IS_ERR(session))
		rb_peer_put(start.peer);
	return session;
}

static long rb_device_start(struct rb_device_file *opened, struct file *file,
			    const void __user *argument)
{
	struct rb_device_start asked;
	struct rb_session *session;

	if (copy_from_user(&asked, argument, sizeof(asked)))
		return -EFAULT;
	if (opened->session)
		return -EBUSY;
	session = rb_device_begin(opened->device, file, &asked);
	if (IS_ERR(session))
		return PTR_ERR(session);
	opened->session = session;
	return 0;
}

static long rb_device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct rb_device_file *opened = file->private_data;
	long err;

	if (command != RB_DEVICE_START)
		return -ENOTTY;
	if (mutex_lock_killable(&opened->lock))
		return -EINTR;
	err = rb_device_start(opened, file, (const void __user *)argument);
	mutex_unlock(&opened->lock);
	return err;
}

/*
 * For a process that knows nothing of bells: parks for it, then looks. It publishes its head before
 * it asks, or is told of what it has read already.
 */
static __poll_t rb_device_poll(struct file *file, poll_table *table)
{
	struct rb_device *device = ((struct rb_device_file *)file->private_data)->device;
	struct rb_control *control = rb_memory_control(&device->memory);
	const bool writes = device->options.role == RB_ROLE_WRITER;
	u32 *state = writes ? &control->writer_state : &control->reader_state;

	poll_wait(file, &device->pollers, table);
	WRITE_ONCE(*(writes ? &control->data_bell : &control->space_bell), RB_PARKED | RB_FENCE);
	smp_mb(); /* K2, pairs with C2' in rb_ring() */
	if (rb_has_record(&device->at))
		return writes ? EPOLLIN | EPOLLRDNORM : 0;
	if (READ_ONCE(*state) == RB_SIDE_CLOSED)
		return EPOLLHUP;
	return writes ? 0 : EPOLLOUT | EPOLLWRNORM;
}

static vm_fault_t rb_device_fault(struct vm_fault *fault)
{
	const struct rb_memory *memory = fault->vma->vm_private_data;

	if (fault->pgoff >= memory->page_count)
		return VM_FAULT_SIGBUS;
	fault->page = memory->pages[fault->pgoff];
	get_page(fault->page);
	return 0;
}

static const struct vm_operations_struct rb_device_faults = { .fault = rb_device_fault };
/* Nothing to do; that it is there lets no mapping be merged with another. */
static const struct vm_operations_struct rb_device_mapped = {};

static int rb_device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct rb_device *device = ((struct rb_device_file *)file->private_data)->device;
	const struct rb_memory *memory = &device->memory;
	const unsigned long count = memory->page_count;

	/* A private mapping would leave the shared one at its first store. */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_pgoff >= count ||
	    vma_pages(vma) > count - vma->vm_pgoff)
		return -EINVAL;
	vma->vm_private_data = (void *)memory;
	if (device->options.contiguous) {
		vma->vm_ops = &rb_device_mapped;
		return remap_pfn_range(vma, vma->vm_start,
				       page_to_pfn(memory->pages[vma->vm_pgoff]),
				       vma->vm_end - vma->vm_start, vma->vm_page_prot);
	}
	rb_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &rb_device_faults;
	return 0;
}

static const struct file_operations rb_device_operations = {
	.owner = THIS_MODULE,
	.open = rb_device_open,
	.release = rb_device_release,
	.unlocked_ioctl = rb_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = rb_device_mmap,
	.poll = rb_device_poll,
};

static struct rb_geometry rb_geometry_of(const struct rb_device_options *options)
{
	const u64 data_offset = PAGE_SIZE + PAGE_ALIGN(sizeof(struct rb_control));

	return (struct rb_geometry){ .region_bytes = data_offset + options->capacity_bytes,
				     .control_offset = PAGE_SIZE,
				     .data_offset = data_offset,
				     .capacity_bytes = options->capacity_bytes,
				     .record_alignment = options->record_alignment,
				     .page_bytes = PAGE_SIZE,
				     .participants = 2,
				     .payload_alignment = options->payload_alignment };
}

static int rb_device_publish(struct rb_device *device)
{
	int err;

	device->number = ida_alloc(&rb_device_numbers, GFP_KERNEL);
	if (device->number < 0)
		return device->number;
	snprintf(device->name, sizeof(device->name), "ringbell%d", device->number);
	device->misc = (struct miscdevice){ .minor = MISC_DYNAMIC_MINOR,
					    .name = device->name,
					    .fops = &rb_device_operations,
					    .mode = 0600 };
	err = misc_register(&device->misc);
	if (err) {
		ida_free(&rb_device_numbers, device->number);
		return err == -EBUSY ? -ENOSPC : err;
	}
	return 0;
}

struct rb_device *rb_device_create(const struct rb_device_options *options)
{
	const struct rb_geometry geometry = rb_geometry_of(options);
	struct rb_device *device;
	int err;

	if (!options->peer || options->role > RB_ROLE_READER)
		return ERR_PTR(-EINVAL);
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return ERR_PTR(-ENOMEM);
	kref_init(&device->references);
	device->options = *options;
	init_waitqueue_head(&device->pollers);
	mutex_init(&device->lock);
	err = rb_memory_create(&device->memory, &geometry, options->contiguous);
	if (!err) {
		rb_memory_write_header(&device->memory);
		device->at = rb_places_of(&geometry, rb_memory_control(&device->memory),
					  rb_memory_data(&device->memory));
		err = rb_device_publish(device);
	}
	if (!err)
		return device;
	kref_put(&device->references, rb_device_free);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(rb_device_create);

void rb_device_destroy(struct rb_device *device)
{
	misc_deregister(&device->misc);
	mutex_lock(&device->lock);
	device->destroyed = true;
	mutex_unlock(&device->lock);
	ida_free(&rb_device_numbers, device->number);
	kref_put(&device->references, rb_device_free);
}
EXPORT_SYMBOL_GPL(rb_device_destroy);

const char *rb_device_name(const struct rb_device *device)
{
	return device->name;
}
EXPORT_SYMBOL_GPL(rb_device_name);

phys_addr_t rb_device_data_address(const struct rb_device *device)
{
	const struct rb_memory *memory = &device->memory;

	return device->options.contiguous ?
		       page_to_phys(memory->pages[memory->geometry.data_offset / PAGE_SIZE]) :
		       0;
}
EXPORT_SYMBOL_GPL(rb_device_data_address);
