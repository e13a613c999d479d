/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a process asks of /dev/ringbell. README.md has the errno of each wrong field.
 */
#ifndef RINGBELL_IOCTL_H
#define RINGBELL_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The participants of a ring, and the bytes of its file that they lock. */
#define RB_ROLE_WRITER 0u
#define RB_ROLE_READER 1u

#define RB_PEER_NAME_BYTES 32

/*
 * The kernel takes a role on a ring in a process's sealed memfd. It holds the role when the call
 * returns, and until the last descriptor of this open file is closed.
 */
struct rb_attach {
	__s32 memory_fd; /* the region: open for reading and writing; the caller keeps it */
	__s32 data_fd;   /* the eventfds of a region that rings by eventfd, else -1 */
	__s32 space_fd;
	__u32 role;                    /* which the kernel takes */
	__u64 argument;                /* for the peer */
	__u32 flags;                   /* 0 */
	__u32 reserved;                /* 0 */
	char peer[RB_PEER_NAME_BYTES]; /* which part of the kernel plays it; ends with NULs */
};

#define RB_ATTACH _IOW(0xb3, 1, struct rb_attach)

/*
 * Of /dev/ringbellN, whose memory holds a ring: the kernel takes its role, and plays it until the
 * last descriptor of this open file is closed and what was mapped by it is unmapped.
 */
struct rb_device_start {
	__s32 data_fd; /* eventfds; both -1: the process asks poll() */
	__s32 space_fd;
	__u32 flags;    /* 0 */
	__u32 reserved; /* 0 */
};

#define RB_DEVICE_START _IOW(0xb3, 2, struct rb_device_start)

#endif
