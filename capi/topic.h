/* Topics: one publisher or more, many subscribers; each sees every message from where it joined. */
#ifndef RINGBELL_CAPI_TOPIC_H
#define RINGBELL_CAPI_TOPIC_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_topic ringbell_topic;
typedef struct ringbell_publisher ringbell_publisher;
typedef struct ringbell_subscriber ringbell_subscriber;

enum ringbell_topic_policy {
  RINGBELL_TOPIC_LOSSY = 0,   /* the publisher never waits; a slow reader learns what it missed */
  RINGBELL_TOPIC_LOSSLESS = 1 /* the publisher waits for the slowest living subscriber */
};

enum ringbell_start {
  RINGBELL_START_OLDEST = 0, /* as far back as is safe */
  RINGBELL_START_NEWEST = 1  /* at what is published next */
};

typedef struct ringbell_topic_options {
  uint32_t policy;            /* enum ringbell_topic_policy */
  uint32_t message_bytes;     /* 0: 256. The largest; each takes that much room */
  uint64_t messages;          /* 0: 1024. That are kept; rounded up to a power of two */
  uint32_t subscribers;       /* 0: 64, the most. Of a lossy topic any number */
  uint32_t doorbell;          /* enum ringbell_doorbell: futex or none */
  uint32_t huge_pages;        /* enum ringbell_huge_pages */
  uint32_t memory_flags;      /* enum ringbell_memory_flags, or-ed */
  const char* memory_name;    /* as ringbell_channel_options has it */
  uint32_t backing;           /* enum ringbell_backing */
  uint32_t payload_alignment; /* 0: 8. Or 16, 32, 64: messages stand at multiples of it */
  uint32_t publishers;        /* 0: 1. At most 64 at a time; of a lossless one: subscribers 64 */
  uint32_t reserved_word;
  uint64_t reserved[1];
} ringbell_topic_options;

/* What must reach the other processes. `bells` is -1 unless the topic is lossy and has one
 * publisher. */
typedef struct ringbell_topic_fds {
  int memory;
  int bells;
} ringbell_topic_fds;

RINGBELL_C_API int ringbell_topic_create(const ringbell_topic_options* options,
                                         ringbell_topic** topic, ringbell_error* error);
/* To subscribe; to publish to a lossless one as well. The caller keeps its descriptors. */
RINGBELL_C_API int ringbell_topic_attach(const ringbell_topic_fds* fds, ringbell_topic** topic,
                                         ringbell_error* error);
/* The descriptors stay the topic's, and are closed on exec. */
RINGBELL_C_API ringbell_topic_fds ringbell_topic_get_fds(const ringbell_topic* topic);
/* For a topic that was given to no publisher and no subscriber. NULL is allowed. */
RINGBELL_C_API void ringbell_topic_destroy(ringbell_topic* topic);

/* The topic belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_publisher_open(ringbell_topic* topic, const ringbell_wait_options* wait,
                                           ringbell_publisher** publisher, ringbell_error* error);
/* By name: makes the topic, or goes on with what a publisher left there with these options. */
RINGBELL_C_API int ringbell_publisher_create(const char* name,
                                             const ringbell_topic_options* options,
                                             const ringbell_wait_options* wait,
                                             ringbell_publisher** publisher, ringbell_error* error);
/* Copies a message in. RINGBELL_NOT_NOW: a subscriber of a lossless topic is behind, or another
 * publisher has held a place for a whole ring. RINGBELL_EVICTED: this one of several was
 * taken for dead meanwhile. */
RINGBELL_C_API int ringbell_publisher_publish(ringbell_publisher* publisher, const void* bytes,
                                              size_t size_bytes, int64_t timeout_ns,
                                              ringbell_error* error);
/* The same in place: room for one message of up to *room_bytes, which no subscriber sees before the
 * commit. The same room again until then; publishing takes its place. Of a lossy topic the oldest
 * message is gone from now on. RINGBELL_NOT_NOW: as ringbell_publisher_publish(). */
