/* One wait on any number of ends, descriptors and times, in one thread.
 *
 *   ringbell_event events[16];
 *   size_t count;
 *   ringbell_waitset_add_receiver(set, receiver, &orders, &error);
 *   ringbell_waitset_add_fd(set, fd, POLLIN, &socket, &error);
 *   while (ringbell_waitset_wait(set, RINGBELL_FOREVER, events, 16, &count, &error) == RINGBELL_OK)
 *     for (size_t i = 0; i < count; ++i)
 *       if (events[i].id == orders) ...  receive with a time-out of 0
 *
 * It is level-triggered: what is there and was not taken is told again. An end stays open, and so
 * does a descriptor, until it is removed or the set is gone; between two waits it may be used as if
 * it were in no set. */
#ifndef RINGBELL_CAPI_WAITSET_H
#define RINGBELL_CAPI_WAITSET_H

#include <ringbell/capi/base.h>
#include <ringbell/capi/channel.h>
#include <ringbell/capi/collector.h>
#include <ringbell/capi/queue.h>
#include <ringbell/capi/service.h>
#include <ringbell/capi/state.h>
#include <ringbell/capi/topic.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_waitset ringbell_waitset;

/* The numbers stay what they are; new ones may come. */
enum ringbell_what {
  RINGBELL_READY = 0,   /* a call would give something at once; a descriptor has events; a time is
                           up */
  RINGBELL_IS_OVER = 1, /* nothing is left to take, and the peer has closed */
  RINGBELL_IS_DEAD = 2, /* nothing is left to take, and the peer is dead */
  RINGBELL_FAILED = 3   /* a call has an error to tell */
};

typedef struct ringbell_event {
  uint64_t id;
  uint32_t what;   /* enum ringbell_what */
  uint32_t events; /* of a descriptor: POLLIN and the like; also POLLERR and POLLHUP */
} ringbell_event;

/* `wait` is how the set waits, whatever its ends were told. */
RINGBELL_C_API int ringbell_waitset_create(const ringbell_wait_options* wait,
                                           ringbell_waitset** set, ringbell_error* error);

/* Each writes an id, which is never used again by this set, and RINGBELL_UNSUPPORTED if the end
 * never sleeps: it has no doorbell, or was opened to spin. An end that reads or serves is ready
 * when something has come. */
RINGBELL_C_API int ringbell_waitset_add_receiver(ringbell_waitset* set, ringbell_receiver* receiver,
                                                 uint64_t* id, ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_subscriber(ringbell_waitset* set,
                                                   ringbell_subscriber* subscriber, uint64_t* id,
                                                   ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_server(ringbell_waitset* set, ringbell_server* server,
                                               uint64_t* id, ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_state_reader(ringbell_waitset* set,
                                                     ringbell_state_reader* reader, uint64_t* id,
                                                     ringbell_error* error);
/* A message that it finds is in this receiver's hand. */
RINGBELL_C_API int ringbell_waitset_add_queue_receiver(ringbell_waitset* set,
                                                       ringbell_queue_receiver* receiver,
                                                       uint64_t* id, ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_collector(ringbell_waitset* set,
                                                  ringbell_collector* collector, uint64_t* id,
                                                  ringbell_error* error);
/* While there is room: for a record of this size, in a queue or in a lossless topic. */
RINGBELL_C_API int ringbell_waitset_add_sender(ringbell_waitset* set, ringbell_sender* sender,
                                               size_t size_bytes, uint64_t* id,
                                               ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_contributor(ringbell_waitset* set,
                                                    ringbell_contributor* contributor,
                                                    size_t size_bytes, uint64_t* id,
                                                    ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_queue_sender(ringbell_waitset* set,
                                                     ringbell_queue_sender* sender, uint64_t* id,
                                                     ringbell_error* error);
RINGBELL_C_API int ringbell_waitset_add_publisher(ringbell_waitset* set,
                                                  ringbell_publisher* publisher, uint64_t* id,
                                                  ringbell_error* error);
/* When the call that was begun is answered, and while none is under way. */
RINGBELL_C_API int ringbell_waitset_add_client(ringbell_waitset* set, ringbell_client* client,
                                               uint64_t* id, ringbell_error* error);
/* `events`: POLLIN and the like. RINGBELL_INVALID_ARGUMENT if it cannot be polled, or is in the set
 * already. */
RINGBELL_C_API int ringbell_waitset_add_fd(ringbell_waitset* set, int fd, uint32_t events,
                                           uint64_t* id, ringbell_error* error);
/* Ready once when `first_ns` is over, and then, unless `interval_ns` is 0, once after each. */
RINGBELL_C_API int ringbell_waitset_add_timer(ringbell_waitset* set, int64_t first_ns,
                                              int64_t interval_ns, uint64_t* id,
                                              ringbell_error* error);
/* No event of it comes any more. An id that is none: nothing happens. */
RINGBELL_C_API void ringbell_waitset_remove(ringbell_waitset* set, uint64_t id);

/* Waits until something is ready, and writes up to `room` of the events; what has no room comes
 * with the next calls. RINGBELL_NOT_NOW: time is up. RINGBELL_CANCELLED: it was ended by
 * ringbell_waitset_interrupt(). RINGBELL_INVALID_ARGUMENT: `room` is 0, or this is a child of
 * fork(). */
RINGBELL_C_API int ringbell_waitset_wait(ringbell_waitset* set, int64_t timeout_ns,
                                         ringbell_event* events, size_t room, size_t* count,
                                         ringbell_error* error);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_waitset_interrupt(ringbell_waitset* set);
/* Its members stay what they are. NULL is allowed. */
RINGBELL_C_API void ringbell_waitset_destroy(ringbell_waitset* set);

#ifdef __cplusplus
}
#endif

#endif
