/* Channels from C: within a process, between two, and every way to be refused. */
#define _POSIX_C_SOURCE 200809L

#include <ringbell/ringbell.h>

#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "both_ends.h"
#include "check.h"

enum { kMessages = 20000 };

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;
static const size_t kFourGiB = (size_t)UINT32_MAX + 1;

struct message {
  uint64_t number;
  uint64_t mark;
};

static void messages_pass_between_two_processes(uint32_t doorbell) {
  const ringbell_channel_options options = {.capacity_bytes = 4096, .doorbell = doorbell};
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(&options, &channel, &error));
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_sender* sender = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
    for (uint64_t i = 0; i < kMessages; ++i) {
      const struct message message = {i, ~i};
      void* room = NULL;
      CHECK_CODE(RINGBELL_OK,
                 ringbell_sender_claim(sender, sizeof message + 8, kPatience, &room, &error));
      memcpy(room, &message, sizeof message);
      if (i % 3 == 0) {
        ringbell_sender_stage(sender, sizeof message);
      } else {
        ringbell_sender_commit(sender, sizeof message);
      }
    }
    ringbell_sender_flush(sender);
    ringbell_sender_close(sender);
    _exit(0);
  }
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(channel, NULL, &receiver, &error));
  for (uint64_t i = 0; i < kMessages; ++i) {
    const void* record = NULL;
    size_t size = 0;
    struct message message;
    CHECK_CODE(RINGBELL_OK, ringbell_receiver_peek(receiver, kPatience, &record, &size, &error));
    CHECK(size == sizeof message);
    memcpy(&message, record, sizeof message);
    CHECK(message.number == i && message.mark == ~i);
    ringbell_receiver_release(receiver);
  }
  struct message message;
  size_t size = 0;
  CHECK_CODE(RINGBELL_CLOSED, ringbell_receiver_receive(receiver, &message, sizeof message,
                                                        kPatience, &size, &error));
  CHECK(error.code == RINGBELL_CLOSED && strlen(error.message) > 0);
  ringbell_receiver_close(receiver);
  check_child_succeeds(child);
}

static void a_dead_sender_is_noticed(void) {
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_sender* sender = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "last words", 10, 0, &error));
    _exit(0); /* without closing */
  }
  check_child_succeeds(child);
  const ringbell_wait_options wait = {.spin_budget_ns = -1, .longest_sleep_ns = 1000 * 1000};
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(channel, &wait, &receiver, &error));
  CHECK(ringbell_receiver_peer(receiver) == RINGBELL_PEER_HAS_DIED);
  char words[16];
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive(receiver, words, sizeof words, 0, &size, &error));
  CHECK(size == 10 && memcmp(words, "last words", 10) == 0);
  CHECK_CODE(RINGBELL_PEER_DEAD, ringbell_receiver_receive(receiver, words, sizeof words,
                                                           RINGBELL_FOREVER, &size, &error));
  ringbell_receiver_close(receiver);
}

/* One that never came is absent, unless its process is known. */
static void a_peer_that_ends_before_it_comes_is_noticed(void) {
  const ringbell_wait_options wait = {.longest_sleep_ns = 1000 * 1000};
  for (int known = 0; known < 2; ++known) {
    ringbell_channel* channel = NULL;
    ringbell_receiver* receiver = NULL;
    char letter = 0;
    size_t size = 0;
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
    CHECK_CODE(RINGBELL_SYSTEM, ringbell_channel_set_peer(channel, -1, &error));
    if (known) CHECK_CODE(RINGBELL_OK, ringbell_channel_set_peer(channel, ends[0], &error));
    CHECK(close(ends[0]) == 0); /* the channel has its own */
    CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(channel, &wait, &receiver, &error));
    CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_wait_for_peer(receiver, 1000, &error));
    CHECK(close(ends[1]) == 0);
    if (known) {
      CHECK_CODE(RINGBELL_PEER_DEAD, ringbell_receiver_wait_for_peer(receiver, kPatience, &error));
      CHECK_CODE(RINGBELL_PEER_DEAD,
                 ringbell_receiver_receive(receiver, &letter, 1, kPatience, &size, &error));
    } else {
      CHECK_CODE(RINGBELL_NOT_NOW,
                 ringbell_receiver_receive(receiver, &letter, 1, 5 * 1000 * 1000, &size, &error));
    }
    ringbell_receiver_close(receiver);
  }
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  open_both(NULL, &sender, &receiver);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_wait_for_peer(sender, 0, &error));
  ringbell_receiver_close(receiver);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_sender_wait_for_peer(sender, kPatience, &error));
  ringbell_sender_close(sender);
}

