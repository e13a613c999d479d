// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The parts of the kernel that can play a side of a ring; peers.h says more.
 */
#include <linux/export.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "peers.h"
#include "ringbell.h"

static DEFINE_MUTEX(rb_peers_lock);
static LIST_HEAD(rb_peers);

static struct rb_peer *rb_peer_find(const char *name)
{
	struct rb_peer *peer;

	list_for_each_entry (peer, &rb_peers, list) {
		if (!strcmp(peer->name, name))
			return peer;
	}
	return NULL;
}

int rb_peer_register(struct rb_peer *peer)
{
	int err = 0;

	if (!peer->name || !*peer->name || strlen(peer->name) >= RB_PEER_NAME_BYTES ||
	    !peer->attach || !peer->detach)
		return -EINVAL;
	mutex_lock(&rb_peers_lock);
	if (rb_peer_find(peer->name))
		err = -EEXIST;
	else
		list_add(&peer->list, &rb_peers);
	mutex_unlock(&rb_peers_lock);
	return err;
}
EXPORT_SYMBOL_GPL(rb_peer_register);

void rb_peer_unregister(struct rb_peer *peer)
{
	mutex_lock(&rb_peers_lock);
	list_del(&peer->list);
	mutex_unlock(&rb_peers_lock);
}
EXPORT_SYMBOL_GPL(rb_peer_unregister);

struct rb_peer *rb_peer_get(const char *name)
{
	struct rb_peer *peer;

	mutex_lock(&rb_peers_lock);
	peer = rb_peer_find(name);
	if (peer && !try_module_get(peer->owner)) /* it is being unloaded */
		peer = NULL;
	mutex_unlock(&rb_peers_lock);
	return peer;
}

void rb_peer_put(struct rb_peer *peer)
{
	module_put(peer->owner);
}
