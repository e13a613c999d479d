/* What cannot be is refused by each call of the C API that could be asked for it. */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const ringbell_wait_options kWrongWait = {.reserved_flags = 1};
static const ringbell_channel_options kWrongChannel = {.doorbell = 99};
static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;
static const int kInvalid = RINGBELL_INVALID_ARGUMENT;

static ringbell_channel* new_channel(void) {
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  return channel;
}

static ringbell_service* new_service(void) {
  ringbell_service* service = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  return service;
}

static void wrong_options_of_ends_without_a_name(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  CHECK_CODE(kInvalid, ringbell_sender_open(new_channel(), &kWrongWait, &sender, &error));
  CHECK_CODE(kInvalid, ringbell_receiver_open(new_channel(), &kWrongWait, &receiver, &error));
  CHECK_CODE(kInvalid, ringbell_client_open(new_service(), &kWrongWait, &client, &error));
  CHECK_CODE(kInvalid, ringbell_server_open(new_service(), &kWrongWait, &server, &error));
}

static void wrong_options_of_ends_by_name(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  ringbell_listener* listener = NULL;
  ringbell_connection* connection = NULL;
  CHECK_CODE(kInvalid, ringbell_sender_create("x", &kWrongChannel, NULL, &sender, &error));
  CHECK_CODE(kInvalid, ringbell_sender_create("x", NULL, &kWrongWait, &sender, &error));
  CHECK_CODE(kInvalid, ringbell_receiver_create("x", &kWrongChannel, NULL, &receiver, &error));
  CHECK_CODE(kInvalid, ringbell_receiver_create("x", NULL, &kWrongWait, &receiver, &error));
  CHECK_CODE(kInvalid, ringbell_sender_open_name("x", 0, &kWrongWait, &sender, &error));
  CHECK_CODE(kInvalid, ringbell_receiver_open_name("x", 0, &kWrongWait, &receiver, &error));
  CHECK_CODE(kInvalid, ringbell_listener_open("x", &kWrongChannel, NULL, &listener, &error));
  CHECK_CODE(kInvalid, ringbell_listener_open("x", NULL, &kWrongWait, &listener, &error));
  CHECK_CODE(kInvalid, ringbell_connect("x", 0, &kWrongWait, &connection, &error));
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_receiver_open_name("x", 0, NULL, &receiver, &error));
}

static void devices_that_are_none(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(kInvalid, ringbell_sender_open_device("/none", &kWrongWait, &sender, &error));
  CHECK_CODE(kInvalid, ringbell_receiver_open_device("/none", &kWrongWait, &receiver, &error));
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_sender_open_device("/none", NULL, &sender, &error));
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_receiver_open_device("/none", NULL, &receiver, &error));
}

static void records_that_are_too_long(void) {
  ringbell_sender* sender = NULL;
  void* room = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(new_channel(), NULL, &sender, &error));
  CHECK(ringbell_sender_peer(sender) == RINGBELL_PEER_ABSENT);
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_sender_claim(sender, UINT32_MAX, 0, &room, &error));
  ringbell_sender_close(sender);
}

static void a_pair(ringbell_client** client, ringbell_server** server) {
  ringbell_service* service = new_service();
  ringbell_service* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, server, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, client, &error));
}

/* Too long, of no bytes, out of turn. */
static void requests_and_responses(void) {
  static char much[4096];
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  const void* request = NULL;
  char response[48];
  size_t size = 1;
  a_pair(&client, &server);
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_client_begin(client, much, sizeof much, &error));
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_client_call(client, much, sizeof much, response,
                                                      sizeof response, 0, &size, &error));
  ringbell_client_abandon(client); /* nothing was begun */
  CHECK_CODE(kInvalid, ringbell_server_respond(server, "told", 4, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, NULL, 0, &error));
  CHECK(ringbell_server_arm(server) == 0); /* there is a request */
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
  CHECK(size == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, NULL, 0, &error));
  CHECK(ringbell_client_arm(client) == 0); /* there is an answer */
  size = 1;
  CHECK_CODE(RINGBELL_OK, ringbell_client_finish(client, response, sizeof response, &size, &error));
  CHECK(size == 0);
  ringbell_server_close(server);
  ringbell_client_close(client);
}

/* A call that was begun ends with its server: else a loop would look for ever. */
static void a_call_whose_server_closes(void) {
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  char response[48];
  size_t size = 0;
  a_pair(&client, &server);
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "?", 1, &error));
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_client_finish(client, response, sizeof response, &size, &error));
  ringbell_server_close(server);
  CHECK(ringbell_client_arm(client) == 0); /* look: there is something to learn */
  CHECK_CODE(RINGBELL_CLOSED,
             ringbell_client_finish(client, response, sizeof response, &size, &error));
  CHECK_CODE(kInvalid, ringbell_client_finish(client, response, sizeof response, &size, &error));
  ringbell_client_close(client);
}

static void a_call_whose_server_dies(void) {
  ringbell_service* service = new_service();
  ringbell_client* client = NULL;
  char response[48];
  size_t size = 0;
  const int fd = ringbell_service_fd(service);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_service* own = NULL;
    ringbell_server* server = NULL;
    const void* request = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_service_attach(fd, &own, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_server_open(own, NULL, &server, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, kPatience, &request, &size, &error));
    _exit(0); /* without closing */
  }
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(service, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "?", 1, &error));
  check_child_succeeds(child);
  int code = RINGBELL_NOT_NOW;
  for (int looks = 0; code == RINGBELL_NOT_NOW && looks < 10000; ++looks) {
    code = ringbell_client_finish(client, response, sizeof response, &size, &error);
  }
  CHECK_CODE(RINGBELL_PEER_DEAD, code);
  CHECK_CODE(kInvalid, ringbell_client_finish(client, response, sizeof response, &size, &error));
  ringbell_client_close(client);
}

int main(void) {
  char folder[] = "/tmp/ringbell-capi-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  wrong_options_of_ends_without_a_name();
  wrong_options_of_ends_by_name();
  devices_that_are_none();
  records_that_are_too_long();
  requests_and_responses();
  a_call_whose_server_closes();
  a_call_whose_server_dies();
  CHECK(rmdir(folder) == 0);
  return 0;
}
