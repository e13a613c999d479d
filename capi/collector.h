/* Collectors: many contributors, one reader, the messages of each in order. */
#ifndef RINGBELL_CAPI_COLLECTOR_H
#define RINGBELL_CAPI_COLLECTOR_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The memory of all its lanes: of each contributor one. */
typedef struct ringbell_lanes ringbell_lanes;
typedef struct ringbell_contributor ringbell_contributor;
typedef struct ringbell_collector ringbell_collector;

enum ringbell_collector_flags {
  /* Each message carries when it was sent and by which sender: ringbell_collector_user_header. */
  RINGBELL_COLLECTOR_TIMED = 1
};

typedef struct ringbell_collector_options {
  uint64_t capacity_bytes;    /* 0: 64 KiB. Of each contributor's lane; a power of two */
  uint32_t contributors;      /* 0: 16. At a time, at most 1024 */
  uint32_t record_alignment;  /* 0: 8. Or 16, 32, 64: no two records share a cache line */
  uint32_t doorbell;          /* enum ringbell_doorbell: futex or none */
  uint32_t huge_pages;        /* enum ringbell_huge_pages */
  uint32_t memory_flags;      /* enum ringbell_memory_flags, or-ed */
  uint32_t payload_alignment; /* 0: 8. Or 16, 32, 64: messages stand at multiples of it */
  const char* memory_name;    /* as ringbell_channel_options has it */
  uint32_t backing;           /* enum ringbell_backing */
  uint32_t flags;             /* enum ringbell_collector_flags, or-ed */
  uint64_t reserved[2];
} ringbell_collector_options;

RINGBELL_C_API int ringbell_lanes_create(const ringbell_collector_options* options,
                                         ringbell_lanes** lanes, ringbell_error* error);
/* By the descriptor of another process's lanes, which the caller keeps. */
RINGBELL_C_API int ringbell_lanes_attach(int fd, ringbell_lanes** lanes, ringbell_error* error);
/* What must reach the other processes. Stays the lanes', and is closed on exec. */
RINGBELL_C_API int ringbell_lanes_fd(const ringbell_lanes* lanes);
/* For lanes that were given to no contributor and no collector. NULL is allowed. */
RINGBELL_C_API void ringbell_lanes_destroy(ringbell_lanes* lanes);

/* RINGBELL_NO_PLACE if it has as many contributors as it takes. The lanes belong to the call,
 * whether it succeeds or not. */
RINGBELL_C_API int ringbell_contributor_open(ringbell_lanes* lanes,
                                             const ringbell_wait_options* wait,
                                             ringbell_contributor** contributor,
                                             ringbell_error* error);
/* By name: makes the collector's ring, or joins what is there with these options. */
RINGBELL_C_API int ringbell_contributor_create(const char* name,
                                               const ringbell_collector_options* options,
                                               const ringbell_wait_options* wait,
                                               ringbell_contributor** contributor,
                                               ringbell_error* error);
/* Waits until the collector is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_contributor_open_name(const char* name, int64_t timeout_ns,
                                                  const ringbell_wait_options* wait,
                                                  ringbell_contributor** contributor,
                                                  ringbell_error* error);
/* These are as those of ringbell_sender, of whose lane no other end is the writer. */
RINGBELL_C_API int ringbell_contributor_claim(ringbell_contributor* contributor, size_t size_bytes,
                                              int64_t timeout_ns, void** room,
                                              ringbell_error* error);
RINGBELL_C_API void ringbell_contributor_commit(ringbell_contributor* contributor,
                                                size_t size_bytes);
RINGBELL_C_API void ringbell_contributor_stage(ringbell_contributor* contributor,
                                               size_t size_bytes);
RINGBELL_C_API void ringbell_contributor_flush(ringbell_contributor* contributor);
RINGBELL_C_API void ringbell_contributor_abort(ringbell_contributor* contributor);
RINGBELL_C_API void ringbell_contributor_set_source(ringbell_contributor* contributor,
                                                    uint32_t source);
RINGBELL_C_API int ringbell_contributor_send(ringbell_contributor* contributor, const void* bytes,
                                             size_t size_bytes, int64_t timeout_ns,
                                             ringbell_error* error);
RINGBELL_C_API void ringbell_contributor_require_reader(ringbell_contributor* contributor,
                                                        int required);
