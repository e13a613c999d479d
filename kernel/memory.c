// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A region's pages; memory.h says more.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "counters.h"
#include "memory.h"

static unsigned long max_bytes = 64ul << 20;
module_param(max_bytes, ulong, 0644);
MODULE_PARM_DESC(max_bytes, "the largest region that can be attached");

/* That the file keeps its size, and may be written. No other process's word is taken for it. */
static int rb_check_file(struct file *file)
{
	const unsigned int fixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct inode *inode = file_inode(file);
	unsigned int seals;

	if (inode->i_sb->s_magic == HUGETLBFS_MAGIC)
		return -EOPNOTSUPP;
	if (inode->i_sb->s_magic != TMPFS_MAGIC || !S_ISREG(inode->i_mode))
		return -EINVAL;
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return -EACCES;
	seals = READ_ONCE(SHMEM_I(inode)->seals);
	if ((seals & fixed) != fixed || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	return 0;
}

static bool rb_is_alignment(u32 bytes, u32 largest)
{
	return is_power_of_2(bytes) && bytes >= RB_HEADER_BYTES && bytes <= largest;
}

/* Every field came from a process. */
static int rb_check_geometry(const struct rb_geometry *geometry)
{
	const u64 data_offset = PAGE_SIZE + PAGE_ALIGN(sizeof(struct rb_control));

	if (geometry->page_bytes == RB_HUGE_PAGE_BYTES)
		return -EOPNOTSUPP;
	if (geometry->page_bytes != PAGE_SIZE || !is_power_of_2(geometry->capacity_bytes) ||
	    geometry->capacity_bytes < PAGE_SIZE ||
	    geometry->capacity_bytes > RB_LARGEST_CAPACITY ||
	    !rb_is_alignment(geometry->record_alignment, RB_LARGEST_ALIGNMENT) ||
	    !rb_is_alignment(geometry->payload_alignment, geometry->record_alignment) ||
	    geometry->slot_count || geometry->message_bytes || geometry->participants != 2 ||
	    geometry->user_header_bytes || geometry->control_offset != PAGE_SIZE ||
	    geometry->data_offset != data_offset ||
	    geometry->region_bytes != data_offset + geometry->capacity_bytes)
		return -EBADMSG;
	return geometry->region_bytes > READ_ONCE(max_bytes) ? -EFBIG : 0;
}

static int rb_check_header(const struct rb_region_header *header)
{
	if (memcmp(header->magic, RB_MAGIC, sizeof(header->magic)))
		return -EBADMSG;
	if (header->layout_version != RB_LAYOUT_VERSION)
		return -EPROTONOSUPPORT;
	if (header->ring_kind != RB_KIND_SPSC || header->doorbell_kind == RB_DOORBELL_FUTEX ||
	    header->backing != RB_BACKING_MEMFD)
		return -EOPNOTSUPP;
	if (header->doorbell_kind != RB_DOORBELL_NONE &&
	    header->doorbell_kind != RB_DOORBELL_EVENTFD)
		return -EBADMSG;
	if (memchr_inv(&header->type, 0, sizeof(header->type)))
		return -EPROTONOSUPPORT;
	return rb_check_geometry(&header->geometry);
}

static int rb_read_header(struct rb_memory *memory, struct file *file)
{
	struct rb_region_header header;
	loff_t at = 0;
	const ssize_t got = kernel_read(file, &header, sizeof(header), &at);
	int err;

	if (got != sizeof(header))
		return got < 0 ? got : -EBADMSG;
	err = rb_check_header(&header);
	if (err)
		return err;
	if (i_size_read(file_inode(file)) != header.geometry.region_bytes)
		return -EBADMSG;
	memory->geometry = header.geometry;
	memory->doorbell_kind = header.doorbell_kind;
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)

/* Pinned, and so moved out of memory whose pages must be movable. A large folio is pinned once. */
static int rb_hold_pages(struct rb_memory *memory, struct file *file, unsigned long count)
{
	struct folio **folios = kvmalloc_array(count, sizeof(*folios), GFP_KERNEL);
	const loff_t last = (loff_t)count * PAGE_SIZE - 1;
	pgoff_t offset;
	long got, i, j;

	if (!folios)
		return -ENOMEM;
	got = memfd_pin_folios(file, 0, last, folios, count, &offset);
	for (i = 0; i < got; i++) {
		for (j = 0; j < folio_nr_pages(folios[i]) && memory->page_count < count; j++)
			memory->pages[memory->page_count++] = folio_page(folios[i], j);
	}
	kvfree(folios);
	if (got < 0)
		return got;
	return memory->page_count == count ? 0 : -ENOMEM;
}

/* How many pages it lets go: those of a folio. */
static unsigned long rb_let_pages_go(struct page *page)
{
	struct folio *folio = page_folio(page);
	const unsigned long pages = folio_nr_pages(folio);

	folio_lock(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	unpin_folios(&folio, 1);
	return pages;
}

#else

static int rb_hold_pages(struct rb_memory *memory, struct file *file, unsigned long count)
{
	struct page *page;

	for (; memory->page_count < count; memory->page_count++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		page = shmem_read_mapping_page(file->f_mapping, memory->page_count);
		if (IS_ERR(page))
			return PTR_ERR(page);
		memory->pages[memory->page_count] = page;
		cond_resched();
	}
	return 0;
}

static unsigned long rb_let_pages_go(struct page *page)
{
	set_page_dirty_lock(page);
	put_page(page);
	return 1;
}

#endif

/* A process's. Those that came so far count, whether it fails or not. */
static int rb_take_pages(struct rb_memory *memory, const void *from, unsigned long count)
{
	const int err = rb_hold_pages(memory, (struct file *)from, count);

	atomic_long_add(memory->page_count, &rb_pages);
	return err;
}

static void rb_put_pages(struct rb_memory *memory)
{
	unsigned long i;

	if (memory->mm) {
		/* They are dirty: no page table knows what was stored through the mapping. */
		for (i = 0; i < memory->page_count;)
			i += rb_let_pages_go(memory->pages[i]);
		atomic_long_sub(memory->page_count, &rb_pages);
	} else {
		for (i = 0; i < memory->page_count; i++)
			put_page(memory->pages[i]);
	}
	memory->page_count = 0;
}

/* What a writer that uses tags leaves, this module would not understand. */
static int rb_check_intent(const struct rb_memory *memory)
{
	const struct rb_control *control = rb_memory_control(memory);

	return READ_ONCE(control->intent_position) || READ_ONCE(control->intent_tag) ?
		       -EPROTONOSUPPORT :
		       0;
}

/* The pages come from take(), which counts those that came. */
static int rb_map(struct rb_memory *memory, const void *from,
		  int (*take)(struct rb_memory *memory, const void *from, unsigned long count))
{
	const struct rb_geometry *geometry = &memory->geometry;
	const unsigned long count = geometry->region_bytes / PAGE_SIZE;
	const unsigned long again = geometry->capacity_bytes / PAGE_SIZE;
	int err;

	memory->pages = kvmalloc_array(count + again, sizeof(*memory->pages), GFP_KERNEL_ACCOUNT);
	if (!memory->pages)
		return -ENOMEM;
	err = take(memory, from, count);
	if (err)
		return err;
	memcpy(memory->pages + count, memory->pages + count - again,
	       again * sizeof(*memory->pages));
	memory->base = vmap(memory->pages, count + again, VM_MAP, PAGE_KERNEL);
	return memory->base ? 0 : -ENOMEM;
}

int rb_memory_attach(struct rb_memory *memory, struct file *file)
{
	unsigned long count;
	int err;

	*memory = (struct rb_memory){ 0 };
	err = rb_check_file(file);
	if (!err)
		err = rb_read_header(memory, file);
	if (err)
		return err;
	count = memory->geometry.region_bytes / PAGE_SIZE;
	err = account_locked_vm(current->mm, count, true);
	if (err)
		return err;
	memory->mm = current->mm;
	mmgrab(memory->mm);
	err = rb_map(memory, file, rb_take_pages);
	if (!err)
		err = rb_check_intent(memory);
	if (err)
		rb_memory_release(memory);
	return err;
}

/* `from` is not NULL for pages that follow each other. */
static int rb_make_pages(struct rb_memory *memory, const void *from, unsigned long count)
{
	const gfp_t flags = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN;
	void *all = from ? alloc_pages_exact(count * PAGE_SIZE, flags) : NULL;
	struct page *page;

	for (; memory->page_count < count; memory->page_count++) {
		if (from)
			page = all ? virt_to_page(all + memory->page_count * PAGE_SIZE) : NULL;
		else
			page = alloc_page(flags);
		if (!page)
			return -ENOMEM;
		memory->pages[memory->page_count] = page;
	}
	return 0;
}

int rb_memory_create(struct rb_memory *memory, const struct rb_geometry *geometry, bool contiguous)
{
	int err = rb_check_geometry(geometry);

	*memory = (struct rb_memory){ .geometry = *geometry, .doorbell_kind = RB_DOORBELL_EVENTFD };
	if (err)
		return err == -EFBIG ? err : -EINVAL;
	err = rb_map(memory, contiguous ? memory : NULL, rb_make_pages);
	if (err)
		rb_memory_release(memory);
	return err;
}

void rb_memory_write_header(const struct rb_memory *memory)
{
	const struct rb_region_header header = {
		.magic = { 'r', 'i', 'n', 'g', 'b', 'e', 'l', 'l' },
		.layout_version = RB_LAYOUT_VERSION,
		.ring_kind = RB_KIND_SPSC,
		.geometry = memory->geometry,
		.doorbell_kind = memory->doorbell_kind,
		.created_unix_ns = ktime_get_real_ns(),
		.backing = RB_BACKING_DEVICE,
	};

	memcpy(memory->base, &header, sizeof(header));
}

void rb_memory_clear(const struct rb_memory *memory)
{
	memset(memory->base, 0, memory->geometry.region_bytes);
}

void rb_memory_release(struct rb_memory *memory)
{
	if (memory->base)
		vunmap(memory->base);
	if (memory->pages)
		rb_put_pages(memory);
	kvfree(memory->pages);
	if (memory->mm) {
		account_locked_vm(memory->mm, memory->geometry.region_bytes / PAGE_SIZE, false);
		mmdrop(memory->mm);
	}
	*memory = (struct rb_memory){ 0 };
}

void *rb_memory_control(const struct rb_memory *memory)
{
	return memory->base + memory->geometry.control_offset;
}

void *rb_memory_data(const struct rb_memory *memory)
{
	return memory->base + memory->geometry.data_offset;
}
