/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The parts of the kernel that can play a side of a ring, by name.
 */
#ifndef RINGBELL_PEERS_H
#define RINGBELL_PEERS_H

struct rb_peer;

/* Its module stays loaded until rb_peer_put(). NULL: there is none of that name. */
struct rb_peer *rb_peer_get(const char *name);
void rb_peer_put(struct rb_peer *peer);

#endif
