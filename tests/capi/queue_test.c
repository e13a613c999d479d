/* Queues from C: each message goes to one receiver, in place or copied, by descriptor and by name;
 * one in the hand of a receiver that closes or dies comes again. */
#define _DEFAULT_SOURCE

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;
static char folder[] = "/tmp/ringbell-capi-XXXXXX";

enum { kMessages = 5000 };

static ringbell_queue* attach(int fd) {
  ringbell_queue* queue = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_attach(fd, &queue, &error));
  return queue;
}

static void open_both(const ringbell_queue_options* options, ringbell_queue_sender** sender,
                      ringbell_queue_receiver** receiver) {
  ringbell_queue* queue = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(options, &queue, &error));
  ringbell_queue* other = attach(ringbell_queue_fd(queue));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(other, NULL, receiver, &error));
}

static void each_message_goes_to_one_of_two_processes(void) {
  const ringbell_queue_options options = {.messages = 64, .message_bytes = 16};
  ringbell_queue* queue = NULL;
  ringbell_queue_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(&options, &queue, &error));
  const int fd = ringbell_queue_fd(queue);
  int sums[2];
  CHECK(pipe(sums) == 0);
  pid_t children[2];
  for (int i = 0; i < 2; ++i) {
    children[i] = fork();
    CHECK(children[i] >= 0);
    if (children[i] != 0) continue;
    ringbell_queue_receiver* receiver = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(attach(fd), NULL, &receiver, &error));
    uint64_t sum = 0;
    for (uint64_t number = 1; number != 0; sum += number) {
      size_t size = 0;
      CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_receive(receiver, &number, sizeof number,
                                                              kPatience, &size, &error));
      CHECK(size == sizeof number);
    }
    ringbell_queue_receiver_close(receiver);
    CHECK(write(sums[1], &sum, sizeof sum) == sizeof sum);
    exit(0);
  }
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, &sender, &error));
  for (uint64_t i = 1; i <= kMessages + 2; ++i) {
    const uint64_t number = i <= kMessages ? i : 0; /* one for each to end at */
    CHECK_CODE(RINGBELL_OK,
               ringbell_queue_sender_send(sender, &number, sizeof number, kPatience, &error));
  }
  uint64_t both[2];
  for (int i = 0; i < 2; ++i) {
    check_child_succeeds(children[i]);
    CHECK(read(sums[0], &both[i], sizeof both[i]) == sizeof both[i]);
  }
  CHECK(both[0] + both[1] == (uint64_t)kMessages * (kMessages + 1) / 2);
  CHECK(ringbell_queue_sender_fill(sender) == 0);
  ringbell_queue_sender_close(sender);
}

static void messages_are_written_and_read_in_place(void) {
  const ringbell_queue_options options = {
      .messages = 4, .message_bytes = 64, .payload_alignment = 64};
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  void* room = NULL;
  const void* message = NULL;
  size_t size = 0;
  open_both(&options, &sender, &receiver);
  CHECK(ringbell_queue_sender_max_message_bytes(sender) == 64);
  CHECK(ringbell_queue_receiver_max_message_bytes(receiver) == 64);
  CHECK(ringbell_queue_sender_commit(sender, 1) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_queue_receiver_peek(receiver, 1000, &message, &size, &error));
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_claim(sender, 0, &room, &size, &error));
    CHECK(size == 64 && (uintptr_t)room % 64 == 0);
    CHECK(ringbell_queue_sender_commit(sender, 65) == 0);
    memcpy(room, &i, sizeof i);
    CHECK(ringbell_queue_sender_commit(sender, sizeof i) == 1);
  }
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_queue_sender_claim(sender, 0, &room, &size, &error));
  CHECK(ringbell_queue_sender_fill(sender) == 4 && ringbell_queue_receiver_lag(receiver) == 4);
  CHECK(ringbell_queue_receiver_release(receiver) == 0);
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK_CODE(RINGBELL_OK,
               ringbell_queue_receiver_peek(receiver, kPatience, &message, &size, &error));
    CHECK(size == sizeof i && memcmp(message, &i, sizeof i) == 0);
    CHECK(ringbell_queue_receiver_redelivered(receiver) == 0);
    CHECK_CODE(RINGBELL_TOO_LARGE,
               ringbell_queue_receiver_receive(receiver, &room, 7, kPatience, &size, &error));
    CHECK(ringbell_queue_receiver_release(receiver) == 1);
  }
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_claim(sender, 0, &room, &size, &error));
  ringbell_queue_sender_abort(sender);
  CHECK(ringbell_queue_sender_commit(sender, 1) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
}