static void what_is_held_or_staged_comes_in_order(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  open_both(NULL, &sender, &receiver);
  const void* record = NULL;
  void* room = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_peek(receiver, 0, &record, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_claim(sender, 1, 0, &room, &error));
  *(char*)room = 'a';
  ringbell_sender_stage(sender, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_claim(sender, 1, 0, &room, &error));
  ringbell_sender_abort(sender);
  ringbell_sender_commit(sender, 0); /* nothing is claimed, and nothing staged */
  ringbell_sender_flush(sender);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_peek(receiver, 0, &record, &size, &error));
  for (int letter = 'b'; letter < 'e'; ++letter) {
    CHECK_CODE(RINGBELL_OK, ringbell_sender_claim(sender, 1, 0, &room, &error));
    *(char*)room = (char)letter;
    ringbell_sender_stage(sender, 1);
  }
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_peek(receiver, 0, &record, &size, &error));
  ringbell_sender_flush(sender);
  for (int letter = 'b'; letter < 'e'; ++letter) {
    CHECK_CODE(RINGBELL_OK, ringbell_receiver_peek(receiver, 0, &record, &size, &error));
    CHECK(size == 1 && *(const char*)record == letter);
    ringbell_receiver_hold(receiver);
  }
  ringbell_receiver_hold(receiver); /* nothing is peeked: nothing happens */
  CHECK(ringbell_receiver_stats(receiver).position == ringbell_sender_stats(sender).position);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "e", 1, 0, &error));
  ringbell_receiver_release(receiver); /* those that are held, and not the one that is unseen */
  ringbell_receiver_release(receiver);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_peek(receiver, 0, &record, &size, &error));
  CHECK(size == 1 && *(const char*)record == 'e');
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void the_newest_record_is_there_and_how_far_both_are(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  const void* record = NULL;
  size_t size = 0;
  open_both(NULL, &sender, &receiver);
  CHECK(ringbell_sender_fill(sender) == 0 && ringbell_receiver_lag(receiver) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_peek_newest(receiver, 0, &record, &size, &error));
  for (int letter = 'a'; letter < 'e'; ++letter) {
    CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, &letter, 1, 0, &error));
  }
  CHECK(ringbell_sender_fill(sender) == 4 * 16 && ringbell_receiver_lag(receiver) == 4 * 16);
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_peek_newest(receiver, kPatience, &record, &size, &error));
  CHECK(size == 1 && *(const char*)record == 'd');
  CHECK(ringbell_receiver_lag(receiver) == 16);
  ringbell_receiver_release(receiver);
  ringbell_sender_close(sender);
  CHECK_CODE(RINGBELL_CLOSED,
             ringbell_receiver_peek_newest(receiver, kPatience, &record, &size, &error));
  CHECK(ringbell_receiver_lag(receiver) == 0);
  ringbell_receiver_close(receiver);
}

