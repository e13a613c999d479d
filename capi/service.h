/* Services: many clients, one server, each call is answered. */
#ifndef RINGBELL_CAPI_SERVICE_H
#define RINGBELL_CAPI_SERVICE_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ringbell_service ringbell_service;
typedef struct ringbell_client ringbell_client;
typedef struct ringbell_server ringbell_server;
typedef struct ringbell_ticket ringbell_ticket;
typedef struct ringbell_taken ringbell_taken;

typedef struct ringbell_service_options {
  uint32_t clients; /* 0: 16. At a time, at most 1024 */
  uint32_t
      message_bytes; /* 0: 48, which travel in the line itself. The largest; rounded up to lines */
  uint32_t doorbell; /* enum ringbell_doorbell: futex or none */
  uint32_t huge_pages;     /* enum ringbell_huge_pages */
  uint32_t memory_flags;   /* enum ringbell_memory_flags, or-ed */
  uint32_t tickets;        /* of each client at a time. clients * (1 + tickets) is at most 1024 */
  const char* memory_name; /* as ringbell_channel_options has it */
  uint32_t backing;        /* enum ringbell_backing */
  uint32_t reserved_word;
  uint64_t reserved[2];
} ringbell_service_options;

RINGBELL_C_API int ringbell_service_create(const ringbell_service_options* options,
                                           ringbell_service** service, ringbell_error* error);
/* By the descriptor of another process's service, which the caller keeps. */
RINGBELL_C_API int ringbell_service_attach(int fd, ringbell_service** service,
                                           ringbell_error* error);
/* What must reach the other processes. Stays the service's, and is closed on exec. */
RINGBELL_C_API int ringbell_service_fd(const ringbell_service* service);
/* For a service that was given to no client and no server. NULL is allowed. */
RINGBELL_C_API void ringbell_service_destroy(ringbell_service* service);

/* RINGBELL_NO_PLACE if it has as many clients as it takes. The service belongs to the call, whether
 * it succeeds or not. */
RINGBELL_C_API int ringbell_client_open(ringbell_service* service,
                                        const ringbell_wait_options* wait, ringbell_client** client,
                                        ringbell_error* error);
/* By name: waits until the service is there; RINGBELL_NOT_FOUND if it does not come in time. */
RINGBELL_C_API int ringbell_client_open_name(const char* name, int64_t timeout_ns,
                                             const ringbell_wait_options* wait,
                                             ringbell_client** client, ringbell_error* error);
/* What became of a call that gave no answer. */
enum ringbell_fate {
  RINGBELL_FATE_NONE = 0,      /* there was no call */
  RINGBELL_FATE_WITHDRAWN = 1, /* no server has begun it, and none will: it may be called again */
  RINGBELL_FATE_MAYBE_SERVED = 2, /* a server has begun it, and serves it perhaps all the same */
  RINGBELL_FATE_SERVED = 3        /* it was answered, but the answer was not taken */
};

/* Sends a request and waits for its response. RINGBELL_NOT_NOW: time is up, the call is given up;
 * ringbell_client_fate() says what comes of it, then and after any error. */
RINGBELL_C_API int ringbell_client_call(ringbell_client* client, const void* request,
                                        size_t request_bytes, void* response, size_t room_bytes,
                                        int64_t timeout_ns, size_t* response_bytes,
                                        ringbell_error* error);
/* The same in two parts, neither of which waits. Begin: RINGBELL_NOT_NOW if the server has not yet
 * answered a call that it had begun when it was abandoned. */
RINGBELL_C_API int ringbell_client_begin(ringbell_client* client, const void* request,
                                         size_t request_bytes, ringbell_error* error);
/* RINGBELL_NOT_NOW: not answered yet. RINGBELL_TOO_LARGE: the response stays, for a larger room.
 * Any other code ends the call. */
RINGBELL_C_API int ringbell_client_finish(ringbell_client* client, void* response,
                                          size_t room_bytes, size_t* response_bytes,
                                          ringbell_error* error);