RINGBELL_C_API int ringbell_publisher_claim(ringbell_publisher* publisher, int64_t timeout_ns,
                                            void** room, size_t* room_bytes, ringbell_error* error);
/* 1; or 0: nothing is claimed, or it cannot have that size, and nothing happened; or this one of
 * several publishers was taken for dead meanwhile, and the message is gone. */
RINGBELL_C_API int ringbell_publisher_commit(ringbell_publisher* publisher, size_t size_bytes);
RINGBELL_C_API void ringbell_publisher_abort(ringbell_publisher* publisher);
/* Not 0: from now on publishing is RINGBELL_NO_READER while there is no subscriber. */
RINGBELL_C_API void ringbell_publisher_require_reader(ringbell_publisher* publisher, int required);
RINGBELL_C_API uint32_t ringbell_publisher_max_message_bytes(const ringbell_publisher* publisher);
/* How many messages the slowest subscriber of a lossless topic is behind, as far as it has told:
 * after an eighth of the ring, and when it has read all. 0 for a lossy one. */
RINGBELL_C_API uint64_t ringbell_publisher_fill(const ringbell_publisher* publisher);

/* How many living subscribers there are: each sees all that is published from now on. Asks the
 * kernel about each. A subscriber of a lossy topic is counted by a lock that it takes if it can. */
RINGBELL_C_API uint32_t ringbell_publisher_subscribers(const ringbell_publisher* publisher);
/* Waits until there are as many. RINGBELL_INVALID_ARGUMENT if the topic takes fewer. */
RINGBELL_C_API int ringbell_publisher_wait_for_subscribers(ringbell_publisher* publisher,
                                                           uint32_t count, int64_t timeout_ns,
                                                           ringbell_error* error);
/* Evicts all dead subscribers of a lossless topic, now: they are waited for no more, nor is what
 * dead ones of several publishers had claimed. A wait does so when one is in its way, and polls do
 * after some thousand in vain. Returns how many subscribers. Asks the kernel about each. */
RINGBELL_C_API uint32_t ringbell_publisher_evict(ringbell_publisher* publisher);
/* How many this publisher has evicted so far. */
RINGBELL_C_API uint64_t ringbell_publisher_evictions(const ringbell_publisher* publisher);

/* For epoll, poll and other loops. The descriptor is readable once there may be room, and after
 * longest_sleep_ns; it stays the publisher's. RINGBELL_UNSUPPORTED for the one publisher
 * of a lossy topic, which always has room. */
