/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What differs between the kernels that the module is built for, 5.10 to 6.12.
 */
#ifndef RINGBELL_COMPAT_H
#define RINGBELL_COMPAT_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

static inline void rb_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

static inline void rb_vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* A field of a lock that leases have too. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define RB_LOCK_FIELD(lock, field) ((lock)->c.flc_##field)
#else
#define RB_LOCK_FIELD(lock, field) ((lock)->fl_##field)
#endif

#endif
