/* Channels in a file on a disk, and records that are known to be whole after a power cut: each
 * carries a seal, its position, its size and a CRC32C over both and the payload. */
#ifndef RINGBELL_CAPI_SEALED_H
#define RINGBELL_CAPI_SEALED_H

#include <ringbell/capi/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A channel in a new file of this path. With RINGBELL_CHANNEL_SEALS in the options its records can
 * have seals. */
RINGBELL_C_API int ringbell_channel_create_file(const char* path,
                                                const ringbell_channel_options* options,
                                                ringbell_channel** channel, ringbell_error* error);
/* The one that is there. RINGBELL_STALE: the file was in use when the power went. Take what is
 * whole by ringbell_recover(), remove the file, and start anew. */
RINGBELL_C_API int ringbell_channel_open_file(const char* path, ringbell_channel** channel,
                                              ringbell_error* error);
/* When its ends are closed, by the last process that has it: all that was committed is on the disk
 * when this returns, and a later boot opens the file as this one does. */
RINGBELL_C_API int ringbell_settle_file(const char* path, ringbell_error* error);

/* Copies a record in, with its seal. RINGBELL_INVALID_ARGUMENT: the channel has no seals. Otherwise
 * as ringbell_sender_send(), whose records have no seal and are not recovered. */
RINGBELL_C_API int ringbell_sender_send_sealed(ringbell_sender* sender, const void* bytes,
                                               size_t size_bytes, int64_t timeout_ns,
                                               ringbell_error* error);
/* Copies a record out. RINGBELL_CORRUPT: its seal is broken or missing; the record is given back
 * unread. RINGBELL_INVALID_ARGUMENT: the channel has no seals. Otherwise as
 * ringbell_receiver_receive(). */
RINGBELL_C_API int ringbell_receiver_receive_sealed(ringbell_receiver* receiver, void* into,
                                                    size_t room_bytes, int64_t timeout_ns,
                                                    size_t* size_bytes, ringbell_error* error);

typedef struct ringbell_recovered {
  uint64_t records;
  uint64_t gaps; /* places between two of them where something is missing */
} ringbell_recovered;

/* Hands each record that was sent with a seal, is whole, and was not given back as far as the file
 * knows to `use`, in the order in which it was sent. Changes nothing. RINGBELL_BUSY: a process has
 * a role in it. RINGBELL_INVALID_ARGUMENT: the channel has no seals. */
RINGBELL_C_API int ringbell_recover(
    const char* path, void (*use)(void* context, const void* bytes, size_t size_bytes),
    void* context, ringbell_recovered* recovered, ringbell_error* error);

#ifdef __cplusplus
}
#endif

#endif
