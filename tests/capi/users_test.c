/* From C: a listener for another user, and a channel in a folder that a group shares. Only root can
 * become other users; else nothing is checked but what is refused. */
#define _DEFAULT_SOURCE
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

#define PATIENCE_NS (INT64_C(20) * 1000 * 1000 * 1000)

enum { kGroup = 61000, kFirst = 61001, kSecond = 61002 };

static ringbell_error error;
static char folder[64] = "/dev/shm/ringbell-test-XXXXXX";

static void become(uid_t user) {
  const gid_t group = kGroup;
  CHECK(setgroups(1, &group) == 0 && setgid(kGroup) == 0 && setuid(user) == 0);
}

static void what_cannot_be_is_refused(void) {
  const uint32_t other = kSecond;
  const uint32_t first = kFirst;
  const ringbell_connect_options nowhere = {.place = 3};
  const ringbell_connect_options abstract = {.place = RINGBELL_PLACE_ABSTRACT,
                                             .listener_uid = &first};
  ringbell_listener* listener = NULL;
  ringbell_connection* connection = NULL;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_listener_open_at("talks", 3, NULL, 0, NULL, NULL, &listener, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_listener_open_at("talks", RINGBELL_PLACE_FOLDER, &other, 1, NULL, NULL,
                                       &listener, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_listener_open_at("talks", RINGBELL_PLACE_GROUP, &other, 1, NULL, NULL,
                                       &listener, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_connect_with("talks", 0, &nowhere, &connection, &error));
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_connect_with("talks", 0, &abstract, &connection, &error));
  CHECK(strstr(error.message, "uid 61001") != NULL);
  CHECK(listener == NULL && connection == NULL);
}

/* The first user listens, and the second one connects. */
static void two_users_connect(void) {
  const uint32_t other = kSecond;
  const uint32_t first = kFirst;
  const ringbell_connect_options options = {.place = RINGBELL_PLACE_GROUP, .listener_uid = &first};
  ringbell_listener* listener = NULL;
  ringbell_connection* connection = NULL;
  const pid_t child = fork();
  if (child == 0) {
    become(kSecond);
    CHECK_CODE(RINGBELL_OK,
               ringbell_connect_with("talks", PATIENCE_NS, &options, &connection, &error));
    CHECK(ringbell_connection_peer_uid(connection) == kFirst);
    CHECK_CODE(RINGBELL_OK,
               ringbell_sender_send(ringbell_connection_sender(connection), "hello", 5, 0, &error));
    ringbell_connection_close(connection);
    _exit(0);
  }
  const pid_t listening = fork();
  if (listening == 0) {
    char room[16];
    size_t size = 0;
    become(kFirst);
    CHECK_CODE(RINGBELL_OK, ringbell_listener_open_at("talks", RINGBELL_PLACE_GROUP, &other, 1,
                                                      NULL, NULL, &listener, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_listener_accept(listener, PATIENCE_NS, &connection, &error));
    CHECK(ringbell_connection_peer_uid(connection) == kSecond);
    CHECK_CODE(RINGBELL_OK,
               ringbell_receiver_receive(ringbell_connection_receiver(connection), room,
                                         sizeof room, PATIENCE_NS, &size, &error));
    CHECK(size == 5 && memcmp(room, "hello", 5) == 0);
    ringbell_connection_close(connection);
    ringbell_listener_close(listener);
    _exit(0);
  }
  check_child_succeeds(child);
  check_child_succeeds(listening);
}

static void two_users_share_a_channel(void) {
  const ringbell_channel_options options = {.memory_flags = RINGBELL_FOR_GROUP};
  ringbell_sender* sender = NULL;
  const pid_t sending = fork();
  if (sending == 0) {
    become(kFirst);
    CHECK_CODE(RINGBELL_OK, ringbell_sender_create("orders", &options, NULL, &sender, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "hello", 5, 0, &error));
    ringbell_sender_close(sender);
    _exit(0);
  }
  check_child_succeeds(sending);
  const pid_t receiving = fork();
  if (receiving == 0) {
    char room[16];
    size_t size = 0;
    ringbell_receiver* receiver = NULL;
    become(kSecond);
    CHECK_CODE(RINGBELL_OK,
               ringbell_receiver_open_name("orders", PATIENCE_NS, NULL, &receiver, &error));
    CHECK_CODE(RINGBELL_OK,
               ringbell_receiver_receive(receiver, room, sizeof room, PATIENCE_NS, &size, &error));
    CHECK(size == 5);
    ringbell_receiver_close(receiver);
    _exit(0);
  }
  check_child_succeeds(receiving);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  what_cannot_be_is_refused();
  if (geteuid() == 0) {
    CHECK(chown(folder, 0, kGroup) == 0 && chmod(folder, 02770) == 0);
    two_users_connect();
    two_users_share_a_channel();
  }
  CHECK(rmdir(folder) == 0);
  return 0;
}
