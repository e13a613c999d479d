/* Topics from C: what is published reaches a subscriber in another process, and a slow one
 * learns what it missed. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

enum { kMessages = 5000 };

static ringbell_subscriber* subscribe(const ringbell_topic_fds* fds) {
  ringbell_topic* topic = NULL;
  ringbell_subscriber* subscriber = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(fds, &topic, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_open(topic, RINGBELL_START_OLDEST, NULL, &subscriber, &error));
  return subscriber;
}

static void every_message_reaches_another_process(void) {
  const ringbell_topic_options options = {
      .policy = RINGBELL_TOPIC_LOSSLESS, .message_bytes = 16, .messages = 64};
  ringbell_topic* topic = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  int joined[2];
  CHECK(pipe(joined) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_subscriber* subscriber = subscribe(&fds);
    CHECK(write(joined[1], "j", 1) == 1);
    for (uint64_t i = 0; i < kMessages; ++i) {
      uint64_t number[2] = {0, 0};
      size_t size = 0;
      CHECK_CODE(RINGBELL_OK, ringbell_subscriber_receive(subscriber, number, sizeof number,
                                                          kPatience, &size, &error));
      CHECK(size == sizeof *number && *number == i);
    }
    char end[16];
    size_t size = 0;
    CHECK_CODE(RINGBELL_CLOSED,
               ringbell_subscriber_receive(subscriber, end, sizeof end, kPatience, &size, &error));
    CHECK(ringbell_subscriber_missed(subscriber) == 0);
    ringbell_subscriber_close(subscriber);
    _exit(0);
  }
  char byte = 0;
  CHECK(read(joined[0], &byte, 1) == 1);
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  for (uint64_t i = 0; i < kMessages; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, &i, sizeof i, kPatience, &error));
  }
  ringbell_publisher_close(publisher);
  check_child_succeeds(child);
  close(joined[0]);
  close(joined[1]);
}

static void who_is_lapped_learns_what_it_missed(void) {
  const ringbell_topic_options options = {.message_bytes = 8, .messages = 16};
  ringbell_topic* topic = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ringbell_subscriber* subscriber = subscribe(&fds);
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  uint64_t last = 0;
  uint64_t seen = 0;
  size_t size = 0;
  for (uint64_t i = 1; i <= 100; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, &i, sizeof i, 0, &error));
  }
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_publisher_publish(publisher, "too large", 9, 0, &error));
  CHECK(ringbell_subscriber_max_message_bytes(subscriber) == 8);
  CHECK(ringbell_publisher_max_message_bytes(publisher) == 8);
  while (ringbell_subscriber_receive(subscriber, &last, sizeof last, 0, &size, &error) == 0) ++seen;
  CHECK(last == 100 && seen < 100 && seen + ringbell_subscriber_missed(subscriber) == 100);
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_subscriber_receive(subscriber, &last, sizeof last, 0, &size, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_subscriber_receive(subscriber, &last, 7, 0, &size, &error));
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

static void several_publish_in_one_order(uint32_t policy) {
  ringbell_topic_options options = {
      .policy = policy, .message_bytes = 8, .messages = 16, .publishers = 2};
  ringbell_topic* topic = NULL;
  ringbell_topic* other = NULL;
  ringbell_publisher* publishers[2] = {NULL, NULL};
  ringbell_publisher* third = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ringbell_subscriber* subscriber = subscribe(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(other, NULL, &publishers[1], &error));
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publishers[0], &error));
  CHECK_CODE(RINGBELL_NO_PLACE, ringbell_publisher_open(other, NULL, &third, &error));
  for (uint64_t i = 0; i < 100; ++i) {
    uint64_t number = 0;
    size_t size = 0;
    CHECK_CODE(RINGBELL_OK,
               ringbell_publisher_publish(publishers[i % 2], &i, sizeof i, kPatience, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_subscriber_receive(subscriber, &number, sizeof number,
                                                        kPatience, &size, &error));
    CHECK(number == i);
  }
  ringbell_publisher_close(publishers[0]);
  ringbell_publisher_close(publishers[1]);
  ringbell_subscriber_close(subscriber);
  options.policy = RINGBELL_TOPIC_LOSSLESS;
  options.subscribers = 8;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_topic_create(&options, &topic, &error));
}

static void a_subscriber_starts_where_it_wants(void) {
  for (int start = RINGBELL_START_OLDEST; start <= RINGBELL_START_NEWEST; ++start) {
    ringbell_topic* topic = NULL;
    ringbell_topic* other = NULL;
    ringbell_subscriber* subscriber = NULL;
    ringbell_publisher* publisher = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_topic_create(NULL, &topic, &error));
    const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
    CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "old", 3, 0, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_subscriber_open(other, start, NULL, &subscriber, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "new", 3, 0, &error));
    char message[256];
    size_t size = 0;
    CHECK_CODE(RINGBELL_OK,
               ringbell_subscriber_receive(subscriber, message, sizeof message, 0, &size, &error));
    CHECK(size == 3);
    CHECK(memcmp(message, start == RINGBELL_START_OLDEST ? "old" : "new", 3) == 0);
    ringbell_subscriber_close(subscriber);
    ringbell_publisher_close(publisher);
  }
}

/* A position that another one had. */
static void a_subscriber_goes_on_where_another_was(uint32_t policy) {
  const ringbell_topic_options options = {.policy = policy, .message_bytes = 8, .messages = 16};
  ringbell_topic* topic = NULL;
  ringbell_topic* other = NULL;
  ringbell_publisher* publisher = NULL;
  ringbell_subscriber* subscriber = NULL;
  uint64_t number = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  for (uint64_t i = 0; i < 5; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, &i, sizeof i, 0, &error));
  }
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_open_at(other, 3, NULL, &subscriber, &error));
  CHECK(ringbell_subscriber_position(subscriber) == 3);
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_receive(subscriber, &number, sizeof number, 0, &size, &error));
  CHECK(number == 3 && ringbell_subscriber_position(subscriber) == 4);
  CHECK(ringbell_subscriber_missed(subscriber) == 0);
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

