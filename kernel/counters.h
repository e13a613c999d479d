/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is held now: /sys/module/ringbell/parameters/sessions and pages. 0 when no process is
 * attached.
 */
#ifndef RINGBELL_COUNTERS_H
#define RINGBELL_COUNTERS_H

#include <linux/atomic.h>

extern atomic_long_t rb_sessions;
extern atomic_long_t rb_pages;

#endif
