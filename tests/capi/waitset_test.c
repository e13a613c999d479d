/* Wait sets from C: a channel, a service, a topic, a state, a pipe and a time in one wait. */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "both_ends.h"
#include "check.h"

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;
static const ringbell_wait_options kAsleep = {.spin_budget_ns = -1,
                                              .longest_sleep_ns = INT64_C(3600) * 1000000000};

static ringbell_error error;
static char buffer[256];

static ringbell_waitset* make_set(void) {
  ringbell_waitset* set = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_create(&kAsleep, &set, &error));
  return set;
}

/* The one event that there is, or none. */
static ringbell_event only_event(ringbell_waitset* set, int64_t timeout_ns) {
  ringbell_event events[4] = {{0, 0, 0}};
  size_t count = 0;
  const int code = ringbell_waitset_wait(set, timeout_ns, events, 4, &count, &error);
  CHECK(code == RINGBELL_OK || code == RINGBELL_NOT_NOW);
  CHECK(count == (code == RINGBELL_OK ? 1 : 0));
  return events[0];
}

static void receives(ringbell_receiver* receiver) {
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive(receiver, buffer, sizeof buffer, 0, &size, &error));
}

static void a_channel_is_told_until_it_is_read(void) {
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  open_both(NULL, &sender, &receiver);
  ringbell_waitset* set = make_set();
  uint64_t id = 0;
  const int added = ringbell_waitset_add_receiver(set, receiver, &id, &error);
  if (added == RINGBELL_UNSUPPORTED) return; /* before Linux 5.16 */
  CHECK_CODE(RINGBELL_OK, added);
  CHECK(only_event(set, 1000000).id == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "hello", 5, 0, &error));
  for (int twice = 0; twice < 2; ++twice) {
    const ringbell_event event = only_event(set, kPatience);
    CHECK(event.id == id && event.what == RINGBELL_READY && event.events == 0);
  }
  receives(receiver);
  CHECK(only_event(set, 0).id == 0);

  uint64_t room = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_sender(set, sender, 5, &room, &error));
  CHECK(only_event(set, kPatience).id == room);
  ringbell_waitset_remove(set, room);
  CHECK(only_event(set, 0).id == 0);

  ringbell_sender_close(sender);
  CHECK(only_event(set, kPatience).what == RINGBELL_IS_OVER);
  ringbell_waitset_remove(set, id);
  CHECK(only_event(set, 0).id == 0);
  ringbell_waitset_destroy(set);
  ringbell_receiver_close(receiver);
}

static void descriptors_and_times_are_told(void) {
  ringbell_waitset* set = make_set();
  int fds[2];
  CHECK(pipe(fds) == 0);
  uint64_t readable = 0;
  uint64_t often = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_fd(set, fds[0], POLLIN, &readable, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_waitset_add_fd(set, fds[0], POLLIN, &readable, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_timer(set, 0, 1000000, &often, &error));
  CHECK(only_event(set, kPatience).id == often);
  ringbell_waitset_remove(set, often);
  CHECK(write(fds[1], "x", 1) == 1);
  const ringbell_event event = only_event(set, kPatience);
  CHECK(event.id == readable && event.events == POLLIN);
  ringbell_waitset_destroy(set);
  CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

/* What has no room comes with the next call, but for what is removed by then. */
static void events_without_room_come_later(void) {
  ringbell_waitset* set = make_set();
  ringbell_event events[2] = {{0, 0, 0}};
  size_t count = 0;
  uint64_t ids[4];
  for (int i = 0; i < 4; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_timer(set, 0, 0, &ids[i], &error));
  }
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_waitset_wait(set, 0, events, 0, &count, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_wait(set, kPatience, events, 2, &count, &error));
  CHECK(count == 2 && events[0].id == ids[0] && events[1].id == ids[1]);
  ringbell_waitset_remove(set, ids[2]);
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_wait(set, kPatience, events, 2, &count, &error));
  CHECK(count == 1 && events[0].id == ids[3]);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_waitset_wait(set, 0, events, 2, &count, &error));
  ringbell_waitset_destroy(set);
}

static void a_service_is_served_among_others(void) {
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  ringbell_server* server = NULL;
  ringbell_client* client = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  ringbell_waitset* set = make_set();
  uint64_t asked = 0;
  uint64_t answered = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_server(set, server, &asked, &error));
  CHECK(only_event(set, 1000000).id == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "?", 1, &error));
  CHECK(only_event(set, kPatience).id == asked);
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_client(set, client, &answered, &error));
  CHECK(only_event(set, kPatience).id == asked);
  const void* request = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, "!", 1, &error));
  CHECK(only_event(set, kPatience).id == answered);
  ringbell_waitset_destroy(set);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

