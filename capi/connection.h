/* Connections: a channel each way with a peer that is found by name. */
#ifndef RINGBELL_CAPI_CONNECTION_H
#define RINGBELL_CAPI_CONNECTION_H

#include <ringbell/capi/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* RINGBELL_NOT_FOUND if no listener came in time. */
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
