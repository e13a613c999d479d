/* States: the latest value, of one key or several; one writer, any number of readers. */
#ifndef RINGBELL_CAPI_STATE_H
#define RINGBELL_CAPI_STATE_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_state ringbell_state;
typedef struct ringbell_state_writer ringbell_state_writer;
typedef struct ringbell_state_reader ringbell_state_reader;

typedef struct ringbell_state_options {
  uint32_t value_bytes;      /* 0: 256. The largest; each key takes four times that, or more */
  uint32_t keys;             /* 0: 1. At most 65536 */
  uint32_t readers_in_place; /* that may look at values in place, at a time; any number may copy */
  uint32_t doorbell;         /* enum ringbell_doorbell: futex or none */
  uint32_t huge_pages;       /* enum ringbell_huge_pages */
  uint32_t memory_flags;     /* enum ringbell_memory_flags, or-ed */
  const char* memory_name;   /* as ringbell_channel_options has it */
  uint32_t backing;          /* enum ringbell_backing */
  uint32_t reserved_word;
  uint64_t reserved[2];
} ringbell_state_options;

/* What must reach the other processes. */
typedef struct ringbell_state_fds {
  int memory;
  int bells;
} ringbell_state_fds;

RINGBELL_C_API int ringbell_state_create(const ringbell_state_options* options,
                                         ringbell_state** state, ringbell_error* error);
/* To read. The caller keeps its descriptors. */
RINGBELL_C_API int ringbell_state_attach(const ringbell_state_fds* fds, ringbell_state** state,
                                         ringbell_error* error);
/* The descriptors stay the state's, and are closed on exec. */
RINGBELL_C_API ringbell_state_fds ringbell_state_get_fds(const ringbell_state* state);
/* For a state that was given to no writer and no reader. NULL is allowed. */
RINGBELL_C_API void ringbell_state_destroy(ringbell_state* state);

/* The state belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_state_writer_open(ringbell_state* state,
                                              const ringbell_wait_options* wait,
                                              ringbell_state_writer** writer,
                                              ringbell_error* error);
/* By name: makes the state, or goes on with what a writer left there with these options. */
RINGBELL_C_API int ringbell_state_writer_create(const char* name,
                                                const ringbell_state_options* options,
                                                const ringbell_wait_options* wait,
                                                ringbell_state_writer** writer,
                                                ringbell_error* error);
/* Copies a value in: it is the newest of its key from now on. Never waits. */
RINGBELL_C_API int ringbell_state_writer_set(ringbell_state_writer* writer, uint32_t key,
                                             const void* bytes, size_t size_bytes,
                                             ringbell_error* error);
/* The same in place: room for a value of *room_bytes at most, shown by the commit. NULL: there is
 * no such key, or the state is corrupt. */
RINGBELL_C_API void* ringbell_state_writer_claim(ringbell_state_writer* writer, uint32_t key,
                                                 size_t* room_bytes);
/* 1; or 0: nothing is claimed, or it cannot have that size, and nothing happened. */
RINGBELL_C_API int ringbell_state_writer_commit(ringbell_state_writer* writer, size_t size_bytes);
RINGBELL_C_API void ringbell_state_writer_abort(ringbell_state_writer* writer);
/* How often the key was set, by this writer and those before it. */
RINGBELL_C_API uint64_t ringbell_state_writer_number(const ringbell_state_writer* writer,
                                                     uint32_t key);
RINGBELL_C_API uint32_t ringbell_state_writer_max_value_bytes(const ringbell_state_writer* writer);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_state_writer_name_lost(const ringbell_state_writer* writer);
/* Readers that wait learn RINGBELL_CLOSED. NULL is allowed. */
RINGBELL_C_API void ringbell_state_writer_close(ringbell_state_writer* writer);

/* The state belongs to the call, whether it succeeds or not. */
RINGBELL_C_API int ringbell_state_reader_open(ringbell_state* state,
                                              const ringbell_wait_options* wait,
                                              ringbell_state_reader** reader,
                                              ringbell_error* error);
/* By name: waits until the writer is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_state_reader_open_name(const char* name, int64_t timeout_ns,
                                                   const ringbell_wait_options* wait,
                                                   ringbell_state_reader** reader,
                                                   ringbell_error* error);
/* Copies the newest value out, into room for ringbell_state_reader_max_value_bytes() or more. Never
 * waits. RINGBELL_NOT_NOW: there is none yet. */
RINGBELL_C_API int ringbell_state_reader_get(ringbell_state_reader* reader, uint32_t key,
                                             void* into, size_t room_bytes, size_t* size_bytes,
                                             ringbell_error* error);
/* The newest value where it stands: it stays as it is until the release, or the next look.
 * RINGBELL_NOT_NOW: there is none yet. RINGBELL_NO_PLACE: as many readers look as may. */
RINGBELL_C_API int ringbell_state_reader_look(ringbell_state_reader* reader, uint32_t key,
                                              const void** value, size_t* size_bytes,
                                              ringbell_error* error);
/* 1; or 0: a hostile peer changed it meanwhile, or nothing is looked at. */
RINGBELL_C_API int ringbell_state_reader_release(ringbell_state_reader* reader);
/* 1: there is a newer value than this reader has had of that key; else 0. */
RINGBELL_C_API int ringbell_state_reader_changed(const ringbell_state_reader* reader, uint32_t key);
/* Waits for that. RINGBELL_NOT_NOW: time is up. */
RINGBELL_C_API int ringbell_state_reader_wait_changed(ringbell_state_reader* reader, uint32_t key,
                                                      int64_t timeout_ns, ringbell_error* error);
/* Which value of the key this reader has had last, from 1 on; 0: none. */
RINGBELL_C_API uint64_t ringbell_state_reader_number(const ringbell_state_reader* reader,
                                                     uint32_t key);
/* For epoll, poll and other loops. The descriptor is readable once the writer has rung, and after
 * longest_sleep_ns; it stays the reader's. */
RINGBELL_C_API int ringbell_state_reader_waitable_fd(ringbell_state_reader* reader, int* fd,
                                                     ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: some key has changed, or the writer has closed. */
RINGBELL_C_API int ringbell_state_reader_arm(ringbell_state_reader* reader);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_state_reader_disarm(ringbell_state_reader* reader);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_state_reader_interrupt(ringbell_state_reader* reader);
/* As ringbell_sender_name_lost(). The name also goes when the writer closes. */
RINGBELL_C_API int ringbell_state_reader_name_lost(const ringbell_state_reader* reader);
/* An enum ringbell_peer: the writer. A system call. */
RINGBELL_C_API int ringbell_state_reader_peer(const ringbell_state_reader* reader);
RINGBELL_C_API uint32_t ringbell_state_reader_max_value_bytes(const ringbell_state_reader* reader);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_state_reader_close(ringbell_state_reader* reader);

#ifdef __cplusplus
}
#endif

#endif
