/* Queues: many senders, many receivers, each message goes to one of them, in one order. */
#ifndef RINGBELL_CAPI_QUEUE_H
#define RINGBELL_CAPI_QUEUE_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_queue ringbell_queue;
typedef struct ringbell_queue_sender ringbell_queue_sender;
typedef struct ringbell_queue_receiver ringbell_queue_receiver;

typedef struct ringbell_queue_options {
  uint64_t messages;          /* 0: 1024. That fit; rounded up to a power of two */
  uint32_t message_bytes;     /* 0: 256. The largest; each takes that much room */
  uint32_t participants;      /* 0: 64. Senders and receivers at a time, at most 4096 */
  uint32_t doorbell;          /* enum ringbell_doorbell: futex or none */
  uint32_t huge_pages;        /* enum ringbell_huge_pages */
  uint32_t memory_flags;      /* enum ringbell_memory_flags, or-ed */
  uint32_t payload_alignment; /* 0: 8. Or 16, 32, 64: messages stand at multiples of it */
  const char* memory_name;    /* as ringbell_channel_options has it */
  uint32_t backing;           /* enum ringbell_backing */
  uint32_t reserved_word;
  uint64_t reserved[2];
} ringbell_queue_options;

/* What was taken from dead ends. */
typedef struct ringbell_queue_recovered {
  uint64_t skipped;  /* messages that were claimed and never committed: gone */
  uint64_t returned; /* messages that were taken and not released: they come again */
} ringbell_queue_recovered;

RINGBELL_C_API int ringbell_queue_create(const ringbell_queue_options* options,
                                         ringbell_queue** queue, ringbell_error* error);
/* By the descriptor of another process's queue, which the caller keeps. */
RINGBELL_C_API int ringbell_queue_attach(int fd, ringbell_queue** queue, ringbell_error* error);
/* What must reach the other processes. Stays the queue's, and is closed on exec. */
RINGBELL_C_API int ringbell_queue_fd(const ringbell_queue* queue);
/* For a queue that was given to no sender and no receiver. NULL is allowed. */
RINGBELL_C_API void ringbell_queue_destroy(ringbell_queue* queue);

/* RINGBELL_NO_PLACE if it has as many ends as it takes. The queue belongs to the call, whether it
 * succeeds or not. */
RINGBELL_C_API int ringbell_queue_sender_open(ringbell_queue* queue,
                                              const ringbell_wait_options* wait,
                                              ringbell_queue_sender** sender,
                                              ringbell_error* error);
/* By name: makes the queue, or joins what is there with these options, and what is in it. */
RINGBELL_C_API int ringbell_queue_sender_create(const char* name,
                                                const ringbell_queue_options* options,
                                                const ringbell_wait_options* wait,
                                                ringbell_queue_sender** sender,
                                                ringbell_error* error);
/* Waits until some end of it is there; RINGBELL_NOT_FOUND if none comes in time. */
RINGBELL_C_API int ringbell_queue_sender_open_name(const char* name, int64_t timeout_ns,
                                                   const ringbell_wait_options* wait,
                                                   ringbell_queue_sender** sender,
                                                   ringbell_error* error);
/* Room for one message of up to *room_bytes, to be filled in place. It has its place in the order
 * from now on, and the receivers wait for it: commit or abort soon. The same room again until then.
 * RINGBELL_NOT_NOW: the queue is full. */
RINGBELL_C_API int ringbell_queue_sender_claim(ringbell_queue_sender* sender, int64_t timeout_ns,
                                               void** room, size_t* room_bytes,
                                               ringbell_error* error);
/* Makes the claimed message visible, size_bytes of it. 1; or 0: this end was taken for dead
 * meanwhile, and the message is gone; or nothing is claimed, or it cannot have that size, and
 * nothing happened. */
RINGBELL_C_API int ringbell_queue_sender_commit(ringbell_queue_sender* sender, size_t size_bytes);
/* Gives the claimed room up. */
RINGBELL_C_API void ringbell_queue_sender_abort(ringbell_queue_sender* sender);
/* Copies a message in. RINGBELL_NOT_NOW: the queue is full. RINGBELL_EVICTED: this end was taken
 * for dead while it sent. */
RINGBELL_C_API int ringbell_queue_sender_send(ringbell_queue_sender* sender, const void* bytes,
                                              size_t size_bytes, int64_t timeout_ns,
                                              ringbell_error* error);
/* Not 0: from now on nothing is sent, nor room given, unless a living receiver is there:
 * RINGBELL_NO_READER. A system call a message. */
RINGBELL_C_API void ringbell_queue_sender_require_reader(ringbell_queue_sender* sender,
                                                         int required);