/* After ringbell_client_begin(), in its place: the parts of the answer in turn, each in place until
 * the next is asked for. RINGBELL_NOT_NOW: time is up, the call is given up. RINGBELL_CLOSED, and
 * the fate is RINGBELL_FATE_SERVED: there is no more. Any code but RINGBELL_OK ends the call. */
RINGBELL_C_API int ringbell_client_next(ringbell_client* client, int64_t timeout_ns,
                                        const void** part, size_t* size_bytes,
                                        ringbell_error* error);
/* Gives up the call that was begun, if there is one, and takes the request back if no server has
 * begun it. */
RINGBELL_C_API void ringbell_client_abandon(ringbell_client* client);
/* An enum ringbell_fate: of the last call that gave no answer. */
RINGBELL_C_API int ringbell_client_fate(const ringbell_client* client);
/* Sends a request and does not wait; many may be under way, which the server answers in any order.
 * RINGBELL_NO_PLACE: as many as the service's `tickets`, those included that were given up and are
 * still being served. Tickets are used by the client's thread. */
RINGBELL_C_API int ringbell_client_start(ringbell_client* client, const void* request,
                                         size_t request_bytes, ringbell_ticket** ticket,
                                         ringbell_error* error);
/* Waits until any ticket of this client whose response was not given yet has something to give.
 * RINGBELL_NOT_NOW: time is up. RINGBELL_INVALID_ARGUMENT: there is no such ticket. */
RINGBELL_C_API int ringbell_client_wait_any(ringbell_client* client, int64_t timeout_ns,
                                            ringbell_error* error);
/* The response, in place until the ticket or its client goes. RINGBELL_NOT_NOW: time is up, the
 * call stays under way, as it does after RINGBELL_CANCELLED. Any other error ends it. */
RINGBELL_C_API int ringbell_ticket_wait(ringbell_ticket* ticket, int64_t timeout_ns,
                                        const void** response, size_t* size_bytes,
                                        ringbell_error* error);
/* The parts of the answer in turn, each in place until the next is asked for: as
 * ringbell_client_next(), but the call stays under way when the time is up. */
RINGBELL_C_API int ringbell_ticket_next(ringbell_ticket* ticket, int64_t timeout_ns,
                                        const void** part, size_t* size_bytes,
                                        ringbell_error* error);
/* Gives the call up, and takes the request back if no server has begun it. Returns an enum
 * ringbell_fate. */
RINGBELL_C_API int ringbell_ticket_abandon(ringbell_ticket* ticket);
/* An enum ringbell_fate; none, while the call is under way. */
RINGBELL_C_API int ringbell_ticket_fate(const ringbell_ticket* ticket);
/* Gives the call up if it is under way. NULL is allowed. */
RINGBELL_C_API void ringbell_ticket_destroy(ringbell_ticket* ticket);
/* Of a request, and of a response. */
RINGBELL_C_API uint32_t ringbell_client_max_message_bytes(const ringbell_client* client);
/* For epoll, poll and other loops. The descriptor is readable once the server has rung, and after
 * longest_sleep_ns; it stays the client's. */
RINGBELL_C_API int ringbell_client_waitable_fd(ringbell_client* client, int* fd,
                                               ringbell_error* error);
/* Announces a sleep until the call under way is answered (else, until one can be begun), then
 * looks. 1: armed; sleep until the descriptor is readable, look, and arm again. 0: do not sleep. */
RINGBELL_C_API int ringbell_client_arm(ringbell_client* client);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_client_disarm(ringbell_client* client);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_client_interrupt(ringbell_client* client);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_client_name_lost(const ringbell_client* client);
/* An enum ringbell_peer: the server. A system call. */
RINGBELL_C_API int ringbell_client_peer(const ringbell_client* client);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_client_close(ringbell_client* client);

/* RINGBELL_BUSY if a living process serves. The service belongs to the call, whether it succeeds or
 * not. */
RINGBELL_C_API int ringbell_server_open(ringbell_service* service,
                                        const ringbell_wait_options* wait, ringbell_server** server,
                                        ringbell_error* error);
