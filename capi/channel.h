/* Channels: one sender, one receiver, records of any size. */
#ifndef RINGBELL_CAPI_CHANNEL_H
#define RINGBELL_CAPI_CHANNEL_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory and doorbells, to which both sides attach. */
typedef struct ringbell_channel ringbell_channel;
typedef struct ringbell_sender ringbell_sender;
typedef struct ringbell_receiver ringbell_receiver;

enum ringbell_channel_flags {
  /* Each record carries when it was sent and by which sender: ringbell_receiver_user_header,
   * ringbell_receiver_peek_fresh. */
  RINGBELL_CHANNEL_TIMED = 1,
  /* Of ringbell_sender_create: a ring of the name that has other options or another layout is set
   * aside as soon as no sender has it. Its receiver reads it to its end, then goes on in the new
   * one. */
  RINGBELL_CHANNEL_WHEN_DRAINED = 2,
  /* Room for a seal in front of each record: sealed.h. In a file only; not with TIMED. */
  RINGBELL_CHANNEL_SEALS = 4
};

typedef struct ringbell_channel_options {
  uint64_t capacity_bytes;    /* 0: 256 KiB. Rounded up to a power of two; smallest 4096 */
  uint32_t record_alignment;  /* 0: 8. Or 16, 32, 64: no two records share a cache line */
  uint32_t doorbell;          /* enum ringbell_doorbell */
  uint32_t huge_pages;        /* enum ringbell_huge_pages */
  uint32_t memory_flags;      /* enum ringbell_memory_flags, or-ed */
  uint64_t flags;             /* enum ringbell_channel_flags, or-ed */
  const char* memory_name;    /* the name of RINGBELL_BACKING_SHM, or the path of a FILE */
  uint32_t backing;           /* enum ringbell_backing */
  uint32_t payload_alignment; /* 0: 8. Or 16, 32, 64: records stand at multiples of it */
  uint64_t reserved[2];
} ringbell_channel_options;

/* What must reach the other process: inherited over fork, or passed over a UNIX socket. The bells
 * are -1 unless the channel rings by eventfd. */
typedef struct ringbell_channel_fds {
  int memory;
  int data_bell;
  int space_bell;
} ringbell_channel_fds;

/* What an endpoint has done in this process, counted at no cost to messages. */
typedef struct ringbell_stats {
  uint64_t position;     /* bytes */
  uint64_t waits;        /* found nothing, or no room, and waited for it */
  uint64_t sleeps;       /* went to sleep */
  uint64_t rings;        /* woke the other side */
  uint64_t missed_rings; /* 0, unless a wake-up is lost */
} ringbell_stats;

RINGBELL_C_API int ringbell_channel_create(const ringbell_channel_options* options,
                                           ringbell_channel** channel, ringbell_error* error);
/* Duplicates the descriptors: the caller keeps its own. Everything in them is checked. */
RINGBELL_C_API int ringbell_channel_attach(const ringbell_channel_fds* fds,
                                           ringbell_channel** channel, ringbell_error* error);
/* The descriptors stay the channel's, and are closed on exec. */
RINGBELL_C_API ringbell_channel_fds ringbell_channel_get_fds(const ringbell_channel* channel);
/* For a channel that was given to no sender and no receiver. NULL is allowed. */
RINGBELL_C_API void ringbell_channel_destroy(ringbell_channel* channel);

/* Says which process the peer of the end is that will be opened on this channel: `fd` is a socket
 * that it has the other end of, or its pidfd (pidfd_open(2)), of which this makes a duplicate. Once
 * that is over the peer is dead, whether it has come or not. */
RINGBELL_C_API int ringbell_channel_set_peer(ringbell_channel* channel, int fd,
                                             ringbell_error* error);

/* Takes the writer's role. The channel belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_sender_open(ringbell_channel* channel,
                                        const ringbell_wait_options* wait, ringbell_sender** sender,
                                        ringbell_error* error);
/* The same by name: 1 to 64 of a-z 0-9 . _ - . Create makes the channel, or takes the place of one
 * that is gone; RINGBELL_BUSY if a living process has it. */
RINGBELL_C_API int ringbell_sender_create(const char* name, const ringbell_channel_options* options,
                                          const ringbell_wait_options* wait,
                                          ringbell_sender** sender, ringbell_error* error);
/* Waits until the receiver is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_sender_open_name(const char* name, int64_t timeout_ns,
                                             const ringbell_wait_options* wait,
                                             ringbell_sender** sender, ringbell_error* error);
/* Of a driver's ring, /dev/ringbellN, which the kernel reads. RINGBELL_BUSY if it writes. */
RINGBELL_C_API int ringbell_sender_open_device(const char* path, const ringbell_wait_options* wait,
                                               ringbell_sender** sender, ringbell_error* error);