static void a_loop_is_woken_by_a_message_and_by_room(void) {
  const ringbell_topic_options options = {
      .policy = RINGBELL_TOPIC_LOSSLESS, .message_bytes = 8, .messages = 4};
  const ringbell_wait_options by_bell = {.longest_sleep_ns = kPatience};
  ringbell_topic* topic = NULL;
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ringbell_subscriber* subscriber = subscribe(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, &by_bell, &publisher, &error));
  struct pollfd data = {.fd = -1, .events = POLLIN, .revents = 0};
  struct pollfd space = {.fd = -1, .events = POLLIN, .revents = 0};
  CHECK_CODE(RINGBELL_OK, ringbell_subscriber_waitable_fd(subscriber, &data.fd, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_waitable_fd(publisher, &space.fd, &error));
  CHECK(ringbell_subscriber_peer(subscriber) == RINGBELL_PEER_ALIVE);

  uint64_t number = 1;
  size_t size = 0;
  CHECK(ringbell_subscriber_arm(subscriber) == 1);
  while (ringbell_publisher_publish(publisher, &number, sizeof number, 0, &error) == RINGBELL_OK) {
  }
  CHECK(poll(&data, 1, 20000) == 1);
  CHECK(ringbell_subscriber_arm(subscriber) == 0); /* there is something */

  CHECK(ringbell_publisher_arm(publisher) == 1);
  CHECK(poll(&space, 1, 0) == 0);
  while (ringbell_subscriber_receive(subscriber, &number, sizeof number, 0, &size, &error) == 0) {
  }
  CHECK(poll(&space, 1, 20000) == 1);
  CHECK(ringbell_publisher_arm(publisher) == 0);

  ringbell_publisher_disarm(publisher);
  CHECK(ringbell_subscriber_arm(subscriber) == 1);
  ringbell_publisher_close(publisher);
  CHECK(poll(&data, 1, 20000) == 1);
  ringbell_subscriber_disarm(subscriber);
  CHECK(ringbell_subscriber_peer(subscriber) == RINGBELL_PEER_HAS_CLOSED);
  ringbell_subscriber_close(subscriber);
}