RINGBELL_C_API uint32_t
ringbell_queue_sender_max_message_bytes(const ringbell_queue_sender* sender);
/* How many of the queue's places are not free. Looks at each. */
RINGBELL_C_API uint64_t ringbell_queue_sender_fill(const ringbell_queue_sender* sender);
/* Takes from all dead ends what they held, now: a wait does so when it is held up, and polls do
 * after some thousand in vain. Returns what it took. Looks at every place, and asks the kernel
 * about each owner. */
RINGBELL_C_API ringbell_queue_recovered
ringbell_queue_sender_recover(ringbell_queue_sender* sender);
/* What this end has taken so far. */
RINGBELL_C_API ringbell_queue_recovered
ringbell_queue_sender_recovered(const ringbell_queue_sender* sender);
/* For epoll, poll and other loops. The descriptor is readable once there may be room, and after
 * longest_sleep_ns; it stays the sender's. */
RINGBELL_C_API int ringbell_queue_sender_waitable_fd(ringbell_queue_sender* sender, int* fd,
                                                     ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: there is room, or ringbell_queue_sender_claim() has an error to tell. */
RINGBELL_C_API int ringbell_queue_sender_arm(ringbell_queue_sender* sender);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_queue_sender_disarm(ringbell_queue_sender* sender);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_queue_sender_interrupt(ringbell_queue_sender* sender);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_queue_sender_name_lost(const ringbell_queue_sender* sender);
/* A message that is claimed is given up. NULL is allowed. */
RINGBELL_C_API void ringbell_queue_sender_close(ringbell_queue_sender* sender);

/* As those of the sender. */
RINGBELL_C_API int ringbell_queue_receiver_open(ringbell_queue* queue,
                                                const ringbell_wait_options* wait,
                                                ringbell_queue_receiver** receiver,
                                                ringbell_error* error);
RINGBELL_C_API int ringbell_queue_receiver_create(const char* name,
                                                  const ringbell_queue_options* options,
                                                  const ringbell_wait_options* wait,
                                                  ringbell_queue_receiver** receiver,
                                                  ringbell_error* error);
/* Waits until some end of it is there, or something is left to read. */
RINGBELL_C_API int ringbell_queue_receiver_open_name(const char* name, int64_t timeout_ns,
                                                     const ringbell_wait_options* wait,
                                                     ringbell_queue_receiver** receiver,
                                                     ringbell_error* error);
/* The next message, in place, this receiver's alone; the same one until it is released. A hostile
 * sender can change it while it is read. */
RINGBELL_C_API int ringbell_queue_receiver_peek(ringbell_queue_receiver* receiver,
                                                int64_t timeout_ns, const void** message,
                                                size_t* size_bytes, ringbell_error* error);
/* Done with it. 1; or 0: this end was taken for dead meanwhile, and another receiver gets the
 * message too; or none is in hand, and nothing happened. */
RINGBELL_C_API int ringbell_queue_receiver_release(ringbell_queue_receiver* receiver);
/* 1: the message that came last was in the hand of a receiver that died, and may have been acted
 * on. Such a one comes out of the order. */
RINGBELL_C_API int ringbell_queue_receiver_redelivered(const ringbell_queue_receiver* receiver);
/* Copies the next message out. RINGBELL_TOO_LARGE: the room is too small; it stays in hand. */
RINGBELL_C_API int ringbell_queue_receiver_receive(ringbell_queue_receiver* receiver, void* into,
                                                   size_t room_bytes, int64_t timeout_ns,
                                                   size_t* size_bytes, ringbell_error* error);
RINGBELL_C_API uint32_t
ringbell_queue_receiver_max_message_bytes(const ringbell_queue_receiver* receiver);
/* How far the receivers are behind: messages that are ready and in no receiver's hand. */
RINGBELL_C_API uint64_t ringbell_queue_receiver_lag(const ringbell_queue_receiver* receiver);
/* As those of the sender. */
RINGBELL_C_API ringbell_queue_recovered
ringbell_queue_receiver_recover(ringbell_queue_receiver* receiver);
RINGBELL_C_API ringbell_queue_recovered
ringbell_queue_receiver_recovered(const ringbell_queue_receiver* receiver);
/* As those of the sender; an armed end may have taken a message in hand, which the peek has. */
RINGBELL_C_API int ringbell_queue_receiver_waitable_fd(ringbell_queue_receiver* receiver, int* fd,
                                                       ringbell_error* error);
RINGBELL_C_API int ringbell_queue_receiver_arm(ringbell_queue_receiver* receiver);
RINGBELL_C_API void ringbell_queue_receiver_disarm(ringbell_queue_receiver* receiver);
RINGBELL_C_API void ringbell_queue_receiver_interrupt(ringbell_queue_receiver* receiver);
RINGBELL_C_API int ringbell_queue_receiver_name_lost(const ringbell_queue_receiver* receiver);
/* A message in hand goes to another receiver, as redelivered. NULL is allowed. */
RINGBELL_C_API void ringbell_queue_receiver_close(ringbell_queue_receiver* receiver);

#ifdef __cplusplus
}
#endif

#endif
