/* Connections: a channel each way with a peer that is found by name. */
#ifndef RINGBELL_CAPI_CONNECTION_H
#define RINGBELL_CAPI_CONNECTION_H

#include <ringbell/capi/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_listener ringbell_listener;
typedef struct ringbell_connection ringbell_connection;

/* Where a listener is to be found. */
enum ringbell_place {
  RINGBELL_PLACE_FOLDER = 0,  /* in a folder of names: other users cannot reach it */
  RINGBELL_PLACE_GROUP = 1,   /* in one that a group shares, which RINGBELL_DIR names */
  RINGBELL_PLACE_ABSTRACT = 2 /* a name in the kernel, which any process can take first */
};

/* Start from a zeroed struct. */
typedef struct ringbell_connect_options {
  uint32_t place; /* enum ringbell_place */
  uint32_t reserved_word;
  const uint32_t* listener_uid;      /* the user that listens; NULL: this one */
  const ringbell_wait_options* wait; /* NULL: the defaults */
  /* Asked with `argument` while the call waits, at least every 50 ms: what is not 0 gives up. For
   * programs whose signals must end that too: the handler sets a flag, this one looks at it. */
  int (*give_up)(void* argument);
  void* argument;
  uint64_t reserved[4];
} ringbell_connect_options;

/* `channels` is how each of them is made; if it is NULL, they ring by eventfd, and by futex with a
 * peer of another user. RINGBELL_BUSY if a living process has the name. Names are 1 to 64 of
 * a-z 0-9 . _ - */
RINGBELL_C_API int ringbell_listener_open(const char* name,
                                          const ringbell_channel_options* channels,
                                          const ringbell_wait_options* wait,
                                          ringbell_listener** listener, ringbell_error* error);
/* The same at another place, for other users too: those of `count` uids. RINGBELL_INVALID_ARGUMENT
 * if they cannot come there, or no group shares the folder. */
RINGBELL_C_API int ringbell_listener_open_at(const char* name, int place,
                                             const uint32_t* also_allowed, size_t count,
                                             const ringbell_channel_options* channels,
                                             const ringbell_wait_options* wait,
                                             ringbell_listener** listener, ringbell_error* error);
RINGBELL_C_API int ringbell_listener_accept(ringbell_listener* listener, int64_t timeout_ns,
                                            ringbell_connection** connection,
                                            ringbell_error* error);
/* Readable when accept may have something to do. Stays the listener's. */
RINGBELL_C_API int ringbell_listener_fd(const ringbell_listener* listener);
/* 1: no connector finds it by its name any more, the socket's file was removed, renamed or replaced
 * by hand. Some system calls: for a timer. */
RINGBELL_C_API int ringbell_listener_name_lost(const ringbell_listener* listener);
/* Takes the name away; connections live on. NULL is allowed. */
RINGBELL_C_API void ringbell_listener_close(ringbell_listener* listener);

/* RINGBELL_NOT_FOUND if no listener came in time. */
RINGBELL_C_API int ringbell_connect(const char* name, int64_t timeout_ns,
                                    const ringbell_wait_options* wait,
                                    ringbell_connection** connection, ringbell_error* error);
/* The same with options; NULL stands for the defaults. RINGBELL_PERMISSION if another user than
 * `listener_uid` listens there; RINGBELL_CANCELLED if it was given up. */
RINGBELL_C_API int ringbell_connect_with(const char* name, int64_t timeout_ns,
                                         const ringbell_connect_options* options,
                                         ringbell_connection** connection, ringbell_error* error);
/* The user at the other end, as the kernel tells. */
RINGBELL_C_API uint32_t ringbell_connection_peer_uid(const ringbell_connection* connection);
RINGBELL_C_API uint32_t ringbell_connection_peer_gid(const ringbell_connection* connection);
/* Its process, for people; 0 if this one cannot see the other's pid namespace. */
RINGBELL_C_API int32_t ringbell_connection_peer_pid(const ringbell_connection* connection);
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