/* By name: makes the service, or takes the place of a server that is gone. */
RINGBELL_C_API int ringbell_server_create(const char* name, const ringbell_service_options* options,
                                          const ringbell_wait_options* wait,
                                          ringbell_server** server, ringbell_error* error);
/* The next request, in place; the same one until it is answered. Copy what must not change after a
 * check: a hostile client can change it. */
RINGBELL_C_API int ringbell_server_request(ringbell_server* server, int64_t timeout_ns,
                                           const void** request, size_t* size_bytes,
                                           ringbell_error* error);
/* How far the server is behind: calls that are not answered, the one that it serves included. */
RINGBELL_C_API uint64_t ringbell_server_lag(const ringbell_server* server);
/* 1: the client has given up the request that is being served, no process waits for its answer. */
RINGBELL_C_API int ringbell_server_is_cancelled(const ringbell_server* server);
/* Copies the response in. RINGBELL_INVALID_ARGUMENT if no request is being served. */
RINGBELL_C_API int ringbell_server_respond(ringbell_server* server, const void* response,
                                           size_t size_bytes, ringbell_error* error);
/* The next request, to be answered later, in any order and on any thread: the next one is another.
 * One thread at a time uses it. RINGBELL_NOT_NOW: time is up. */
RINGBELL_C_API int ringbell_server_take(ringbell_server* server, int64_t timeout_ns,
                                        ringbell_taken** taken, ringbell_error* error);
/* In place, until it is answered. */
RINGBELL_C_API const void* ringbell_taken_request(const ringbell_taken* taken, size_t* size_bytes);
/* 1: no process waits for the answer any more: the client has given up or died, or the server is
 * closed. A death is seen by a server that waits for requests, or polls. */
RINGBELL_C_API int ringbell_taken_is_cancelled(const ringbell_taken* taken);
/* RINGBELL_TOO_LARGE leaves it as it was. RINGBELL_CLOSED: the server was closed meanwhile;
 * RINGBELL_INVALID_ARGUMENT: it was answered already. */
RINGBELL_C_API int ringbell_taken_respond(ringbell_taken* taken, const void* response,
                                          size_t size_bytes, ringbell_error* error);
/* A part of the answer: the call goes on. Waits until the client has asked for more than the part
 * before. RINGBELL_NOT_NOW: time is up, and it was not sent. RINGBELL_DROPPED: the client gave up
 * or died. Any error but RINGBELL_TOO_LARGE ends the call. */
RINGBELL_C_API int ringbell_taken_send(ringbell_taken* taken, const void* part, size_t size_bytes,
                                       int64_t timeout_ns, ringbell_error* error);
/* Ends the call with what was sent. */
RINGBELL_C_API int ringbell_taken_finish(ringbell_taken* taken, ringbell_error* error);
/* Unanswered it is dropped: the client has RINGBELL_DROPPED. NULL is allowed. */
RINGBELL_C_API void ringbell_taken_destroy(ringbell_taken* taken);
RINGBELL_C_API uint32_t ringbell_server_max_message_bytes(const ringbell_server* server);
/* For epoll, poll and other loops. The descriptor is readable once a client has rung, and after
 * longest_sleep_ns; it stays the server's. */
RINGBELL_C_API int ringbell_server_waitable_fd(ringbell_server* server, int* fd,
                                               ringbell_error* error);
/* Announces a sleep, then looks. 1: armed; sleep until the descriptor is readable, look, and arm
 * again. 0: do not sleep: there is a request. */
RINGBELL_C_API int ringbell_server_arm(ringbell_server* server);
/* Takes it back, for a loop that will not look for a while. */
RINGBELL_C_API void ringbell_server_disarm(ringbell_server* server);
/* As ringbell_sender_interrupt(). */
RINGBELL_C_API void ringbell_server_interrupt(ringbell_server* server);
/* As ringbell_sender_name_lost(). */
RINGBELL_C_API int ringbell_server_name_lost(const ringbell_server* server);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_server_close(ringbell_server* server);

#ifdef __cplusplus
}
#endif

#endif
