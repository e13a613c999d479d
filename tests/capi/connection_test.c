/* Connections from C: a child finds its parent by name, asks, and is answered. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

enum { kQuestions = 100 };

static int ask(void) {
  ringbell_connection* connection = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_connect("capi", kPatience, NULL, &connection, &error));
  ringbell_sender* sender = ringbell_connection_sender(connection);
  ringbell_receiver* receiver = ringbell_connection_receiver(connection);
  for (int question = 0; question < kQuestions; ++question) {
    int answer = 0;
    size_t size = 0;
    CHECK_CODE(RINGBELL_OK,
               ringbell_sender_send(sender, &question, sizeof question, kPatience, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(receiver, &answer, sizeof answer, kPatience,
                                                      &size, &error));
    CHECK(size == sizeof answer && answer == 2 * question);
  }
  ringbell_connection_close(connection);
  return 0;
}

static void answer(ringbell_connection* connection) {
  ringbell_sender* sender = ringbell_connection_sender(connection);
  ringbell_receiver* receiver = ringbell_connection_receiver(connection);
  for (;;) {
    int number = 0;
    size_t size = 0;
    const int code =
        ringbell_receiver_receive(receiver, &number, sizeof number, kPatience, &size, &error);
    if (code == RINGBELL_CLOSED) break;
    CHECK_CODE(RINGBELL_OK, code);
    number *= 2;
    CHECK_CODE(RINGBELL_OK,
               ringbell_sender_send(sender, &number, sizeof number, kPatience, &error));
  }
}

static void a_channel_is_found_by_name(void) {
  ringbell_sender* sender = NULL;
  ringbell_sender* second = NULL;
  ringbell_receiver* receiver = NULL;
  int number = 7;
  size_t size = 0;
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_receiver_open_name("orders", 0, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_create("orders", NULL, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_BUSY, ringbell_sender_create("orders", NULL, NULL, &second, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_open_name("orders", kPatience, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, &number, sizeof number, 0, &error));
  CHECK(ringbell_sender_stats(sender).position > ringbell_receiver_stats(receiver).position);
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive(receiver, &number, sizeof number, 0, &size, &error));
  CHECK(number == 7);
  CHECK(ringbell_sender_stats(sender).position == ringbell_receiver_stats(receiver).position);
  CHECK(ringbell_receiver_stats(receiver).waits == 0);
  ringbell_sender_close(sender);
  ringbell_receiver_close(receiver);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_create("orders", NULL, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open_name("orders", kPatience, NULL, &sender, &error));
  ringbell_sender_close(sender);
  ringbell_receiver_close(receiver);
}

/* What was asked for by name is what is used: a ring that is this small, an end that spins. */
static void ends_by_name_have_their_options(void) {
  const ringbell_channel_options small = {.capacity_bytes = 4096};
  const ringbell_wait_options spins = {.flags = RINGBELL_WAIT_SPIN};
  const int64_t a_slice = 2 * 1000 * 1000;
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  static char bytes[4096];
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_create("small", &small, &spins, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open_name("small", kPatience, &spins, &sender, &error));
  const uint32_t most = ringbell_sender_max_record_bytes(sender);
  CHECK(most < 4096);
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_receiver_receive(receiver, bytes, sizeof bytes, a_slice, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, bytes, most, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_sender_send(sender, bytes, most, a_slice, &error));
  const ringbell_stats reader = ringbell_receiver_stats(receiver);
  const ringbell_stats writer = ringbell_sender_stats(sender);
  CHECK(reader.waits == 1 && reader.sleeps == 0);
  CHECK(writer.waits == 1 && writer.sleeps == 0);
  ringbell_sender_close(sender);
  ringbell_receiver_close(receiver);
}

/* Whether the receiver of a connection has slept, after a wait for nothing. */
static int sleeps(ringbell_connection* connection) {
  ringbell_receiver* receiver = ringbell_connection_receiver(connection);
  char letter = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_receiver_receive(receiver, &letter, 1, 2 * 1000 * 1000, &size, &error));
  return ringbell_receiver_stats(receiver).sleeps > 0;
}