static void an_answer_that_had_no_room_is_told_again(void) {
  const ringbell_service_options options = {.clients = 1, .tickets = 1};
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(&options, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  ringbell_server* server = NULL;
  ringbell_client* client = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  ringbell_ticket* slow = NULL;
  ringbell_taken* taken = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_client_start(client, "slow", 4, &slow, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_take(server, kPatience, &taken, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "?", 1, &error));
  const void* request = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, kPatience, &request, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, "!!", 2, &error));
  ringbell_waitset* set = make_set();
  uint64_t answered = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_client(set, client, &answered, &error));
  char response[2];
  CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_client_finish(client, response, 1, &size, &error));
  CHECK(only_event(set, 1000000).id == answered);
  CHECK_CODE(RINGBELL_OK, ringbell_client_finish(client, response, 2, &size, &error));
  CHECK(only_event(set, 1000000).id == 0);
  ringbell_waitset_destroy(set);
  ringbell_ticket_destroy(slow);
  ringbell_taken_destroy(taken);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

static void a_state_and_a_topic_are_told(void) {
  const ringbell_state_options state_options = {.value_bytes = 1};
  ringbell_state* state = NULL;
  ringbell_state* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_create(&state_options, &state, &error));
  const ringbell_state_fds fds = ringbell_state_get_fds(state);
  CHECK_CODE(RINGBELL_OK, ringbell_state_attach(&fds, &other, &error));
  ringbell_state_reader* reader = NULL;
  ringbell_state_writer* writer = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_open(other, NULL, &reader, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_open(state, NULL, &writer, &error));

  const ringbell_topic_options topic_options = {.policy = RINGBELL_TOPIC_LOSSLESS, .messages = 2};
  ringbell_topic* topic = NULL;
  ringbell_topic* same = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&topic_options, &topic, &error));
  const ringbell_topic_fds topic_fds = ringbell_topic_get_fds(topic);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&topic_fds, &same, &error));
  ringbell_subscriber* subscriber = NULL;
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_open(same, RINGBELL_START_OLDEST, NULL, &subscriber, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));

  ringbell_waitset* set = make_set();
  uint64_t changed = 0;
  uint64_t published = 0;
  uint64_t room = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_state_reader(set, reader, &changed, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_subscriber(set, subscriber, &published, &error));
  CHECK(only_event(set, 1000000).id == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_set(writer, 0, "1", 1, &error));
  CHECK(only_event(set, kPatience).id == changed);
  ringbell_waitset_remove(set, changed);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "2", 1, 0, &error));
  CHECK(only_event(set, kPatience).id == published);
  ringbell_waitset_remove(set, published);
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_publisher(set, publisher, &room, &error));
  CHECK(only_event(set, kPatience).id == room);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_publish(publisher, "3", 1, 0, &error));
  CHECK(only_event(set, 1000000).id == 0);
  ringbell_waitset_destroy(set);
  ringbell_publisher_close(publisher);
  ringbell_subscriber_close(subscriber);
  ringbell_state_writer_close(writer);
  ringbell_state_reader_close(reader);
}

