/* Collectors from C: what several processes contribute reaches one, which knows whose it is. */
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
static const size_t kFourGiB = (size_t)UINT32_MAX + 1;
static char folder[] = "/tmp/ringbell-capi-XXXXXX";

enum { kContributors = 3, kMessages = 2000 };

static ringbell_lanes* attach(int fd) {
  ringbell_lanes* lanes = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_attach(fd, &lanes, &error));
  return lanes;
}

static void open_both(const ringbell_collector_options* options, ringbell_contributor** contributor,
                      ringbell_collector** collector) {
  ringbell_lanes* lanes = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_create(options, &lanes, &error));
  ringbell_lanes* other = attach(ringbell_lanes_fd(lanes));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_open(lanes, NULL, contributor, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_collector_open(other, NULL, collector, &error));
}

static void each_contributors_messages_come_in_order(void) {
  const ringbell_collector_options options = {.capacity_bytes = 4096, .contributors = 4};
  ringbell_lanes* lanes = NULL;
  ringbell_collector* collector = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_create(&options, &lanes, &error));
  const int fd = ringbell_lanes_fd(lanes);
  pid_t children[kContributors];
  for (int i = 0; i < kContributors; ++i) {
    children[i] = fork();
    CHECK(children[i] >= 0);
    if (children[i] != 0) continue;
    ringbell_contributor* contributor = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_contributor_open(attach(fd), NULL, &contributor, &error));
    for (uint32_t number = 0; number < kMessages; ++number) {
      const uint32_t message[2] = {ringbell_contributor_lane(contributor), number};
      CHECK_CODE(RINGBELL_OK, ringbell_contributor_send(contributor, message, sizeof message,
                                                        kPatience, &error));
    }
    ringbell_contributor_close(contributor);
    exit(0);
  }
  CHECK_CODE(RINGBELL_OK, ringbell_collector_open(lanes, NULL, &collector, &error));
  uint32_t due[4] = {0, 0, 0, 0};
  for (int i = 0; i < kContributors * kMessages; ++i) {
    const void* place = NULL;
    size_t size = 0;
    uint32_t message[2];
    CHECK_CODE(RINGBELL_OK, ringbell_collector_peek(collector, kPatience, &place, &size, &error));
    CHECK(size == sizeof message);
    memcpy(message, place, sizeof message);
    CHECK(message[0] == ringbell_collector_lane(collector) && message[0] < 4);
    CHECK(message[1] == due[message[0]]++);
    ringbell_collector_release(collector);
  }
  for (int i = 0; i < kContributors; ++i) check_child_succeeds(children[i]);
  CHECK(ringbell_collector_lag(collector) == 0 && ringbell_collector_corrupt_lanes(collector) == 0);
  ringbell_collector_close(collector);
}

static void messages_are_written_in_place_and_staged(void) {
  const ringbell_collector_options options = {.payload_alignment = 64, .record_alignment = 64};
  ringbell_contributor* contributor = NULL;
  ringbell_collector* collector = NULL;
  const void* message = NULL;
  void* room = NULL;
  size_t size = 0;
  open_both(&options, &contributor, &collector);
  CHECK(ringbell_contributor_peer(contributor) == RINGBELL_PEER_ALIVE);
  CHECK(ringbell_contributor_max_record_bytes(contributor) > 1000);
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_claim(contributor, 100, 0, &room, &error));
  CHECK((uintptr_t)room % 64 == 0);
  memcpy(room, "one", 3);
  ringbell_contributor_stage(contributor, 3);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_collector_peek(collector, 0, &message, &size, &error));
  ringbell_contributor_flush(contributor);
  CHECK_CODE(RINGBELL_OK, ringbell_collector_peek(collector, kPatience, &message, &size, &error));
  CHECK(size == 3 && memcmp(message, "one", 3) == 0 && (uintptr_t)message % 64 == 0);
  CHECK(ringbell_contributor_fill(contributor) > 0 && ringbell_collector_lag(collector) > 0);
  CHECK_CODE(RINGBELL_TOO_LARGE,
             ringbell_collector_receive(collector, &room, 2, kPatience, &size, &error));
  ringbell_collector_release(collector);
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_claim(contributor, 8, 0, &room, &error));
  ringbell_contributor_abort(contributor);
  ringbell_contributor_commit(contributor, 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_collector_peek(collector, 0, &message, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_claim(contributor, 8, 0, &room, &error));
  ringbell_contributor_commit(contributor, 5);
  char into[8];
  CHECK_CODE(RINGBELL_OK,
             ringbell_collector_receive(collector, into, sizeof into, kPatience, &size, &error));
  CHECK(size == 5);
  ringbell_contributor_close(contributor);
  ringbell_collector_close(collector);
}