static void expect_letter(ringbell_connection* connection) {
  char letter = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_receive(ringbell_connection_receiver(connection),
                                                    &letter, 1, kPatience, &size, &error));
}

static void send_letter(ringbell_connection* connection) {
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(ringbell_connection_sender(connection), "x", 1,
                                               kPatience, &error));
}

/* One side spins, the other one sleeps; the listener chooses the ring and its bells. */
static void connections_have_their_options(void) {
  const ringbell_wait_options spins = {.flags = RINGBELL_WAIT_SPIN};
  for (int listener_sleeps = 0; listener_sleeps < 2; ++listener_sleeps) {
    const ringbell_channel_options channels = {
        .capacity_bytes = 4096,
        .doorbell = listener_sleeps ? RINGBELL_DOORBELL_EVENTFD : RINGBELL_DOORBELL_FUTEX};
    ringbell_listener* listener = NULL;
    ringbell_connection* connection = NULL;
    CHECK_CODE(RINGBELL_OK,
               ringbell_listener_open("options", &channels, listener_sleeps ? NULL : &spins,
                                      &listener, &error));
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK_CODE(RINGBELL_OK,
                 ringbell_connect("options", kPatience, listener_sleeps ? &spins : NULL,
                                  &connection, &error));
      CHECK(sleeps(connection) == !listener_sleeps);
      send_letter(connection);
      expect_letter(connection);
      ringbell_connection_close(connection);
      _exit(0);
    }
    CHECK_CODE(RINGBELL_OK, ringbell_listener_accept(listener, kPatience, &connection, &error));
    ringbell_sender* sender = ringbell_connection_sender(connection);
    int fd = -1;
    CHECK(ringbell_sender_max_record_bytes(sender) < 4096);
    /* An end that never sleeps has no descriptor either. */
    CHECK_CODE(listener_sleeps ? RINGBELL_OK : RINGBELL_UNSUPPORTED,
               ringbell_sender_waitable_fd(sender, &fd, &error));
    expect_letter(connection);
    CHECK(sleeps(connection) == listener_sleeps);
    send_letter(connection);
    check_child_succeeds(child);
    ringbell_connection_close(connection);
    ringbell_listener_close(listener);
  }
}

/* The doorbell of `channels` is what a connector gets that asks for none. */
static void a_listener_chooses_the_doorbell(void) {
  const ringbell_channel_options by_futex = {.doorbell = RINGBELL_DOORBELL_FUTEX};
  for (int chosen = 0; chosen < 2; ++chosen) {
    ringbell_listener* listener = NULL;
    ringbell_connection* connection = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_listener_open("doorbell", chosen ? &by_futex : NULL, NULL,
                                                   &listener, &error));
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      int fd = -1;
      CHECK_CODE(RINGBELL_OK, ringbell_connect("doorbell", kPatience, NULL, &connection, &error));
      CHECK_CODE(chosen ? RINGBELL_UNSUPPORTED : RINGBELL_OK,
                 ringbell_sender_waitable_fd(ringbell_connection_sender(connection), &fd, &error));
      ringbell_connection_close(connection);
      _exit(0);
    }
    CHECK_CODE(RINGBELL_OK, ringbell_listener_accept(listener, kPatience, &connection, &error));
    CHECK(ringbell_connection_peer_uid(connection) == getuid());
    CHECK(ringbell_connection_peer_gid(connection) == getgid());
    CHECK(ringbell_connection_peer_pid(connection) == child);
    check_child_succeeds(child);
    ringbell_connection_close(connection);
    ringbell_listener_close(listener);
  }
}

