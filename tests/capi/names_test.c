/* Names from C: which there are, of what kind, and whether a process takes part; those without one
 * are removed. */
#define _DEFAULT_SOURCE

#include <signal.h>
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

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  ringbell_names* names = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_names_list(&names, &error));
  CHECK(ringbell_names_count(names) == 0 && ringbell_names_at(names, 0) == NULL);
  ringbell_names_destroy(names);

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
