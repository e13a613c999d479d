/* Concurrency Kit's ck_ring for messages of 8 and 56 bytes. Its header is C only, so it stands
 * behind functions of its own file: each push and pop is a call more than it would be in C. */
#ifndef RINGBELL_BENCH_PEERS_CK_RING_H
#define RINGBELL_BENCH_PEERS_CK_RING_H

#ifdef __cplusplus
extern "C" {
#endif

struct ck_peer;

/* REQUIRES: capacity is a power of two; message_bytes is 8 or 56. NULL: no memory. */
struct ck_peer* ck_peer_create(unsigned capacity, unsigned message_bytes);
void ck_peer_destroy(struct ck_peer* peer);

/* Many writers, many readers. False: full, or empty. */
int ck_peer_push_8(struct ck_peer* peer, const void* message);
int ck_peer_pop_8(struct ck_peer* peer, void* message);
int ck_peer_push_56(struct ck_peer* peer, const void* message);
int ck_peer_pop_56(struct ck_peer* peer, void* message);

#ifdef __cplusplus
}
#endif

#endif