static void what_a_receiver_leaves_in_hand_goes_to_another(void) {
  ringbell_queue* queue = NULL;
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receivers[2] = {NULL, NULL};
  const void* message = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(NULL, &queue, &error));
  for (int i = 0; i < 2; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(attach(ringbell_queue_fd(queue)), NULL,
                                                         &receivers[i], &error));
  }
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, &sender, &error));
  ringbell_queue_sender_require_reader(sender, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_send(sender, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_peek(receivers[0], kPatience, &message, &size, &error));
  ringbell_queue_receiver_close(receivers[0]);
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_peek(receivers[1], kPatience, &message, &size, &error));
  CHECK(size == 3 && memcmp(message, "one", 3) == 0);
  CHECK(ringbell_queue_receiver_redelivered(receivers[1]) == 1);
  ringbell_queue_receiver_close(receivers[1]);
  CHECK_CODE(RINGBELL_NO_READER, ringbell_queue_sender_send(sender, "two", 3, 0, &error));
  ringbell_queue_sender_require_reader(sender, 0);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_send(sender, "two", 3, 0, &error));
  ringbell_queue_sender_close(sender);
}

/* Ends a process with a message in the hand of an end: claimed, or taken. */
static void die_with_a_message(int fd, int claims) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_queue_sender* sender = NULL;
    ringbell_queue_receiver* receiver = NULL;
    const void* message = NULL;
    void* room = NULL;
    size_t size = 0;
    if (claims) {
      CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(attach(fd), NULL, &sender, &error));
      CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_claim(sender, 0, &room, &size, &error));
    } else {
      CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(attach(fd), NULL, &receiver, &error));
      CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
    }
    _exit(0); /* without closing */
  }
  check_child_succeeds(child);
}