/* Room for a record of this size, to be filled in place. The receiver sees nothing of it before it
 * is committed. RINGBELL_TOO_LARGE: no record of the ring can have that size. */
RINGBELL_C_API int ringbell_sender_claim(ringbell_sender* sender, size_t size_bytes,
                                         int64_t timeout_ns, void** room, ringbell_error* error);
/* Makes the claimed record and all that are staged visible. It turned out to be size_bytes long,
 * 0 too: an empty record is one. Nothing happens if nothing is claimed, or less; the claim
 * stays. */
RINGBELL_C_API void ringbell_sender_commit(ringbell_sender* sender, size_t size_bytes);
/* Completes the claimed record; it becomes visible with the next commit or flush. Otherwise as
 * ringbell_sender_commit(). */
RINGBELL_C_API void ringbell_sender_stage(ringbell_sender* sender, size_t size_bytes);
RINGBELL_C_API void ringbell_sender_flush(ringbell_sender* sender);
/* Forgets the claim and all that is staged. */
RINGBELL_C_API void ringbell_sender_abort(ringbell_sender* sender);
/* What it calls itself in the records of a timed channel; at first the process id. */
RINGBELL_C_API void ringbell_sender_set_source(ringbell_sender* sender, uint32_t source);
/* Copies a record in. */
RINGBELL_C_API int ringbell_sender_send(ringbell_sender* sender, const void* bytes,
                                        size_t size_bytes, int64_t timeout_ns,
                                        ringbell_error* error);
/* Not 0: from now on nothing is sent, nor room given, unless a receiver is there: the call is
 * RINGBELL_CLOSED, RINGBELL_PEER_DEAD or RINGBELL_NO_READER at once. A system call a message. */
RINGBELL_C_API void ringbell_sender_require_reader(ringbell_sender* sender, int required);
RINGBELL_C_API uint32_t ringbell_sender_max_record_bytes(const ringbell_sender* sender);
/* Of what was committed, the bytes that the receiver has not given back, with headers and padding.
 * One load: the receiver tells how far it is after an eighth of the ring, and when it has read
 * all. */
RINGBELL_C_API uint64_t ringbell_sender_fill(const ringbell_sender* sender);

/* For epoll, poll and other loops. The descriptor is readable once the receiver has rung; it stays
 * the sender's. RINGBELL_UNSUPPORTED unless the channel rings by eventfd. */
RINGBELL_C_API int ringbell_sender_waitable_fd(const ringbell_sender* sender, int* fd,
                                               ringbell_error* error);
/* Announces a sleep until there is room for a record of this size, then looks. 1:
 * armed; sleep until the descriptor is readable, look, and arm again. 0: do not sleep: there is
 * room, or ringbell_sender_claim() has an error to tell. */
RINGBELL_C_API int ringbell_sender_arm(ringbell_sender* sender, size_t size_bytes);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_sender_disarm(ringbell_sender* sender);
/* Ends the wait under way, or the next one that does not find at once what it waits for:
 * RINGBELL_CANCELLED. From any thread and from a signal handler, until the handle is closed. */
RINGBELL_C_API void ringbell_sender_interrupt(ringbell_sender* sender);
/* An enum ringbell_peer. A system call: for a timer, as a death does not ring. */
RINGBELL_C_API int ringbell_sender_peer(const ringbell_sender* sender);
/* 1: the name by which it was opened leads to this ring no more, its file was removed, renamed or
 * replaced by hand. The ring works on for those that have it; a process that comes by the name
 * finds none, or another. 0 without a name. Some system calls: for a timer. */
RINGBELL_C_API int ringbell_sender_name_lost(const ringbell_sender* sender);
/* Waits until the receiver has opened its end. RINGBELL_NOT_NOW: time is up. RINGBELL_CLOSED;
 * RINGBELL_PEER_DEAD, also if it is gone without having come (ringbell_channel_set_peer). */
RINGBELL_C_API int ringbell_sender_wait_for_peer(ringbell_sender* sender, int64_t timeout_ns,
                                                 ringbell_error* error);
/* Bytes written since the ring was made, with headers and padding; and what it waited. */
RINGBELL_C_API ringbell_stats ringbell_sender_stats(const ringbell_sender* sender);
/* In order: the receiver reads what was committed, then learns RINGBELL_CLOSED. NULL is allowed. */
RINGBELL_C_API void ringbell_sender_close(ringbell_sender* sender);

/* Takes the reader's role. The channel belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_receiver_open(ringbell_channel* channel,
                                          const ringbell_wait_options* wait,
                                          ringbell_receiver** receiver, ringbell_error* error);
/* The same by name: 1 to 64 of a-z 0-9 . _ - . Create makes the channel, or takes the place of one
 * that is gone; RINGBELL_BUSY if a living process has it. */