static void a_topic_is_found_by_name(void) {
  ringbell_publisher* publisher = NULL;
  ringbell_subscriber* subscriber = NULL;
  char message[256];
  size_t size = 0;
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_subscriber_open_name("news", RINGBELL_START_OLDEST, 0,
                                                               NULL, &subscriber, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_create("news", NULL, NULL, &publisher, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_subscriber_open_name("news", 2, kPatience, NULL, &subscriber, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_open_name("news", RINGBELL_START_OLDEST, kPatience,
                                                        NULL, &subscriber, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "new", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_receive(subscriber, message, sizeof message,
                                                      kPatience, &size, &error));
  CHECK(size == 3 && memcmp(message, "new", 3) == 0);
  const uint64_t position = ringbell_subscriber_position(subscriber);
  ringbell_subscriber_close(subscriber);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_open_name_at("news", position, kPatience, NULL,
                                                           &subscriber, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_receive(subscriber, message, sizeof message,
                                                      kPatience, &size, &error));
  CHECK(size == 3 && memcmp(message, "one", 3) == 0);
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

static void a_service_is_found_by_name(void) {
  ringbell_server* server = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_server_create("adder", NULL, NULL, &server, &error));
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_client* client = NULL;
    int number = 41;
    size_t size = 0;
    CHECK_CODE(RINGBELL_OK, ringbell_client_open_name("adder", kPatience, NULL, &client, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_client_call(client, &number, sizeof number, &number,
                                                 sizeof number, kPatience, &size, &error));
    CHECK(number == 42);
    ringbell_client_close(client);
    _exit(0);
  }
  const void* request = NULL;
  int number = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, kPatience, &request, &size, &error));
  CHECK(size == sizeof number);
  memcpy(&number, request, sizeof number);
  ++number;
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, &number, sizeof number, &error));
  check_child_succeeds(child);
  ringbell_server_close(server);
}

/* A connector knocks at a process that may open no more files. */
static void a_listener_without_descriptors_says_so(void) {
  ringbell_listener* listener = NULL;
  ringbell_connection* connection = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_listener_open("poor", NULL, NULL, &listener, &error));
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK_CODE(RINGBELL_NO_SPACE, ringbell_connect("poor", kPatience, NULL, &connection, &error));
    _exit(0);
  }
  const int next = dup(ringbell_listener_fd(listener));
  struct rlimit before;
  CHECK(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
  const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK_CODE(RINGBELL_SYSTEM, ringbell_listener_accept(listener, kPatience, &connection, &error));
  CHECK(error.errno_value == EMFILE && connection == NULL);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_listener_accept(listener, 0, &connection, &error));
  check_child_succeeds(child);
  ringbell_listener_close(listener);
}

int main(void) {
  char folder[] = "/tmp/ringbell-capi-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);

  ringbell_listener* listener = NULL;
  ringbell_listener* second = NULL;
  ringbell_connection* connection = NULL;
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_connect("absent", 0, NULL, &connection, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_listener_open("no/name", NULL, NULL, &listener, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_listener_open("capi", NULL, NULL, &listener, &error));
  CHECK_CODE(RINGBELL_BUSY, ringbell_listener_open("capi", NULL, NULL, &second, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_listener_accept(listener, 0, &connection, &error));
  CHECK(ringbell_listener_fd(listener) >= 0);

  a_channel_is_found_by_name();
  ends_by_name_have_their_options();
  connections_have_their_options();
  a_listener_chooses_the_doorbell();
  a_topic_is_found_by_name();
  a_service_is_found_by_name();
  a_listener_without_descriptors_says_so();

  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(ask());
  CHECK_CODE(RINGBELL_OK, ringbell_listener_accept(listener, kPatience, &connection, &error));
  answer(connection);
  check_child_succeeds(child);
  struct pollfd hung_up = {.fd = ringbell_connection_fd(connection), .events = 0, .revents = 0};
  CHECK(poll(&hung_up, 1, 20000) == 1 && (hung_up.revents & POLLHUP) != 0);

  ringbell_connection_close(connection);
  ringbell_listener_close(listener);
  ringbell_connection_close(NULL);
  ringbell_listener_close(NULL);
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  CHECK(system(command) == 0);
  return 0;
}