static void a_full_ring_is_not_now_and_a_large_record_too_large(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  const ringbell_channel_options options = {.capacity_bytes = 4096};
  open_both(&options, &sender, &receiver);
  static char bytes[8192];
  const uint32_t most = ringbell_sender_max_record_bytes(sender);
  size_t size = 0;
  CHECK(most < 4096);
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_sender_send(sender, bytes, most + 1, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, NULL, 0, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(receiver, NULL, 0, 0, &size, &error));
  CHECK(size == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_receive(receiver, NULL, 0, 0, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, bytes, most, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_sender_send(sender, bytes, most, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_sender_send(sender, bytes, most, 1000, &error));
  void* room = NULL;
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_sender_claim(sender, most, 0, &room, &error));
  CHECK(room == NULL);
  CHECK_CODE(RINGBELL_TOO_LARGE,
             ringbell_receiver_receive(receiver, bytes, most - 1, 0, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(receiver, bytes, most, 0, &size, &error));
  CHECK(size == most);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void a_loop_is_woken_by_what_is_sent_and_by_room(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  const ringbell_channel_options options = {.capacity_bytes = 4096,
                                            .doorbell = RINGBELL_DOORBELL_EVENTFD};
  open_both(&options, &sender, &receiver);
  struct pollfd data = {.fd = -1, .events = POLLIN, .revents = 0};
  struct pollfd space = {.fd = -1, .events = POLLIN, .revents = 0};
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_waitable_fd(receiver, &data.fd, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_waitable_fd(sender, &space.fd, &error));
  CHECK(ringbell_sender_peer(sender) == RINGBELL_PEER_ALIVE);

  CHECK(ringbell_receiver_arm(receiver) == 1);
  CHECK(poll(&data, 1, 0) == 0);
  static char bytes[4096];
  const uint32_t most = ringbell_sender_max_record_bytes(sender);
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, bytes, most, 0, &error));
  CHECK(poll(&data, 1, 20000) == 1);
  CHECK(ringbell_receiver_arm(receiver) == 0); /* there is something */

  CHECK(ringbell_sender_arm(sender, kFourGiB + most) == 0); /* the claim has an error to tell */
  CHECK(ringbell_sender_arm(sender, most) == 1);
  CHECK(poll(&space, 1, 0) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(receiver, bytes, most, 0, &size, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_receive(receiver, bytes, most, 0, &size, &error));
  CHECK(poll(&space, 1, 20000) == 1);
  CHECK(ringbell_sender_arm(sender, most) == 0);

  CHECK(ringbell_receiver_arm(receiver) == 1);
  ringbell_receiver_disarm(receiver);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, bytes, most, 0, &error));
  CHECK(poll(&data, 1, 0) == 0);
  CHECK(ringbell_sender_arm(sender, most) == 1);
  ringbell_sender_disarm(sender);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(receiver, bytes, most, 0, &size, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_receiver_receive(receiver, bytes, most, 0, &size, &error));
  CHECK(poll(&space, 1, 0) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "x", 1, 0, &error));
  CHECK(ringbell_sender_arm(sender, 1) == 0);
  CHECK(ringbell_sender_arm(sender, most) == 1); /* only an empty ring has room for that */
  ringbell_sender_disarm(sender);
  ringbell_sender_close(sender);
  CHECK(ringbell_receiver_peer(receiver) == RINGBELL_PEER_HAS_CLOSED);
  ringbell_receiver_close(receiver);
}

static void every_count_stands_for_itself(void) {
  const ringbell_channel_options options = {.doorbell = RINGBELL_DOORBELL_EVENTFD};
  const ringbell_wait_options at_once = {.spin_budget_ns = -1, .longest_sleep_ns = 1000 * 1000};
  const ringbell_wait_options spins = {.flags = RINGBELL_WAIT_SPIN};
  ringbell_channel* channel = NULL;
  ringbell_channel* other = NULL;
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  char letter = 0;
  size_t size = 0;
  for (int sleeps = 1; sleeps >= 0; --sleeps) {
    CHECK_CODE(RINGBELL_OK, ringbell_channel_create(&options, &channel, &error));
    const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
    CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
    CHECK_CODE(RINGBELL_OK,
               ringbell_receiver_open(other, sleeps ? &at_once : &spins, &receiver, &error));
    const int64_t some_slices = 100 * 1000 * 1000;
    CHECK_CODE(RINGBELL_NOT_NOW,
               ringbell_receiver_receive(receiver, &letter, 1, some_slices, &size, &error));
    const ringbell_stats waited = ringbell_receiver_stats(receiver);
    CHECK(waited.waits == 1 && waited.rings == 0 && waited.missed_rings == 0);
    CHECK(sleeps ? waited.sleeps > 1 : waited.sleeps == 0);
    CHECK(ringbell_receiver_arm(receiver) == sleeps);
    CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "x", 1, 0, &error));
    const ringbell_stats sent = ringbell_sender_stats(sender);
    CHECK(sent.waits == 0 && sent.sleeps == 0 && sent.missed_rings == 0);
    CHECK(sent.rings == (uint64_t)sleeps && sent.position > 0);
    ringbell_receiver_close(receiver);
    ringbell_sender_close(sender);
  }
}

