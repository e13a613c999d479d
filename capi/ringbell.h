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

#include <stddef.h>
#include <stdint.h>

#include <ringbell/transport/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGBELL_C_API __attribute__((visibility("default")))

#define RINGBELL_FOREVER INT64_MAX

/* The numbers stay what they are; new ones may come. */
enum ringbell_code {
  RINGBELL_OK = 0,
  RINGBELL_NOT_NOW = 1, /* full, empty, or time is up: no failure */
  RINGBELL_INVALID_ARGUMENT = -1,
  RINGBELL_SYSTEM = -2, /* a system call failed: errno_value */
  RINGBELL_NO_SPACE = -3,
  RINGBELL_PERMISSION = -4,
  RINGBELL_UNSUPPORTED = -5,
  RINGBELL_NOT_A_REGION = -6,     /* the descriptor is not, or not safely, of a ringbell region */
  RINGBELL_VERSION_MISMATCH = -7, /* a region of another layout version */
  RINGBELL_BUSY = -8,             /* a living process plays the role */
  RINGBELL_CORRUPT = -9,          /* the peer wrote something impossible: drop the channel */
  RINGBELL_CLOSED = -10,          /* the peer closed in order */
  RINGBELL_PEER_DEAD = -11,       /* the peer is gone without closing */
  RINGBELL_TOO_LARGE = -12,
  RINGBELL_NOT_FOUND = -13,
  RINGBELL_TIMED_OUT = -14, /* nobody answered a handshake in time */
  RINGBELL_CANCELLED = -15  /* the caller ended it before its end */
};

typedef struct ringbell_error {
  int code;
  int errno_value;   /* 0 where no system call was to blame */
  char message[504]; /* one line: what was tried, on what, and what to do; ends with a 0 */
} ringbell_error;

/* "closed", "peer_dead", ...; "unknown" for a number that is no code. */
RINGBELL_C_API const char* ringbell_code_name(int code);
/* Of the library that runs, as opposed to RINGBELL_VERSION_MAJOR and so on: "0.1.0". */
RINGBELL_C_API const char* ringbell_version(void);
/* Of shared memory: processes can share a region if theirs is the same. */
RINGBELL_C_API uint32_t ringbell_layout_version(void);

/* ---- channels: one sender, one receiver, records of any size ---- */

/* Memory and doorbells, to which both sides attach. */
typedef struct ringbell_channel ringbell_channel;
typedef struct ringbell_sender ringbell_sender;
typedef struct ringbell_receiver ringbell_receiver;

enum ringbell_doorbell {
  RINGBELL_DOORBELL_FUTEX = 0,
  RINGBELL_DOORBELL_EVENTFD = 1,
  RINGBELL_DOORBELL_NONE = 2 /* both sides spin */
};

enum ringbell_huge_pages {
  RINGBELL_HUGE_PAGES_NEVER = 0,
  RINGBELL_HUGE_PAGES_PREFER = 1,
  RINGBELL_HUGE_PAGES_REQUIRE = 2
};

enum ringbell_memory_flags {
  RINGBELL_NO_PREFAULT = 1, /* pages are made when they are first touched */
  RINGBELL_LOCK_MEMORY = 2  /* mlock */
};

typedef struct ringbell_channel_options {
  uint64_t capacity_bytes;   /* 0: 256 KiB. Rounded up to a power of two; smallest 4096 */
  uint32_t record_alignment; /* 0: 8. Or 16, 32, 64: no two records share a cache line */
  uint32_t doorbell;         /* enum ringbell_doorbell */
  uint32_t huge_pages;       /* enum ringbell_huge_pages */
  uint32_t memory_flags;     /* enum ringbell_memory_flags, or-ed */
  uint64_t reserved[4];
} ringbell_channel_options;

enum ringbell_wait_flags {
  RINGBELL_WAIT_SPIN = 1,      /* never sleep; needs a CPU to itself */
  RINGBELL_WAIT_YIELD = 2,     /* give the CPU away between two looks */
  RINGBELL_WAIT_QUICK_WAKE = 4 /* hold /dev/cpu_dma_latency at 0, where that is permitted */
};

typedef struct ringbell_wait_options {
  int64_t spin_budget_ns;   /* before sleeping. 0: 20 us; negative: sleep at once */
  int64_t longest_sleep_ns; /* before looking again unasked. 0: 100 ms */
  uint32_t flags;           /* enum ringbell_wait_flags, or-ed */
  uint32_t reserved_flags;
  uint64_t reserved[4];
} ringbell_wait_options;

/* What must reach the other process: inherited over fork, or passed over a UNIX socket. The bells
 * are -1 unless the channel rings by eventfd. */
typedef struct ringbell_channel_fds {
  int memory;
  int data_bell;
  int space_bell;
} ringbell_channel_fds;

RINGBELL_C_API int ringbell_channel_create(const ringbell_channel_options* options,
                                           ringbell_channel** channel, ringbell_error* error);
/* Duplicates the descriptors: the caller keeps its own. Everything in them is checked. */
RINGBELL_C_API int ringbell_channel_attach(const ringbell_channel_fds* fds,
                                           ringbell_channel** channel, ringbell_error* error);
