/* ringbell for C (C11 and later; C++ programs have <ringbell/ringbell.hpp>).
 *
 *   ringbell_channel *channel;
 *   if (ringbell_channel_create(NULL, &channel, &error) < 0) puts(error.message);
 *
 * Handles are opaque. Each belongs to one thread at a time, and to the process that opened it: a
 * child of fork() may go on only with channels.
 *
 * Calls that can fail return an enum ringbell_code: RINGBELL_OK, RINGBELL_NOT_NOW, or a failure,
 * which is negative. There is no global state: what failed is written where the last argument
 * points, if that is not NULL; on success it is left alone. Output arguments are written on success
 * only. No call prints, or touches signals or the locale.
 *
 * Options that are NULL or all zero are the defaults; what is reserved must be 0.
 *
 * Times are in nanoseconds. 0 does not wait, RINGBELL_FOREVER waits until it comes or the peer is
 * gone. */
#ifndef RINGBELL_RINGBELL_H
#define RINGBELL_RINGBELL_H

#include <ringbell/capi/base.h>
#include <ringbell/capi/channel.h>
#include <ringbell/capi/collector.h>
#include <ringbell/capi/connection.h>
#include <ringbell/capi/names.h>
#include <ringbell/capi/queue.h>
#include <ringbell/capi/sealed.h>
#include <ringbell/capi/service.h>
#include <ringbell/capi/state.h>
#include <ringbell/capi/topic.h>
#include <ringbell/capi/waitset.h>
#include <ringbell/transport/base/version.h>

#endif