static void ends_find_each_other_by_name(void) {
  ringbell_contributor* contributor = NULL;
  ringbell_collector* collector = NULL;
  ringbell_collector* second = NULL;
  CHECK_CODE(RINGBELL_NOT_FOUND,
             ringbell_contributor_open_name("logs", 0, NULL, &contributor, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_collector_create("logs", NULL, NULL, &collector, &error));
  CHECK_CODE(RINGBELL_BUSY, ringbell_collector_create("logs", NULL, NULL, &second, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_contributor_open_name("logs", kPatience, NULL, &contributor, &error));
  ringbell_contributor_require_reader(contributor, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_send(contributor, "one", 3, 0, &error));
  ringbell_collector_close(collector);
  CHECK(ringbell_contributor_peer(contributor) == RINGBELL_PEER_HAS_CLOSED);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_contributor_send(contributor, "two", 3, 0, &error));
  CHECK(ringbell_contributor_name_lost(contributor) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_collector_open_name("logs", kPatience, NULL, &second, &error));
  CHECK(ringbell_collector_name_lost(second) == 0);
  char into[8];
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK,
             ringbell_collector_receive(second, into, sizeof into, kPatience, &size, &error));
  CHECK(size == 3);
  ringbell_contributor_close(contributor);
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_create("logs", NULL, NULL, &contributor, &error));
  ringbell_contributor_close(contributor);
  ringbell_collector_close(second);
}

static void a_message_tells_by_whom_it_was_sent(void) {
  const ringbell_collector_options options = {.flags = RINGBELL_COLLECTOR_TIMED};
  ringbell_contributor* contributor = NULL;
  ringbell_collector* collector = NULL;
  ringbell_user_header header = {0};
  const void* message = NULL;
  size_t size = 0;
  open_both(&options, &contributor, &collector);
  CHECK(ringbell_collector_user_header(collector, &header) == 0);
  ringbell_contributor_set_source(contributor, 77);
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_send(contributor, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_collector_peek(collector, kPatience, &message, &size, &error));
  CHECK(ringbell_collector_user_header(collector, &header) == 1);
  CHECK(header.source == 77 && header.sequence == 1 && header.time_ns > 0);
  ringbell_contributor_close(contributor);
  ringbell_collector_close(collector);
}

static void a_loop_is_woken_and_an_interrupt_ends_a_wait(void) {
  const ringbell_collector_options options = {.capacity_bytes = 4096};
  ringbell_contributor* contributor = NULL;
  ringbell_collector* collector = NULL;
  struct pollfd data = {.fd = -1, .events = POLLIN, .revents = 0};
  struct pollfd space = {.fd = -1, .events = POLLIN, .revents = 0};
  const char text[500] = {0};
  const void* message = NULL;
  size_t size = 0;
  open_both(&options, &contributor, &collector);
  CHECK_CODE(RINGBELL_OK, ringbell_collector_waitable_fd(collector, &data.fd, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_waitable_fd(contributor, &space.fd, &error));
  CHECK(ringbell_collector_arm(collector) == 1);
  while (ringbell_contributor_send(contributor, text, sizeof text, 0, &error) == RINGBELL_OK) {
  }
  CHECK(poll(&data, 1, 20000) == 1);
  CHECK(ringbell_collector_arm(collector) == 0);
  CHECK(ringbell_contributor_arm(contributor, kFourGiB + sizeof text) == 0); /* it never fits */
  CHECK(ringbell_contributor_arm(contributor, sizeof text) == 1);
  ringbell_contributor_disarm(contributor);
  ringbell_contributor_interrupt(contributor);
  CHECK_CODE(RINGBELL_CANCELLED,
             ringbell_contributor_send(contributor, text, sizeof text, kPatience, &error));
  while (ringbell_collector_peek(collector, 0, &message, &size, &error) == RINGBELL_OK) {
    ringbell_collector_release(collector);
  }
  CHECK(ringbell_contributor_arm(contributor, sizeof text) == 0);
  ringbell_collector_disarm(collector);
  ringbell_collector_interrupt(collector);
  CHECK_CODE(RINGBELL_CANCELLED,
             ringbell_collector_peek(collector, kPatience, &message, &size, &error));
  ringbell_contributor_close(contributor);
  ringbell_collector_close(collector);
}

static void what_cannot_be_is_refused(void) {
  const ringbell_collector_options wrong = {.capacity_bytes = 4097, .contributors = 5000};
  ringbell_lanes* lanes = NULL;
  ringbell_collector* collector = NULL;
  ringbell_queue* queue = NULL;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_lanes_create(&wrong, &lanes, &error));
  CHECK(ringbell_lanes_attach(-1, &lanes, &error) < 0);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(NULL, &queue, &error));
  CHECK_CODE(RINGBELL_NOT_A_REGION,
             ringbell_collector_open(attach(ringbell_queue_fd(queue)), NULL, &collector, &error));
  ringbell_queue_destroy(queue);
  ringbell_lanes_destroy(NULL);
  ringbell_collector_close(NULL);
  ringbell_contributor_close(NULL);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  each_contributors_messages_come_in_order();
  messages_are_written_in_place_and_staged();
  ends_find_each_other_by_name();
  a_message_tells_by_whom_it_was_sent();
  a_loop_is_woken_and_an_interrupt_ends_a_wait();
  what_cannot_be_is_refused();
  CHECK(rmdir(folder) == 0);
  return 0;
}