RINGBELL_C_API int ringbell_publisher_waitable_fd(ringbell_publisher* publisher, int* fd,
                                                  ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: there is room, or ringbell_publisher_publish() has an error to tell. */
RINGBELL_C_API int ringbell_publisher_arm(ringbell_publisher* publisher);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_publisher_disarm(ringbell_publisher* publisher);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_publisher_interrupt(ringbell_publisher* publisher);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_publisher_name_lost(const ringbell_publisher* publisher);
/* Subscribers read to the end, then learn RINGBELL_CLOSED. NULL is allowed. */
RINGBELL_C_API void ringbell_publisher_close(ringbell_publisher* publisher);

/* `start` is an enum ringbell_start: for a lossy topic RINGBELL_START_NEWEST, unless what was
 * published before is wanted, too. The topic belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_subscriber_open(ringbell_topic* topic, int start,
                                            const ringbell_wait_options* wait,
                                            ringbell_subscriber** subscriber,
                                            ringbell_error* error);
/* By name: waits until the publisher is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_subscriber_open_name(const char* name, int start, int64_t timeout_ns,
                                                 const ringbell_wait_options* wait,
                                                 ringbell_subscriber** subscriber,
                                                 ringbell_error* error);
/* The same two, from where a subscriber of the same ring was: its ringbell_subscriber_position().
 * What is gone by now counts as missed. A position that the ring has not reached is of another one:
 * as RINGBELL_START_OLDEST. */
RINGBELL_C_API int ringbell_subscriber_open_at(ringbell_topic* topic, uint64_t position,
                                               const ringbell_wait_options* wait,
                                               ringbell_subscriber** subscriber,
                                               ringbell_error* error);
RINGBELL_C_API int ringbell_subscriber_open_name_at(const char* name, uint64_t position,
                                                    int64_t timeout_ns,
                                                    const ringbell_wait_options* wait,
                                                    ringbell_subscriber** subscriber,
                                                    ringbell_error* error);
/* Of the message that is due: how many there were before it. */
RINGBELL_C_API uint64_t ringbell_subscriber_position(const ringbell_subscriber* subscriber);
/* Copies the next message out, into room for ringbell_subscriber_max_message_bytes() or
 * more. */
RINGBELL_C_API int ringbell_subscriber_receive(ringbell_subscriber* subscriber, void* into,
                                               size_t room_bytes, int64_t timeout_ns,
                                               size_t* size_bytes, ringbell_error* error);
/* The next message of a lossless topic where it stands; the same one until it is released, and the
 * publisher waits for it as long. RINGBELL_UNSUPPORTED: the topic is lossy. */
RINGBELL_C_API int ringbell_subscriber_peek(ringbell_subscriber* subscriber, int64_t timeout_ns,
                                            const void** message, size_t* size_bytes,
                                            ringbell_error* error);
/* 1; or 0: this one was evicted meanwhile, and it may have been overwritten; or none is peeked at,
 * and nothing happened. */
RINGBELL_C_API int ringbell_subscriber_release(ringbell_subscriber* subscriber);
/* Calls `look` with the next message where it stands, once at most. *whole is 1 afterwards if it
 * was whole: only then may be done what follows from it. In a lossy topic it may be any bytes
 * meanwhile; 0: it was overwritten, and counts as missed. */
RINGBELL_C_API int ringbell_subscriber_read(ringbell_subscriber* subscriber,
                                            void (*look)(void* context, const void* bytes,
                                                         size_t size_bytes),
                                            void* context, int64_t timeout_ns, int* whole,
                                            ringbell_error* error);
/* For epoll, poll and other loops. The descriptor is readable once the publisher has rung, and
 * after longest_sleep_ns; it stays the subscriber's. */
RINGBELL_C_API int ringbell_subscriber_waitable_fd(ringbell_subscriber* subscriber, int* fd,
                                                   ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: there is a message, or ringbell_subscriber_receive() has an error. */
RINGBELL_C_API int ringbell_subscriber_arm(ringbell_subscriber* subscriber);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_subscriber_disarm(ringbell_subscriber* subscriber);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_subscriber_interrupt(ringbell_subscriber* subscriber);
/* As ringbell_sender_name_lost(). The name of a lossy topic also goes when its publisher closes. */
RINGBELL_C_API int ringbell_subscriber_name_lost(const ringbell_subscriber* subscriber);
/* An enum ringbell_peer: the publisher. A system call. */
RINGBELL_C_API int ringbell_subscriber_peer(const ringbell_subscriber* subscriber);
/* How far this one is behind: messages that were published and not received. If a lossy topic has
 * more of them than it keeps, the oldest will be missed. */
RINGBELL_C_API uint64_t ringbell_subscriber_lag(const ringbell_subscriber* subscriber);
/* How many messages this one missed since it joined. */
RINGBELL_C_API uint64_t ringbell_subscriber_missed(const ringbell_subscriber* subscriber);
RINGBELL_C_API uint32_t
ringbell_subscriber_max_message_bytes(const ringbell_subscriber* subscriber);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_subscriber_close(ringbell_subscriber* subscriber);

#ifdef __cplusplus
}
#endif

#endif