RINGBELL_C_API int ringbell_receiver_create(const char* name,
                                            const ringbell_channel_options* options,
                                            const ringbell_wait_options* wait,
                                            ringbell_receiver** receiver, ringbell_error* error);
/* Waits until the sender is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_receiver_open_name(const char* name, int64_t timeout_ns,
                                               const ringbell_wait_options* wait,
                                               ringbell_receiver** receiver, ringbell_error* error);
/* Of a driver's ring, /dev/ringbellN, which the kernel writes. RINGBELL_BUSY if it reads. */
RINGBELL_C_API int ringbell_receiver_open_device(const char* path,
                                                 const ringbell_wait_options* wait,
                                                 ringbell_receiver** receiver,
                                                 ringbell_error* error);
/* The next record, in place; the same one until it is released or held. A hostile sender can change
 * it while it is read: copy before you check what must not change. */
RINGBELL_C_API int ringbell_receiver_peek(ringbell_receiver* receiver, int64_t timeout_ns,
                                          const void** record, size_t* size_bytes,
                                          ringbell_error* error);
/* The newest record that is there, in place; all older ones are given back, held ones too. Waits
 * for a record if there is none. Otherwise as ringbell_receiver_peek(). */
RINGBELL_C_API int ringbell_receiver_peek_newest(ringbell_receiver* receiver, int64_t timeout_ns,
                                                 const void** record, size_t* size_bytes,
                                                 ringbell_error* error);
/* The next record that was sent no longer ago than time_to_live_ns, in place. Older ones in front
 * of it are given back, held ones too, and counted. RINGBELL_INVALID_ARGUMENT unless the channel is
 * timed. Otherwise as ringbell_receiver_peek(). */
RINGBELL_C_API int ringbell_receiver_peek_fresh(ringbell_receiver* receiver,
                                                int64_t time_to_live_ns, int64_t timeout_ns,
                                                const void** record, size_t* size_bytes,
                                                ringbell_error* error);
/* How many records were too old. */
RINGBELL_C_API uint64_t ringbell_receiver_expired(const ringbell_receiver* receiver);
/* What stands in front of the peeked record. 0: none is peeked, or the channel is not timed. */
RINGBELL_C_API int ringbell_receiver_user_header(ringbell_receiver* receiver,
                                                 ringbell_user_header* header);

/* How far the receiver is behind: bytes that were committed and neither held nor given back, with
 * headers and padding. Looks at each such record. */
RINGBELL_C_API uint64_t ringbell_receiver_lag(const ringbell_receiver* receiver);
/* Gives the peeked record, if there is one, and all that are held back to the sender. */
RINGBELL_C_API void ringbell_receiver_release(ringbell_receiver* receiver);
/* Keeps the peeked record, if there is one, and moves on to the next. */
RINGBELL_C_API void ringbell_receiver_hold(ringbell_receiver* receiver);
/* Copies a record out. RINGBELL_TOO_LARGE if there is not enough room: it stays where it is. */
RINGBELL_C_API int ringbell_receiver_receive(ringbell_receiver* receiver, void* into,
                                             size_t room_bytes, int64_t timeout_ns,
                                             size_t* size_bytes, ringbell_error* error);
/* For epoll, poll and other loops. The descriptor is readable once the sender has rung; it stays
 * the receiver's. RINGBELL_UNSUPPORTED unless the channel rings by eventfd. */
RINGBELL_C_API int ringbell_receiver_waitable_fd(const ringbell_receiver* receiver, int* fd,
                                                 ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: there is a record, or ringbell_receiver_peek() has an error to tell. */
RINGBELL_C_API int ringbell_receiver_arm(ringbell_receiver* receiver);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_receiver_disarm(ringbell_receiver* receiver);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_receiver_interrupt(ringbell_receiver* receiver);
/* An enum ringbell_peer. A system call: for a timer, as a death does not ring. */
RINGBELL_C_API int ringbell_receiver_peer(const ringbell_receiver* receiver);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_receiver_name_lost(const ringbell_receiver* receiver);
/* As ringbell_sender_wait_for_peer(). What a sender that is gone has sent is there all the same. */
RINGBELL_C_API int ringbell_receiver_wait_for_peer(ringbell_receiver* receiver, int64_t timeout_ns,
                                                   ringbell_error* error);
/* Bytes read since the ring was made, with headers and padding; and what it waited. */
RINGBELL_C_API ringbell_stats ringbell_receiver_stats(const ringbell_receiver* receiver);
/* The sender learns RINGBELL_CLOSED when it next waits. NULL is allowed. */
RINGBELL_C_API void ringbell_receiver_close(ringbell_receiver* receiver);

#ifdef __cplusplus
}
#endif

#endif