static void a_queue_and_a_collector_are_told(void) {
  const ringbell_queue_options queue_options = {.messages = 2, .message_bytes = 8};
  const ringbell_collector_options lanes_options = {.capacity_bytes = 4096};
  ringbell_queue* queue = NULL;
  ringbell_queue* same_queue = NULL;
  ringbell_lanes* lanes = NULL;
  ringbell_lanes* same_lanes = NULL;
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  ringbell_contributor* contributor = NULL;
  ringbell_collector* collector = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(&queue_options, &queue, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_attach(ringbell_queue_fd(queue), &same_queue, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_create(&lanes_options, &lanes, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_attach(ringbell_lanes_fd(lanes), &same_lanes, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(same_queue, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_open(lanes, NULL, &contributor, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_collector_open(same_lanes, NULL, &collector, &error));

  ringbell_waitset* set = make_set();
  uint64_t job = 0;
  uint64_t line = 0;
  uint64_t room = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_queue_receiver(set, receiver, &job, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_collector(set, collector, &line, &error));
  CHECK(only_event(set, 1000000).id == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_send(sender, "1", 1, 0, &error));
  CHECK(only_event(set, kPatience).id == job);
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_receive(receiver, buffer, sizeof buffer, 0, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_send(contributor, "2", 1, 0, &error));
  CHECK(only_event(set, kPatience).id == line);
  ringbell_waitset_remove(set, job);
  ringbell_waitset_remove(set, line);

  while (ringbell_queue_sender_send(sender, "3", 1, 0, &error) == RINGBELL_OK) {
  }
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_queue_sender(set, sender, &room, &error));
  CHECK(only_event(set, 1000000).id == 0);
  CHECK_CODE(RINGBELL_OK,
             ringbell_queue_receiver_receive(receiver, buffer, sizeof buffer, 0, &size, &error));
  CHECK(only_event(set, kPatience).id == room);
  ringbell_waitset_remove(set, room);
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_contributor(set, contributor, 8, &room, &error));
  CHECK(only_event(set, kPatience).id == room);
  ringbell_waitset_destroy(set);
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
  ringbell_collector_close(collector);
  ringbell_contributor_close(contributor);
}

/* Of a channel between this process and a child, which ends without closing. */
static void a_death_is_told(void) {
  ringbell_channel* channel = NULL;
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ringbell_channel* other = NULL;
    ringbell_sender* sender = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_sender_open(other, NULL, &sender, &error));
    _exit(0);
  }
  check_child_succeeds(child);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(channel, NULL, &receiver, &error));
  ringbell_waitset* set = NULL;
  uint64_t id = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_create(NULL, &set, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_receiver(set, receiver, &id, &error));
  const ringbell_event event = only_event(set, kPatience);
  CHECK(event.id == id && event.what == RINGBELL_IS_DEAD);
  ringbell_waitset_destroy(set);
  ringbell_receiver_close(receiver);
}

/* The messages stand in the last page of the memory. */
static void a_ring_with_nonsense_in_it_has_an_error_to_tell(void) {
  const ringbell_queue_options options = {.messages = 2, .message_bytes = 8};
  ringbell_queue* queue = NULL;
  ringbell_queue_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(&options, &queue, &error));
  struct stat status;
  const int fd = ringbell_queue_fd(queue);
  CHECK(fstat(fd, &status) == 0);
  const size_t bytes = (size_t)status.st_size;
  char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(queue, NULL, &receiver, &error));
  ringbell_waitset* set = make_set();
  uint64_t id = 0;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_waitset_add_queue_receiver(set, receiver, &id, &error));
  CHECK(only_event(set, 0).id == 0);
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  memset(memory + bytes - page, 0xff, page);
  const ringbell_event event = only_event(set, kPatience);
  CHECK(event.id == id && event.what == RINGBELL_FAILED);
  CHECK_CODE(RINGBELL_CORRUPT,
             ringbell_queue_receiver_receive(receiver, buffer, sizeof buffer, 0, &size, &error));
  ringbell_waitset_destroy(set);
  ringbell_queue_receiver_close(receiver);
  CHECK(munmap(memory, bytes) == 0);
}

static void what_cannot_be_is_refused(void) {
  const ringbell_wait_options wrong = {.reserved_flags = 1};
  ringbell_waitset* set = NULL;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_waitset_create(&wrong, &set, &error));
  set = make_set();
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    uint64_t id = 0;
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_waitset_add_timer(set, 0, 0, &id, &error));
    CHECK(strstr(error.message, "the parent's") != NULL);
    _exit(0);
  }
  check_child_succeeds(child);
  ringbell_waitset_destroy(set);
}

static void* interrupt_soon(void* set) {
  usleep(5000);
  ringbell_waitset_interrupt(set);
  return NULL;
}

static void a_wait_is_interrupted(void) {
  ringbell_waitset* set = make_set();
  ringbell_event event;
  size_t count = 0;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, interrupt_soon, set) == 0);
  CHECK_CODE(RINGBELL_CANCELLED, ringbell_waitset_wait(set, kPatience, &event, 1, &count, &error));
  CHECK(pthread_join(thread, NULL) == 0);
  ringbell_waitset_destroy(set);
  ringbell_waitset_destroy(NULL);
}

int main(void) {
  a_channel_is_told_until_it_is_read();
  descriptors_and_times_are_told();
  events_without_room_come_later();
  a_service_is_served_among_others();
  an_answer_that_had_no_room_is_told_again();
  a_state_and_a_topic_are_told();
  a_queue_and_a_collector_are_told();
  a_death_is_told();
  a_ring_with_nonsense_in_it_has_an_error_to_tell();
  what_cannot_be_is_refused();
  a_wait_is_interrupted();
  return 0;
}
