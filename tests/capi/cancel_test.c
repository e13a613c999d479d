/* pthread_cancel() does not come amid a call: the call ends first, and the thread then. */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "both_ends.h"
#include "check.h"

static ringbell_error error;

struct waiter {
  ringbell_receiver* receiver;
  int ended_with; /* what the call returned */
};

static void* wait_for_a_message(void* given) {
  struct waiter* const waiter = given;
  char message[16];
  size_t size = 0;
  waiter->ended_with = ringbell_receiver_receive(waiter->receiver, message, sizeof message,
                                                 RINGBELL_FOREVER, &size, NULL);
  for (;;) pause(); /* here the thread can be cancelled */
  return NULL;
}

static void a_cancelled_wait_ends_with_its_message(uint32_t doorbell) {
  ringbell_channel_options options;
  memset(&options, 0, sizeof options);
  options.doorbell = doorbell;
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(&options, &channel, &error));
  ringbell_channel* other = NULL;
  const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
  CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
  struct waiter waiter = {NULL, RINGBELL_NOT_NOW};
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(other, NULL, &waiter.receiver, &error));

  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_for_a_message, &waiter) == 0);
  while (ringbell_receiver_stats(waiter.receiver).sleeps == 0) usleep(1000);
  CHECK(pthread_cancel(thread) == 0);
  usleep(10 * 1000);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "now", 3, RINGBELL_FOREVER, &error));
  void* result = NULL;
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
  CHECK(waiter.ended_with == RINGBELL_OK);
  ringbell_receiver_close(waiter.receiver);
  ringbell_sender_close(sender);
}

struct set_waiter {
  ringbell_waitset* set;
  ringbell_event event;
  int ended_with;
};

static void* wait_for_an_event(void* given) {
  struct set_waiter* const waiter = given;
  size_t count = 0;
  waiter->ended_with =
      ringbell_waitset_wait(waiter->set, RINGBELL_FOREVER, &waiter->event, 1, &count, NULL);
  for (;;) pause();
  return NULL;
}

/* Of a descriptor alone, or of one and a receiver that is slept on by its word. */
static void a_cancelled_wait_of_a_set_ends_with_its_event(int with_receiver) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  open_both(NULL, &sender, &receiver);
  struct set_waiter waiter = {NULL, {0, 0, 0}, RINGBELL_NOT_NOW};
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_create(NULL, &waiter.set, &error));
  int ends[2];
  CHECK(pipe(ends) == 0);
  uint64_t readable = 0;
  uint64_t id = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_fd(waiter.set, ends[0], POLLIN, &readable, &error));
  if (with_receiver) {
    const int added = ringbell_waitset_add_receiver(waiter.set, receiver, &id, &error);
    CHECK(added == RINGBELL_OK || added == RINGBELL_UNSUPPORTED); /* before Linux 5.16 */
  }

  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_for_an_event, &waiter) == 0);
  usleep(20 * 1000);
  CHECK(pthread_cancel(thread) == 0);
  usleep(10 * 1000);
  CHECK(write(ends[1], "x", 1) == 1);
  void* result = NULL;
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
  CHECK(waiter.ended_with == RINGBELL_OK && waiter.event.id == readable);
  ringbell_waitset_destroy(waiter.set);
  ringbell_sender_close(sender);
  ringbell_receiver_close(receiver);
  CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void) {
  a_cancelled_wait_of_a_set_ends_with_its_event(0);
  a_cancelled_wait_of_a_set_ends_with_its_event(1);
  a_cancelled_wait_ends_with_its_message(RINGBELL_DOORBELL_FUTEX);
  a_cancelled_wait_ends_with_its_message(RINGBELL_DOORBELL_EVENTFD);
  return 0;
}