static void subscribers_are_counted_and_so_is_what_they_lack(uint32_t policy) {
  const ringbell_topic_options options = {.policy = policy, .message_bytes = 8, .messages = 16};
  ringbell_topic* topic = NULL;
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  CHECK(ringbell_publisher_subscribers(publisher) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_publisher_wait_for_subscribers(publisher, 1, 1000, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_publisher_wait_for_subscribers(publisher, UINT32_MAX, 0, &error));
  ringbell_subscriber* subscriber = subscribe(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_wait_for_subscribers(publisher, 1, kPatience, &error));
  CHECK(ringbell_publisher_subscribers(publisher) == 1);
  for (uint64_t i = 0; i < 3; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, &i, sizeof i, 0, &error));
  }
  CHECK(ringbell_subscriber_lag(subscriber) == 3);
  CHECK(ringbell_publisher_fill(publisher) == (policy == RINGBELL_TOPIC_LOSSLESS ? 3 : 0));
  ringbell_publisher_require_reader(publisher, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "one", 3, 0, &error));
  ringbell_subscriber_close(subscriber);
  CHECK(ringbell_publisher_subscribers(publisher) == 0);
  CHECK_CODE(RINGBELL_NO_READER, ringbell_publisher_publish(publisher, "two", 3, 0, &error));
  ringbell_publisher_require_reader(publisher, 0);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "two", 3, 0, &error));
  ringbell_publisher_close(publisher);
}

static void a_dead_subscriber_is_evicted_at_once(void) {
  const ringbell_topic_options options = {
      .policy = RINGBELL_TOPIC_LOSSLESS, .message_bytes = 8, .messages = 4};
  ringbell_topic* topic = NULL;
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    (void)subscribe(&fds);
    _exit(0); /* without closing */
  }
  check_child_succeeds(child);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  while (ringbell_publisher_publish(publisher, "x", 1, 0, &error) == RINGBELL_OK) {
  }
  CHECK(ringbell_publisher_fill(publisher) == 4 && ringbell_publisher_evictions(publisher) == 0);
  CHECK(ringbell_publisher_evict(publisher) == 1);
  CHECK(ringbell_publisher_evict(publisher) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "x", 1, 0, &error));
  CHECK(ringbell_publisher_evictions(publisher) == 1);
  ringbell_publisher_close(publisher);
}

static void messages_are_written_and_read_in_place(void) {
  const ringbell_topic_options options = {.policy = RINGBELL_TOPIC_LOSSLESS,
                                          .message_bytes = 64,
                                          .messages = 4,
                                          .payload_alignment = 64};
  ringbell_topic* topic = NULL;
  ringbell_publisher* publisher = NULL;
  void* room = NULL;
  const void* message = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ringbell_subscriber* subscriber = subscribe(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  CHECK(ringbell_publisher_commit(publisher, 1) == 0); /* nothing is claimed */
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_subscriber_peek(subscriber, 1000, &message, &size, &error));
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_claim(publisher, 0, &room, &size, &error));
    CHECK(size == 64 && (uintptr_t)room % 64 == 0);
    CHECK(ringbell_publisher_commit(publisher, 65) == 0);
    memcpy(room, &i, sizeof i);
    CHECK(ringbell_publisher_commit(publisher, sizeof i) == 1);
  }
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_publisher_claim(publisher, 0, &room, &size, &error));
  CHECK(ringbell_subscriber_release(subscriber) == 0); /* nothing is peeked at */
  for (uint64_t i = 0; i < 4; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      CHECK_CODE(RINGBELL_OK,
                 ringbell_subscriber_peek(subscriber, kPatience, &message, &size, &error));
      CHECK(size == sizeof i && memcmp(message, &i, sizeof i) == 0);
    }
    CHECK((uintptr_t)message % 64 == 0);
    CHECK(ringbell_subscriber_release(subscriber) == 1);
  }
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_claim(publisher, 0, &room, &size, &error));
  ringbell_publisher_abort(publisher);
  CHECK(ringbell_publisher_commit(publisher, 1) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_subscriber_peek(subscriber, 0, &message, &size, &error));
  ringbell_publisher_close(publisher);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_subscriber_peek(subscriber, 0, &message, &size, &error));
  ringbell_subscriber_close(subscriber);
}

