/* pthread_cancel() does not come amid a call: the call ends first, and the thread then. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

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

int main(void) {
  a_cancelled_wait_ends_with_its_message(RINGBELL_DOORBELL_FUTEX);
  a_cancelled_wait_ends_with_its_message(RINGBELL_DOORBELL_EVENTFD);
  return 0;
}