RINGBELL_C_API uint32_t
ringbell_contributor_max_record_bytes(const ringbell_contributor* contributor);
RINGBELL_C_API uint64_t ringbell_contributor_fill(const ringbell_contributor* contributor);
/* Which lane it has: what ringbell_collector_lane() says of its messages. */
RINGBELL_C_API uint32_t ringbell_contributor_lane(const ringbell_contributor* contributor);
/* For epoll, poll and other loops. The descriptor is readable once there may be room, and after
 * longest_sleep_ns; it stays the contributor's. */
RINGBELL_C_API int ringbell_contributor_waitable_fd(ringbell_contributor* contributor, int* fd,
                                                    ringbell_error* error);
RINGBELL_C_API int ringbell_contributor_arm(ringbell_contributor* contributor, size_t size_bytes);
RINGBELL_C_API void ringbell_contributor_disarm(ringbell_contributor* contributor);
RINGBELL_C_API void ringbell_contributor_interrupt(ringbell_contributor* contributor);
RINGBELL_C_API int ringbell_contributor_peer(const ringbell_contributor* contributor);
RINGBELL_C_API int ringbell_contributor_name_lost(const ringbell_contributor* contributor);
/* What was committed is read all the same. NULL is allowed. */
RINGBELL_C_API void ringbell_contributor_close(ringbell_contributor* contributor);

/* RINGBELL_BUSY if a living process collects. The lanes belong to the call, whether it succeeds or
 * not. */
RINGBELL_C_API int ringbell_collector_open(ringbell_lanes* lanes, const ringbell_wait_options* wait,
                                           ringbell_collector** collector, ringbell_error* error);
/* By name: makes the ring, or joins what is there with these options, and what is in it. */
RINGBELL_C_API int ringbell_collector_create(const char* name,
                                             const ringbell_collector_options* options,
                                             const ringbell_wait_options* wait,
                                             ringbell_collector** collector, ringbell_error* error);
/* Waits until a contributor is there, or something is left to read. */
RINGBELL_C_API int ringbell_collector_open_name(const char* name, int64_t timeout_ns,
                                                const ringbell_wait_options* wait,
                                                ringbell_collector** collector,
                                                ringbell_error* error);
/* The next message, in place; the same one until it is released. A hostile contributor can change
 * it while it is read. Contributors come and go: no error says that none is there. */
RINGBELL_C_API int ringbell_collector_peek(ringbell_collector* collector, int64_t timeout_ns,
                                           const void** message, size_t* size_bytes,
                                           ringbell_error* error);
/* Gives it back. Nothing happens if none is peeked at. */
RINGBELL_C_API void ringbell_collector_release(ringbell_collector* collector);
/* Whose the message is that came last: ringbell_contributor_lane(). */
RINGBELL_C_API uint32_t ringbell_collector_lane(const ringbell_collector* collector);
/* What stands in front of the peeked message. 0: none is peeked, or the collector is not timed. */
RINGBELL_C_API int ringbell_collector_user_header(ringbell_collector* collector,
                                                  ringbell_user_header* header);
/* Copies the next message out. RINGBELL_TOO_LARGE: the room is too small; it stays where it is. */
RINGBELL_C_API int ringbell_collector_receive(ringbell_collector* collector, void* into,
                                              size_t room_bytes, int64_t timeout_ns,
                                              size_t* size_bytes, ringbell_error* error);
/* How far it is behind: bytes in all lanes that were committed and not given back. */
RINGBELL_C_API uint64_t ringbell_collector_lag(const ringbell_collector* collector);
/* Lanes in which something impossible stood. They are set aside, the others go on. */
RINGBELL_C_API uint32_t ringbell_collector_corrupt_lanes(const ringbell_collector* collector);
RINGBELL_C_API int ringbell_collector_waitable_fd(ringbell_collector* collector, int* fd,
                                                  ringbell_error* error);
RINGBELL_C_API int ringbell_collector_arm(ringbell_collector* collector);
RINGBELL_C_API void ringbell_collector_disarm(ringbell_collector* collector);
RINGBELL_C_API void ringbell_collector_interrupt(ringbell_collector* collector);
RINGBELL_C_API int ringbell_collector_name_lost(const ringbell_collector* collector);
/* Contributors learn RINGBELL_CLOSED when they next wait. NULL is allowed. */
RINGBELL_C_API void ringbell_collector_close(ringbell_collector* collector);

#ifdef __cplusplus
}
#endif

#endif