/* The descriptors stay the channel's, and are closed on exec. */
RINGBELL_C_API ringbell_channel_fds ringbell_channel_get_fds(const ringbell_channel* channel);
/* For a channel that was given to no sender and no receiver. NULL is allowed. */
RINGBELL_C_API void ringbell_channel_destroy(ringbell_channel* channel);

/* Takes the writer's role. The channel belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_sender_open(ringbell_channel* channel,
                                        const ringbell_wait_options* wait, ringbell_sender** sender,
                                        ringbell_error* error);
/* Room for a record of this size, to be filled in place. The receiver sees nothing of it before it
 * is committed. */
RINGBELL_C_API int ringbell_sender_claim(ringbell_sender* sender, uint32_t size_bytes,
                                         int64_t timeout_ns, void** room, ringbell_error* error);
/* Makes the claimed record and all that are staged visible. It turned out to be size_bytes long:
 * at most what was claimed; 0: just that. REQUIRES: an open claim. */
RINGBELL_C_API void ringbell_sender_commit(ringbell_sender* sender, uint32_t size_bytes);
/* Completes the claimed record; it becomes visible with the next commit or flush. */
RINGBELL_C_API void ringbell_sender_stage(ringbell_sender* sender, uint32_t size_bytes);
RINGBELL_C_API void ringbell_sender_flush(ringbell_sender* sender);
/* Forgets the claim and all that is staged. */
RINGBELL_C_API void ringbell_sender_abort(ringbell_sender* sender);
/* Copies a record in. */
RINGBELL_C_API int ringbell_sender_send(ringbell_sender* sender, const void* bytes,
                                        size_t size_bytes, int64_t timeout_ns,
                                        ringbell_error* error);
RINGBELL_C_API uint32_t ringbell_sender_max_record_bytes(const ringbell_sender* sender);
/* In order: the receiver reads what was committed, then learns RINGBELL_CLOSED. NULL is allowed. */
RINGBELL_C_API void ringbell_sender_close(ringbell_sender* sender);

/* Takes the reader's role. The channel belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_receiver_open(ringbell_channel* channel,
                                          const ringbell_wait_options* wait,
                                          ringbell_receiver** receiver, ringbell_error* error);
/* The next record, in place; the same one until it is released or held. A hostile sender can change
 * it while it is read: copy before you check what must not change. */
RINGBELL_C_API int ringbell_receiver_peek(ringbell_receiver* receiver, int64_t timeout_ns,
                                          const void** record, size_t* size_bytes,
                                          ringbell_error* error);
/* Gives the peeked record and all that are held back to the sender. */
RINGBELL_C_API void ringbell_receiver_release(ringbell_receiver* receiver);
/* Keeps the peeked record and moves on to the next. */
RINGBELL_C_API void ringbell_receiver_hold(ringbell_receiver* receiver);
/* Copies a record out. RINGBELL_TOO_LARGE if there is not enough room: it stays where it is. */
RINGBELL_C_API int ringbell_receiver_receive(ringbell_receiver* receiver, void* into,
                                             size_t room_bytes, int64_t timeout_ns,
                                             size_t* size_bytes, ringbell_error* error);
/* The sender learns RINGBELL_CLOSED when it next waits. NULL is allowed. */
RINGBELL_C_API void ringbell_receiver_close(ringbell_receiver* receiver);

/* ---- connections: a channel each way with a peer that is found by name ---- */

typedef struct ringbell_listener ringbell_listener;
typedef struct ringbell_connection ringbell_connection;

/* `channels` is how each of them is made; if it is NULL, they ring by eventfd. RINGBELL_BUSY if a
 * living process has the name. Names are 1 to 64 of a-z 0-9 . _ - */
RINGBELL_C_API int ringbell_listener_open(const char* name,
                                          const ringbell_channel_options* channels,
                                          const ringbell_wait_options* wait,
                                          ringbell_listener** listener, ringbell_error* error);
RINGBELL_C_API int ringbell_listener_accept(ringbell_listener* listener, int64_t timeout_ns,
                                            ringbell_connection** connection,
                                            ringbell_error* error);
/* Readable when accept may have something to do. Stays the listener's. */
RINGBELL_C_API int ringbell_listener_fd(const ringbell_listener* listener);
/* Takes the name away; connections live on. NULL is allowed. */
RINGBELL_C_API void ringbell_listener_close(ringbell_listener* listener);

/* RINGBELL_NOT_FOUND if nobody listened in time. */
RINGBELL_C_API int ringbell_connect(const char* name, int64_t timeout_ns,
                                    const ringbell_wait_options* wait,
                                    ringbell_connection** connection, ringbell_error* error);
/* These two belong to the connection: they are closed with it, and not by themselves. */
RINGBELL_C_API ringbell_sender* ringbell_connection_sender(ringbell_connection* connection);
RINGBELL_C_API ringbell_receiver* ringbell_connection_receiver(ringbell_connection* connection);
/* Hangs up (POLLHUP) once the peer is gone. Stays the connection's; nothing travels on it. */
RINGBELL_C_API int ringbell_connection_fd(const ringbell_connection* connection);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_connection_close(ringbell_connection* connection);

#ifdef __cplusplus
}
#endif

#endif