static void what_dead_ends_held_is_taken_at_once(void) {
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  ringbell_queue* queue = NULL;
  const void* message = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(NULL, &queue, &error));
  const int fd = ringbell_queue_fd(queue);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(attach(fd), NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(attach(fd), NULL, &receiver, &error));
  die_with_a_message(fd, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_send(sender, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  ringbell_queue_recovered found = ringbell_queue_receiver_recover(receiver);
  CHECK(found.skipped == 1 && found.returned == 0);
  die_with_a_message(fd, 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  found = ringbell_queue_sender_recover(sender);
  CHECK(found.skipped == 0 && found.returned == 1);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  CHECK(size == 3 && memcmp(message, "one", 3) == 0);
  CHECK(ringbell_queue_receiver_redelivered(receiver) == 1);
  CHECK(ringbell_queue_sender_recover(sender).returned == 0); /* there is no more */
  found = ringbell_queue_sender_recovered(sender);
  CHECK(found.skipped == 0 && found.returned == 1);
  found = ringbell_queue_receiver_recovered(receiver);
  CHECK(found.skipped == 1 && found.returned == 0);
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
  ringbell_queue_destroy(queue);
}

static void ends_find_each_other_by_name(void) {
  const ringbell_queue_options options = {.messages = 8};
  const ringbell_queue_options others = {.messages = 16};
  ringbell_queue_sender* senders[2] = {NULL, NULL};
  ringbell_queue_receiver* receiver = NULL;
  size_t size = 0;
  char text[8];
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_queue_sender_open_name("jobs", 0, NULL, senders, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_sender_create("jobs", &options, NULL, &senders[0], &error));
  CHECK_CODE(RINGBELL_OTHER_RING,
             ringbell_queue_receiver_create("jobs", &others, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_create("jobs", &options, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_sender_open_name("jobs", kPatience, NULL, &senders[1], &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_send(senders[1], "job", 3, 0, &error));
  ringbell_queue_sender_close(senders[1]);
  ringbell_queue_sender_close(senders[0]);
  CHECK(ringbell_queue_receiver_name_lost(receiver) == 0);
  ringbell_queue_receiver_close(receiver); /* and the message stays */
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_open_name("jobs", kPatience, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_receive(receiver, text, sizeof text, kPatience,
                                                          &size, &error));
  CHECK(size == 3 && memcmp(text, "job", 3) == 0);
  ringbell_queue_receiver_close(receiver);
}

static void a_loop_is_woken_by_a_message_and_by_room(void) {
  const ringbell_queue_options options = {.messages = 4, .message_bytes = 8};
  const ringbell_wait_options by_bell = {.longest_sleep_ns = kPatience};
  ringbell_queue* queue = NULL;
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  struct pollfd data = {.fd = -1, .events = POLLIN, .revents = 0};
  struct pollfd space = {.fd = -1, .events = POLLIN, .revents = 0};
  uint64_t number = 1;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(&options, &queue, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(attach(ringbell_queue_fd(queue)), &by_bell,
                                                       &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, &by_bell, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_waitable_fd(receiver, &data.fd, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_waitable_fd(sender, &space.fd, &error));
  CHECK(ringbell_queue_receiver_arm(receiver) == 1);
  while (ringbell_queue_sender_send(sender, &number, sizeof number, 0, &error) == RINGBELL_OK) {
  }
  CHECK(poll(&data, 1, 20000) == 1);
  CHECK(ringbell_queue_receiver_arm(receiver) == 0);
  CHECK(ringbell_queue_sender_arm(sender) == 1);
  CHECK(poll(&space, 1, 0) == 0);
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_receive(receiver, &number, sizeof number, 0, &size, &error));
  CHECK(poll(&space, 1, 20000) == 1);
  CHECK(ringbell_queue_sender_arm(sender) == 0);
  ringbell_queue_sender_disarm(sender);
  ringbell_queue_receiver_disarm(receiver);
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
}

static void an_interrupt_ends_the_next_wait(void) {
  const ringbell_queue_options options = {.messages = 2};
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  const void* message = NULL;
  size_t size = 0;
  open_both(&options, &sender, &receiver);
  ringbell_queue_receiver_interrupt(receiver);
  CHECK_CODE(RINGBELL_CANCELLED,
             ringbell_queue_receiver_peek(receiver, kPatience, &message, &size, &error));
  while (ringbell_queue_sender_send(sender, "x", 1, 0, &error) == RINGBELL_OK) {
  }
  ringbell_queue_sender_interrupt(sender);
  CHECK_CODE(RINGBELL_CANCELLED, ringbell_queue_sender_send(sender, "x", 1, kPatience, &error));
  CHECK(ringbell_queue_sender_name_lost(sender) == 0);
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
}

static void what_cannot_be_is_refused(void) {
  const ringbell_queue_options huge = {.participants = 5000};
  ringbell_queue* queue = NULL;
  ringbell_queue_sender* sender = NULL;
  ringbell_service* service = NULL;
  const char long_text[300] = {0};
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_queue_create(&huge, &queue, &error));
  CHECK(ringbell_queue_attach(-1, &queue, &error) < 0);
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  CHECK_CODE(RINGBELL_NOT_A_REGION, ringbell_queue_sender_open(attach(ringbell_service_fd(service)),
                                                               NULL, &sender, &error));
  ringbell_service_destroy(service);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(NULL, &queue, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_TOO_LARGE,
             ringbell_queue_sender_send(sender, long_text, sizeof long_text, 0, &error));
  ringbell_queue_sender_close(sender);
  ringbell_queue_destroy(NULL);
  ringbell_queue_sender_close(NULL);
  ringbell_queue_receiver_close(NULL);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  each_message_goes_to_one_of_two_processes();
  messages_are_written_and_read_in_place();
  what_a_receiver_leaves_in_hand_goes_to_another();
  what_dead_ends_held_is_taken_at_once();
  ends_find_each_other_by_name();
  a_loop_is_woken_by_a_message_and_by_room();
  an_interrupt_ends_the_next_wait();
  what_cannot_be_is_refused();
  CHECK(rmdir(folder) == 0);
  return 0;
}