static void a_futex_has_no_descriptor(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  int fd = -1;
  open_both(NULL, &sender, &receiver);
  CHECK_CODE(RINGBELL_UNSUPPORTED, ringbell_receiver_waitable_fd(receiver, &fd, &error));
  CHECK(fd == -1);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void what_cannot_be_is_refused_with_its_reason(void) {
  ringbell_channel* channel = NULL;
  const ringbell_channel_options wrong[] = {{.doorbell = 3},
                                            {.huge_pages = 3},
                                            {.memory_flags = 8},
                                            {.record_alignment = 24},
                                            {.capacity_bytes = UINT64_MAX},
                                            {.reserved = {0, 1}}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    memset(&error, 0, sizeof error);
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_channel_create(&wrong[i], &channel, &error));
    CHECK(error.code == RINGBELL_INVALID_ARGUMENT && strlen(error.message) > 0);
  }
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  const ringbell_channel_fds no_region = {pipe_ends[0], -1, -1};
  const ringbell_channel_fds no_file = {-1, -1, -1};
  CHECK_CODE(RINGBELL_NOT_A_REGION, ringbell_channel_attach(&no_region, &channel, &error));
  CHECK_CODE(RINGBELL_SYSTEM, ringbell_channel_attach(&no_file, &channel, &error));
  CHECK(error.errno_value != 0);
  CHECK(channel == NULL);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  ringbell_channel_destroy(NULL);
  ringbell_sender_close(NULL);
  ringbell_receiver_close(NULL);

  ringbell_sender* sender = NULL;
  const ringbell_wait_options wrong_wait = {.flags = 16};
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_sender_open(channel, &wrong_wait, &sender, &error));
}

static void a_role_is_taken_once(void) {
  ringbell_sender* sender = NULL;
  ringbell_sender* second = NULL;
  ringbell_channel* channel = NULL;
  ringbell_channel* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
  CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_BUSY, ringbell_sender_open(other, NULL, &second, &error));
  ringbell_sender_close(sender);
}

static void names_and_versions_are_there(void) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", RINGBELL_VERSION_MAJOR, RINGBELL_VERSION_MINOR,
           RINGBELL_VERSION_PATCH);
  CHECK(strcmp(ringbell_version(), version) == 0);
  CHECK(ringbell_layout_version() > 0);
  CHECK(strcmp(ringbell_code_name(RINGBELL_OK), "ok") == 0);
  CHECK(strcmp(ringbell_code_name(RINGBELL_NOT_NOW), "not_now") == 0);
  CHECK(strcmp(ringbell_code_name(RINGBELL_PEER_DEAD), "peer_dead") == 0);
  CHECK(strcmp(ringbell_code_name(99), "unknown") == 0);
}

int main(void) {
  names_and_versions_are_there();
  what_cannot_be_is_refused_with_its_reason();
  a_role_is_taken_once();
  what_is_held_or_staged_comes_in_order();
  the_newest_record_is_there_and_how_far_both_are();
  a_full_ring_is_not_now_and_a_large_record_too_large();
  a_loop_is_woken_by_what_is_sent_and_by_room();
  every_count_stands_for_itself();
  a_futex_has_no_descriptor();
  a_dead_sender_is_noticed();
  a_peer_that_ends_before_it_comes_is_noticed();
  messages_pass_between_two_processes(RINGBELL_DOORBELL_FUTEX);
  messages_pass_between_two_processes(RINGBELL_DOORBELL_EVENTFD);
  return 0;
}
