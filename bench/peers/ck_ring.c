#include "bench/peers/ck_ring.h"

#include <ck_ring.h>
#include <stdlib.h>

struct message_8 {
  char bytes[8];
};
struct message_56 {
  char bytes[56];
};

CK_RING_PROTOTYPE(8, message_8)
CK_RING_PROTOTYPE(56, message_56)

struct ck_peer {
  ck_ring_t ring;
  void* buffer;
};

struct ck_peer* ck_peer_create(unsigned capacity, unsigned message_bytes) {
  struct ck_peer* peer = aligned_alloc(128, 1024);
  if (peer == NULL) return NULL;
  ck_ring_init(&peer->ring, capacity);
  peer->buffer = aligned_alloc(128, (size_t)capacity * message_bytes);
  if (peer->buffer != NULL) return peer;
  free(peer);
  return NULL;
}

void ck_peer_destroy(struct ck_peer* peer) {
  if (peer != NULL) free(peer->buffer);
  free(peer);
}

int ck_peer_push_8(struct ck_peer* peer, const void* message) {
  struct message_8 copy = *(const struct message_8*)message;
  return CK_RING_ENQUEUE_MPMC(8, &peer->ring, peer->buffer, &copy);
}
int ck_peer_pop_8(struct ck_peer* peer, void* message) {
  return CK_RING_DEQUEUE_MPMC(8, &peer->ring, peer->buffer, message);
}
int ck_peer_push_56(struct ck_peer* peer, const void* message) {
  struct message_56 copy = *(const struct message_56*)message;
  return CK_RING_ENQUEUE_MPMC(56, &peer->ring, peer->buffer, &copy);
}
int ck_peer_pop_56(struct ck_peer* peer, void* message) {
  return CK_RING_DEQUEUE_MPMC(56, &peer->ring, peer->buffer, message);
}
