/* Each end by name, and a listener, learn that the name is gone. */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

#define PATIENCE_NS (INT64_C(20) * 1000 * 1000 * 1000)

static ringbell_error error;
static char folder[64] = "/dev/shm/ringbell-test-XXXXXX";

static void remove_file(const char* name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  CHECK(unlink(path) == 0);
}

static void ends_of_a_channel(void) {
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_sender_create("a", NULL, NULL, &sender, &error));
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open_name("a", PATIENCE_NS, NULL, &receiver, &error));
  CHECK(ringbell_sender_name_lost(sender) == 0);
  CHECK(ringbell_receiver_name_lost(receiver) == 0);
  remove_file("a.ring");
  CHECK(ringbell_sender_name_lost(sender) == 1);
  CHECK(ringbell_receiver_name_lost(receiver) == 1);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void ends_of_a_topic(void) {
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_create("a", NULL, NULL, &publisher, &error));
  ringbell_subscriber* subscriber = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_open_name("a", RINGBELL_START_NEWEST, PATIENCE_NS,
                                                        NULL, &subscriber, &error));
  CHECK(ringbell_publisher_name_lost(publisher) == 0);
  CHECK(ringbell_subscriber_name_lost(subscriber) == 0);
  remove_file("a.ring");
  CHECK(ringbell_publisher_name_lost(publisher) == 1);
  CHECK(ringbell_subscriber_name_lost(subscriber) == 1);
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

static void ends_of_a_service(void) {
  ringbell_server* server = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_server_create("a", NULL, NULL, &server, &error));
  ringbell_client* client = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_client_open_name("a", PATIENCE_NS, NULL, &client, &error));
  CHECK(ringbell_server_name_lost(server) == 0);
  CHECK(ringbell_client_name_lost(client) == 0);
  remove_file("a.ring");
  CHECK(ringbell_server_name_lost(server) == 1);
  CHECK(ringbell_client_name_lost(client) == 1);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

static void ends_of_a_state(void) {
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_create("a", NULL, NULL, &writer, &error));
  ringbell_state_reader* reader = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_open_name("a", PATIENCE_NS, NULL, &reader, &error));
  CHECK(ringbell_state_writer_name_lost(writer) == 0);
  CHECK(ringbell_state_reader_name_lost(reader) == 0);
  remove_file("a.ring");
  CHECK(ringbell_state_writer_name_lost(writer) == 1);
  CHECK(ringbell_state_reader_name_lost(reader) == 1);
  ringbell_state_reader_close(reader);
  ringbell_state_writer_close(writer);
}

static void a_listener(void) {
  ringbell_listener* listener = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_listener_open("a", NULL, NULL, &listener, &error));
  CHECK(ringbell_listener_name_lost(listener) == 0);
  remove_file("a.sock");
  CHECK(ringbell_listener_name_lost(listener) == 1);
  ringbell_listener_close(listener);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  ends_of_a_channel();
  ends_of_a_topic();
  ends_of_a_service();
  ends_of_a_state();
  a_listener();
  CHECK(rmdir(folder) == 0);
  return 0;
}
