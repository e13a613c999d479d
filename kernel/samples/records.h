/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the samples write: of the peers "timer" and "trace". No message is waited for: what finds no
 * room is counted, and the next record tells how many were lost in front of it.
 */
#ifndef RINGBELL_SAMPLES_RECORDS_H
#define RINGBELL_SAMPLES_RECORDS_H

#include <linux/types.h>

/* Each period, which rb_attach.argument says in ns (0: 100 us, which is 10 kHz). */
struct rb_timer_record {
	__u64 number;  /* of the period, from 0; those that were lost count */
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 lost;
};

/* Each switch from one task to another, on any CPU. */
struct rb_trace_record {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 cpu;
	__s32 from_pid;
	__s32 to_pid;
	__u32 lost;
	char from_name[16];
	char to_name[16];
};

/* What comes by the ring and by other ways, for comparison (baseline.c). */
struct rb_baseline_record {
	__u64 number;
	__u64 time_ns; /* CLOCK_MONOTONIC, of a record after a pause; else 0 */
	__u64 rest[6];
};
/* What a process asks for by netlink; by the ring, rb_attach.argument is `records` and `pause_us`. */
enum { RB_BASELINE_BY_NETLINK, RB_BASELINE_BY_DEVICE, RB_BASELINE_BY_RELAY };
struct rb_baseline_request {
	__u32 records;
	__u32 pause_us; /* before each, so that the process sleeps; 0: none */
	__u32 way;
};
#define RB_BASELINE_NETLINK 31

#endif
