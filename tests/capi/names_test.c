/* Names from C: which there are, of what kind, and whether a process takes part; those without one
 * are removed. */
#define _DEFAULT_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;
static char folder[] = "/tmp/ringbell-capi-XXXXXX";

static void expect(const ringbell_names* names, size_t index, const char* name, uint32_t kind,
                   int alive) {
  const ringbell_name* found = ringbell_names_at(names, index);
  CHECK(found != NULL);
  CHECK(strcmp(found->name, name) == 0 && found->kind == kind && found->alive == alive);
  CHECK(strcmp(found->folder, folder) == 0 && found->newer == NULL);
}

static void expect_one_of_unknown_kind(void) {
  ringbell_names* names = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  CHECK(ringbell_names_count(names) == 1);
  expect(names, 0, "strange", RINGBELL_NAME_UNKNOWN, 0);
  ringbell_names_destroy(names);
}

/* A topic has one of four kinds of ring. */
static void topics_of_each_kind(void) {
  ringbell_names* names = NULL;
  for (uint32_t policy = RINGBELL_TOPIC_LOSSY; policy <= RINGBELL_TOPIC_LOSSLESS; ++policy) {
    for (uint32_t publishers = 1; publishers <= 2; ++publishers) {
      const ringbell_topic_options options = {.policy = policy, .publishers = publishers};
      ringbell_publisher* publisher = NULL;
      CHECK_CODE(RINGBELL_OK,
                 ringbell_publisher_create("topic", &options, NULL, &publisher, &error));
      CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
      CHECK(ringbell_names_count(names) == 1);
      expect(names, 0, "topic", RINGBELL_NAME_TOPIC, 1);
      ringbell_names_destroy(names);
      ringbell_publisher_close(publisher);
    }
  }
}

static void a_ring_that_was_set_aside_tells_the_newer_one(void) {
  const ringbell_channel_options small = {.capacity_bytes = 4096};
  const ringbell_channel_options larger = {.capacity_bytes = 8192,
                                           .flags = RINGBELL_CHANNEL_WHEN_DRAINED};
  ringbell_receiver* receiver = NULL;
  ringbell_sender* sender = NULL;
  ringbell_names* names = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_create("orders", &small, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open_name("orders", 0, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "old", 3, 0, &error));
  ringbell_sender_close(sender);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_create("orders", &larger, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  CHECK(ringbell_names_count(names) == 2);
  expect(names, 0, "orders", RINGBELL_NAME_CHANNEL, 1);
  const ringbell_name* past = ringbell_names_at(names, 1);
  CHECK(past->kind == RINGBELL_NAME_CHANNEL && past->newer != NULL);
  CHECK(strcmp(past->newer, "orders") == 0 && strcmp(past->name, "orders") != 0);
  ringbell_names_destroy(names);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
  CHECK_CODE(RINGBELL_OK, ringbell_names_remove_dead(NULL, &error));
}

/* What says that it is no ring, one of no kind, and what says nothing. The kind stands at 12. */
static void files_that_are_no_ring_of_this_version(void) {
  static const char nonsense[4096] = "nonsense";
  static const uint32_t kKinds[] = {7, 99};
  char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/strange.ring", folder);
  for (int i = 0; i < 2; ++i) {
    ringbell_channel* channel = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_channel_create_file(path, NULL, &channel, &error));
    ringbell_channel_destroy(channel);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(file >= 0 && pwrite(file, &kKinds[i], 4, 12) == 4);
    CHECK(close(file) == 0);
    expect_one_of_unknown_kind();
    CHECK(unlink(path) == 0);
  }
  const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  CHECK(file >= 0 && write(file, nonsense, sizeof nonsense) == sizeof nonsense);
  CHECK(close(file) == 0);
  expect_one_of_unknown_kind();
  CHECK(unlink(path) == 0);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  ringbell_names* names = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  CHECK(ringbell_names_count(names) == 0 && ringbell_names_at(names, 0) == NULL);
  ringbell_names_destroy(names);
  topics_of_each_kind();
  a_ring_that_was_set_aside_tells_the_newer_one();
  files_that_are_no_ring_of_this_version();

  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t dies = fork();
  CHECK(dies >= 0);
  if (dies == 0) {
    ringbell_queue_sender* sender = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_create("dead", NULL, NULL, &sender, &error));
    CHECK(write(ready[1], "r", 1) == 1);
    pause();
  }
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);
  ringbell_collector* collector = NULL;
  ringbell_listener* listener = NULL;
  ringbell_server* server = NULL;
  ringbell_sender* sender = NULL;
  ringbell_publisher* publisher = NULL;
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_collector_create("a-collector", NULL, NULL, &collector, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_listener_open("b-listener", NULL, NULL, &listener, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_create("c-service", NULL, NULL, &server, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_create("e-channel", NULL, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_create("f-topic", NULL, NULL, &publisher, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_create("g-state", NULL, NULL, &writer, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  CHECK(ringbell_names_count(names) == 7 && ringbell_names_at(names, 7) == NULL);
  expect(names, 0, "a-collector", RINGBELL_NAME_COLLECTOR, 1);
  expect(names, 1, "b-listener", RINGBELL_NAME_LISTENER, 1);
  expect(names, 2, "c-service", RINGBELL_NAME_SERVICE, 1);
  expect(names, 3, "dead", RINGBELL_NAME_QUEUE, 1);
  expect(names, 4, "e-channel", RINGBELL_NAME_CHANNEL, 1);
  expect(names, 5, "f-topic", RINGBELL_NAME_TOPIC, 1);
  expect(names, 6, "g-state", RINGBELL_NAME_STATE, 1);
  CHECK(ringbell_names_at(names, 3)->creator_pid == dies);
  CHECK(ringbell_names_at(names, 3)->size_bytes > 1024);
  ringbell_names_destroy(names);

  CHECK(kill(dies, SIGKILL) == 0);
  CHECK(waitpid(dies, NULL, 0) == dies);
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  expect(names, 3, "dead", RINGBELL_NAME_QUEUE, 0);
  ringbell_names_destroy(names);
  CHECK_CODE(RINGBELL_OK, ringbell_names_remove_dead(&names, &error));
  CHECK(ringbell_names_count(names) == 1);
  expect(names, 0, "dead", RINGBELL_NAME_QUEUE, 0);
  ringbell_names_destroy(names);
  CHECK_CODE(RINGBELL_OK, ringbell_names_remove_dead(NULL, &error));
  ringbell_names_destroy(NULL);

  ringbell_collector_close(collector);
  ringbell_listener_close(listener);
  ringbell_server_close(server);
  ringbell_sender_close(sender);
  ringbell_publisher_close(publisher);
  ringbell_state_writer_close(writer);
  CHECK(rmdir(folder) == 0);
  CHECK(setenv("RINGBELL_DIR", "/dev/null", 1) == 0);
  CHECK(ringbell_names_list(&names, &error) < 0);
  return 0;
}
