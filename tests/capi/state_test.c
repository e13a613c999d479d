/* States from C: the newest value reaches another process, by copy and in place, by key and by
 * name; waits end. */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

static ringbell_state_reader* read_state(const ringbell_state_fds* fds) {
  ringbell_state* state = NULL;
  ringbell_state_reader* reader = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_attach(fds, &state, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_open(state, NULL, &reader, &error));
  return reader;
}

static void the_newest_value_reaches_another_process(void) {
  const ringbell_state_options options = {.value_bytes = 16, .readers_in_place = 1};
  enum { kLast = 5000 };
  ringbell_state* state = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_create(&options, &state, &error));
  const ringbell_state_fds fds = ringbell_state_get_fds(state);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_state_reader* reader = read_state(&fds);
    CHECK(ringbell_state_reader_max_value_bytes(reader) == 16);
    for (uint64_t had = 0; had < kLast;) {
      CHECK_CODE(RINGBELL_OK, ringbell_state_reader_wait_changed(reader, 0, kPatience, &error));
      uint64_t value[2] = {0, 0};
      size_t size = 0;
      CHECK_CODE(RINGBELL_OK,
                 ringbell_state_reader_get(reader, 0, value, sizeof value, &size, &error));
      CHECK(size == sizeof value && value[0] > had && value[1] == ~value[0]);
      CHECK(ringbell_state_reader_number(reader, 0) == value[0]);
      had = value[0];
    }
    ringbell_state_reader_close(reader);
    _exit(0);
  }
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_open(state, NULL, &writer, &error));
  for (uint64_t i = 1; i <= kLast; ++i) {
    const uint64_t value[2] = {i, ~i};
    CHECK_CODE(RINGBELL_OK, ringbell_state_writer_set(writer, 0, value, sizeof value, &error));
  }
  check_child_succeeds(child);
  ringbell_state_writer_close(writer);
}

static void a_value_is_filled_and_looked_at_in_place(void) {
  const ringbell_state_options options = {.value_bytes = 8, .keys = 2, .readers_in_place = 1};
  ringbell_state* state = NULL;
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_create(&options, &state, &error));
  const ringbell_state_fds fds = ringbell_state_get_fds(state);
  ringbell_state_reader* reader = read_state(&fds);
  ringbell_state_reader* other = read_state(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_open(state, NULL, &writer, &error));
  CHECK(ringbell_state_writer_max_value_bytes(writer) == 8);
  const void* value = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_state_reader_look(reader, 1, &value, &size, &error));
  CHECK(ringbell_state_writer_commit(writer, 3) == 0);
  void* room = ringbell_state_writer_claim(writer, 1, &size);
  CHECK(room != NULL && size == 8);
  memcpy(room, "old", 3);
  CHECK(ringbell_state_writer_commit(writer, 3) == 1);
  CHECK(ringbell_state_reader_changed(reader, 1) == 1);
  CHECK(ringbell_state_reader_changed(reader, 0) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_wait_changed(reader, 1, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_state_reader_wait_changed(reader, 0, 0, &error));
  char copy[8];
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_state_reader_get(reader, 0, copy, 8, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_look(reader, 1, &value, &size, &error));
  for (int i = 0; i < 20; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_state_writer_set(writer, 1, "new one", 7, &error));
  }
  CHECK(size == 3 && memcmp(value, "old", 3) == 0);
  CHECK(ringbell_state_reader_release(reader) == 1);
  CHECK(ringbell_state_reader_release(reader) == 0);
  CHECK_CODE(RINGBELL_NO_PLACE, ringbell_state_reader_look(other, 1, &value, &size, &error));
  CHECK(ringbell_state_writer_claim(writer, 2, &size) == NULL);
  CHECK(ringbell_state_writer_claim(writer, 0, &size) != NULL);
  ringbell_state_writer_abort(writer);
  CHECK(ringbell_state_writer_commit(writer, 3) == 0);
  CHECK(ringbell_state_writer_number(writer, 1) == 21);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_state_writer_set(writer, 2, "value", 5, &error));
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_state_writer_set(writer, 0, "too large", 9, &error));
  ringbell_state_reader_close(other);
  ringbell_state_reader_close(reader);
  ringbell_state_writer_close(writer);
}

static void a_loop_is_woken_by_a_value_and_by_the_end(void) {
  ringbell_state* state = NULL;
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_create(NULL, &state, &error));
  const ringbell_state_fds fds = ringbell_state_get_fds(state);
  ringbell_state_reader* reader = read_state(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_open(state, NULL, &writer, &error));
  struct pollfd bell = {.fd = -1, .events = POLLIN, .revents = 0};
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_waitable_fd(reader, &bell.fd, &error));
  CHECK(ringbell_state_reader_arm(reader) == 1);
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_set(writer, 0, "value", 5, &error));
  CHECK(poll(&bell, 1, 20000) == 1);
  CHECK(ringbell_state_reader_arm(reader) == 0);
  char value[256];
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_get(reader, 0, value, sizeof value, &size, &error));
  CHECK(size == 5 && memcmp(value, "value", 5) == 0);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_state_reader_get(reader, 0, value, 255, &size, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_state_reader_wait_changed(reader, 0, 1000, &error));
  ringbell_state_reader_interrupt(reader);
  CHECK_CODE(RINGBELL_CANCELLED, ringbell_state_reader_wait_changed(reader, 0, kPatience, &error));
  CHECK(ringbell_state_reader_peer(reader) == RINGBELL_PEER_ALIVE);
  ringbell_state_reader_disarm(reader);
  ringbell_state_writer_close(writer);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_state_reader_wait_changed(reader, 0, kPatience, &error));
  CHECK(ringbell_state_reader_peer(reader) == RINGBELL_PEER_HAS_CLOSED);
  ringbell_state_reader_close(reader);
}

static void a_state_has_a_name(void) {
  char folder[] = "/dev/shm/ringbell-test-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  ringbell_state_writer* writer = NULL;
  ringbell_state_reader* reader = NULL;
  CHECK_CODE(RINGBELL_NOT_FOUND,
             ringbell_state_reader_open_name("config", 0, NULL, &reader, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_create("config", NULL, NULL, &writer, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_open_name("config", 0, NULL, &reader, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_set(writer, 0, "x", 1, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_wait_changed(reader, 0, kPatience, &error));
  ringbell_state_reader_close(reader);
  ringbell_state_writer_close(writer);
  char lock[64];
  strcat(strcpy(lock, folder), "/.lock");
  (void)unlink(lock);
  CHECK(rmdir(folder) == 0);
}

static void what_cannot_be_is_refused(void) {
  ringbell_state* state = NULL;
  const ringbell_state_options wrong = {.keys = 65537};
  const ringbell_state_options reserved = {.reserved = {0, 1}};
  const ringbell_state_fds no_state = {-1, -1};
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_state_create(&wrong, &state, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_state_create(&reserved, &state, &error));
  CHECK(ringbell_state_attach(&no_state, &state, &error) < 0);
  ringbell_state_destroy(NULL);
  ringbell_state_writer_close(NULL);
  ringbell_state_reader_close(NULL);
}

int main(void) {
  the_newest_value_reaches_another_process();
  a_value_is_filled_and_looked_at_in_place();
  a_loop_is_woken_by_a_value_and_by_the_end();
  a_state_has_a_name();
  what_cannot_be_is_refused();
  return 0;
}