struct look {
  ringbell_publisher* publisher;
  uint64_t seen;
  int publishes; /* while it is looked at */
};

static void look_at(void* context, const void* bytes, size_t size) {
  struct look* look = context;
  CHECK(size == sizeof look->seen);
  memcpy(&look->seen, bytes, sizeof look->seen);
  for (int i = 0; i < look->publishes; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(look->publisher, &look->publishes,
                                                       sizeof look->publishes, 0, &error));
  }
}

static void a_look_at_a_lossy_message_says_whether_it_was_whole(void) {
  const ringbell_topic_options options = {.message_bytes = 8, .messages = 4};
  struct look look = {NULL, 0, 0};
  ringbell_topic* topic = NULL;
  void* room = NULL;
  const void* message = NULL;
  size_t size = 0;
  int whole = 2;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  ringbell_subscriber* subscriber = subscribe(&fds);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &look.publisher, &error));
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_subscriber_read(subscriber, look_at, &look, 1000, &whole, &error));
  CHECK_CODE(RINGBELL_UNSUPPORTED,
             ringbell_subscriber_peek(subscriber, 0, &message, &size, &error));
  for (uint64_t i = 1; i < 3; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_publisher_claim(look.publisher, 0, &room, &size, &error));
    memcpy(room, &i, sizeof i);
    CHECK(ringbell_publisher_commit(look.publisher, sizeof i) == 1);
  }
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_read(subscriber, look_at, &look, kPatience, &whole, &error));
  CHECK(whole == 1 && look.seen == 1);
  look.publishes = 4;
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_read(subscriber, look_at, &look, kPatience, &whole, &error));
  CHECK(whole == 0 && look.seen == 2);
  CHECK(ringbell_subscriber_missed(subscriber) > 0);
  ringbell_publisher_close(look.publisher);
  while (ringbell_subscriber_receive(subscriber, &look.seen, sizeof look.seen, 0, &size, &error) ==
         RINGBELL_OK) {
  }
  CHECK_CODE(RINGBELL_CLOSED,
             ringbell_subscriber_read(subscriber, look_at, &look, kPatience, &whole, &error));
  ringbell_subscriber_close(subscriber);
}

static void what_cannot_be_is_refused(void) {
  ringbell_topic* topic = NULL;
  ringbell_subscriber* subscriber = NULL;
  const ringbell_topic_options wrong = {.policy = 2};
  const ringbell_topic_fds no_topic = {-1, -1};
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_topic_create(&wrong, &topic, &error));
  CHECK(ringbell_topic_attach(&no_topic, &topic, &error) < 0);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(NULL, &topic, &error));
  const int memory = ringbell_topic_get_fds(topic).memory;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_subscriber_open(topic, 2, NULL, &subscriber, &error));
  CHECK(fcntl(memory, F_GETFD) == -1); /* the topic is gone with the call */
  ringbell_topic_destroy(NULL);
  ringbell_publisher_close(NULL);
  ringbell_subscriber_close(NULL);
}

int main(void) {
  every_message_reaches_another_process();
  who_is_lapped_learns_what_it_missed();
  several_publish_in_one_order(RINGBELL_TOPIC_LOSSLESS);
  several_publish_in_one_order(RINGBELL_TOPIC_LOSSY);
  a_subscriber_starts_where_it_wants();
  a_subscriber_goes_on_where_another_was(RINGBELL_TOPIC_LOSSY);
  a_subscriber_goes_on_where_another_was(RINGBELL_TOPIC_LOSSLESS);
  a_loop_is_woken_by_a_message_and_by_room();
  subscribers_are_counted_and_so_is_what_they_lack(RINGBELL_TOPIC_LOSSY);
  subscribers_are_counted_and_so_is_what_they_lack(RINGBELL_TOPIC_LOSSLESS);
  a_dead_subscriber_is_evicted_at_once();
  messages_are_written_and_read_in_place();
  a_look_at_a_lossy_message_says_whether_it_was_whole();
  what_cannot_be_is_refused();
  return 0;
}
