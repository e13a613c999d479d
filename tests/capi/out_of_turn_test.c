/* Calls out of turn, and sizes that were not claimed: nothing happens, or an error says so, and
 * what was in hand stays there. An empty record is none of these. */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <string.h>

#include <ringbell/ringbell.h>

#include "both_ends.h"
#include "check.h"

static ringbell_error error;

static const int kInvalid = RINGBELL_INVALID_ARGUMENT;
static const size_t kNothing = SIZE_MAX;

enum { kBytes = 8 };
/* The last is kBytes where a size is cut to 32 bits. */
static const size_t kTooMuch[] = {kBytes + 1, SIZE_MAX, (size_t)UINT32_MAX + 1 + kBytes};
enum { kSizes = sizeof kTooMuch / sizeof *kTooMuch };

/* --- Records: a sender and its receiver, or a contributor and its collector ------------------- */

struct pair {
  ringbell_sender* sender; /* NULL: the others */
  ringbell_receiver* receiver;
  ringbell_contributor* contributor;
  ringbell_collector* collector;
};

static int claim(const struct pair* ends, size_t size_bytes, void** room) {
  if (ends->sender != NULL) return ringbell_sender_claim(ends->sender, size_bytes, 0, room, &error);
  return ringbell_contributor_claim(ends->contributor, size_bytes, 0, room, &error);
}

static void commit(const struct pair* ends, size_t size_bytes) {
  if (ends->sender != NULL) {
    ringbell_sender_commit(ends->sender, size_bytes);
  } else {
    ringbell_contributor_commit(ends->contributor, size_bytes);
  }
}

static void stage(const struct pair* ends, size_t size_bytes) {
  if (ends->sender != NULL) {
    ringbell_sender_stage(ends->sender, size_bytes);
  } else {
    ringbell_contributor_stage(ends->contributor, size_bytes);
  }
}

static void flush(const struct pair* ends) {
  if (ends->sender != NULL) {
    ringbell_sender_flush(ends->sender);
  } else {
    ringbell_contributor_flush(ends->contributor);
  }
}

static void give_up(const struct pair* ends) {
  if (ends->sender != NULL) {
    ringbell_sender_abort(ends->sender);
  } else {
    ringbell_contributor_abort(ends->contributor);
  }
}

static void release(const struct pair* ends) {
  if (ends->sender != NULL) {
    ringbell_receiver_release(ends->receiver);
  } else {
    ringbell_collector_release(ends->collector);
  }
}

/* That of the next record, or kNothing. */
static size_t next_size(const struct pair* ends) {
  char into[kBytes];
  size_t size = 0;
  const int code =
      ends->sender != NULL
          ? ringbell_receiver_receive(ends->receiver, into, sizeof into, 0, &size, &error)
          : ringbell_collector_receive(ends->collector, into, sizeof into, 0, &size, &error);
  if (code == RINGBELL_NOT_NOW) return kNothing;
  CHECK_CODE(RINGBELL_OK, code);
  CHECK(size == 0 || memcmp(into, "in place", size) == 0);
  return size;
}

static void fill(const struct pair* ends) {
  void* room = NULL;
  CHECK_CODE(RINGBELL_OK, claim(ends, kBytes, &room));
  memcpy(room, "in place", kBytes);
}

static void what_was_not_claimed_is_not_sent(const struct pair* ends) {
  commit(ends, 0);
  stage(ends, 0);
  give_up(ends);
  flush(ends);
  CHECK(next_size(ends) == kNothing);
  for (int staged = 0; staged < 2; ++staged) {
    fill(ends);
    for (int i = 0; i < kSizes; ++i) {
      commit(ends, kTooMuch[i]);
      stage(ends, kTooMuch[i]);
    }
    flush(ends);
    CHECK(next_size(ends) == kNothing);
    if (staged) {
      stage(ends, kBytes);
    } else {
      commit(ends, kBytes);
    }
    commit(ends, 0); /* nothing is claimed any more */
    stage(ends, 0);
    flush(ends);
    CHECK(next_size(ends) == kBytes);
    CHECK(next_size(ends) == kNothing);
  }
}

static void an_empty_record_is_one(const struct pair* ends) {
  for (int staged = 0; staged < 2; ++staged) {
    fill(ends);
    if (staged) {
      stage(ends, 0);
      CHECK(next_size(ends) == kNothing);
      flush(ends);
    } else {
      commit(ends, 0);
    }
    CHECK(next_size(ends) == 0);
    CHECK(next_size(ends) == kNothing);
  }
}

static void what_never_fits_is_refused(const struct pair* ends) {
  for (int i = 1; i < kSizes; ++i) {
    void* room = NULL;
    fill(ends);
    CHECK_CODE(RINGBELL_TOO_LARGE, claim(ends, kTooMuch[i], &room));
    CHECK(room == NULL);
    commit(ends, kBytes); /* the claim before is forgotten */
    CHECK(next_size(ends) == kNothing);
  }
}

static void what_is_not_looked_at_is_not_given_back(const struct pair* ends) {
  for (int before = 0; before < 2; ++before) { /* a record was received, or not yet */
    release(ends);
    fill(ends);
    commit(ends, kBytes);
    release(ends);
    CHECK(next_size(ends) == kBytes);
  }
}

static void of_records(const struct pair* ends) {
  what_is_not_looked_at_is_not_given_back(ends);
  what_was_not_claimed_is_not_sent(ends);
  an_empty_record_is_one(ends);
  what_never_fits_is_refused(ends);
}

static void of_channels_and_collectors(void) {
  struct pair channel = {0};
  open_both(NULL, &channel.sender, &channel.receiver);
  of_records(&channel);
  ringbell_sender_close(channel.sender);
  ringbell_receiver_close(channel.receiver);

  struct pair fan_in = {0};
  ringbell_lanes* lanes = NULL;
  ringbell_lanes* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_create(NULL, &lanes, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_lanes_attach(ringbell_lanes_fd(lanes), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_contributor_open(lanes, NULL, &fan_in.contributor, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_collector_open(other, NULL, &fan_in.collector, &error));
  of_records(&fan_in);
  ringbell_contributor_close(fan_in.contributor);
  ringbell_collector_close(fan_in.collector);
}

/* --- Slots ------------------------------------------------------------------------------------ */

static void of_queues(void) {
  const ringbell_queue_options options = {.message_bytes = kBytes};
  ringbell_queue* queue = NULL;
  ringbell_queue* other = NULL;
  ringbell_queue_sender* sender = NULL;
  ringbell_queue_receiver* receiver = NULL;
  const void* message = NULL;
  void* room = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_queue_create(&options, &queue, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_attach(ringbell_queue_fd(queue), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_open(queue, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_open(other, NULL, &receiver, &error));
  ringbell_queue_sender_abort(sender);
  CHECK(ringbell_queue_receiver_redelivered(receiver) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_queue_sender_claim(sender, 0, &room, &size, &error));
  for (int i = 0; i < kSizes; ++i) CHECK(ringbell_queue_sender_commit(sender, kTooMuch[i]) == 0);
  CHECK(ringbell_queue_sender_commit(sender, 0) == 1);
  CHECK(ringbell_queue_sender_commit(sender, 0) == 0);
  CHECK(ringbell_queue_receiver_release(receiver) == 0); /* it was not looked at */
  CHECK_CODE(RINGBELL_OK, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  CHECK(size == 0 && ringbell_queue_receiver_recover(receiver).returned == 0); /* it is in hand */
  CHECK(ringbell_queue_receiver_release(receiver) == 1);
  CHECK(ringbell_queue_receiver_release(receiver) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_queue_receiver_peek(receiver, 0, &message, &size, &error));
  ringbell_queue_receiver_close(receiver);
  ringbell_queue_sender_close(sender);
}

static void of_topics(uint32_t policy) {
  const ringbell_topic_options options = {.policy = policy, .message_bytes = kBytes};
  ringbell_topic* topic = NULL;
  ringbell_topic* other = NULL;
  ringbell_publisher* publisher = NULL;
  ringbell_subscriber* subscriber = NULL;
  char into[kBytes];
  void* room = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, NULL, &publisher, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_open(other, RINGBELL_START_NEWEST, NULL, &subscriber, &error));
  ringbell_publisher_abort(publisher);
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_claim(publisher, 0, &room, &size, &error));
  for (int i = 0; i < kSizes; ++i) CHECK(ringbell_publisher_commit(publisher, kTooMuch[i]) == 0);
  CHECK(ringbell_publisher_commit(publisher, 0) == 1);
  CHECK(ringbell_publisher_commit(publisher, 0) == 0);
  CHECK(ringbell_subscriber_release(subscriber) == 0); /* it was not looked at */
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_receive(subscriber, into, sizeof into, 0, &size, &error));
  CHECK(size == 0 && ringbell_subscriber_release(subscriber) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_subscriber_receive(subscriber, into, sizeof into, 0, &size, &error));
  CHECK(ringbell_publisher_evict(publisher) == 0 && ringbell_publisher_evictions(publisher) == 0);
  ringbell_subscriber_close(subscriber);
  ringbell_publisher_close(publisher);
}

static void of_states(void) {
  const ringbell_state_options options = {.value_bytes = kBytes};
  ringbell_state* state = NULL;
  ringbell_state* other = NULL;
  ringbell_state_writer* writer = NULL;
  ringbell_state_reader* reader = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_state_create(&options, &state, &error));
  const ringbell_state_fds fds = ringbell_state_get_fds(state);
  CHECK_CODE(RINGBELL_OK, ringbell_state_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_writer_open(state, NULL, &writer, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_state_reader_open(other, NULL, &reader, &error));
  ringbell_state_writer_abort(writer);
  CHECK(ringbell_state_reader_release(reader) == 0);
  CHECK(ringbell_state_writer_claim(writer, 0, &size) != NULL);
  for (int i = 0; i < kSizes; ++i) CHECK(ringbell_state_writer_commit(writer, kTooMuch[i]) == 0);
  CHECK(ringbell_state_writer_commit(writer, 0) == 1);
  CHECK(ringbell_state_writer_commit(writer, 0) == 0);
  CHECK(ringbell_state_writer_number(writer, 0) == 1);
  ringbell_state_reader_close(reader);
  ringbell_state_writer_close(writer);
}

/* --- Calls ------------------------------------------------------------------------------------ */

static void of_a_client(ringbell_client* client, ringbell_server* server) {
  const void* message = NULL;
  char into[kBytes];
  size_t size = 0;
  ringbell_client_abandon(client);
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_NONE);
  CHECK(ringbell_server_is_cancelled(server) == 0);
  CHECK_CODE(kInvalid, ringbell_server_respond(server, "told", 4, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
  CHECK_CODE(kInvalid, ringbell_server_respond(server, "told", 4, &error)); /* not looked at */
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &message, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, "told", 4, &error));
  CHECK_CODE(kInvalid, ringbell_server_respond(server, "twice", 5, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_finish(client, into, sizeof into, &size, &error));
  CHECK(size == 4);
  CHECK_CODE(kInvalid, ringbell_client_finish(client, into, sizeof into, &size, &error));
  CHECK_CODE(kInvalid, ringbell_client_next(client, 0, &message, &size, &error));
  ringbell_client_abandon(client);
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_NONE);
}

static void of_a_ticket(ringbell_client* client, ringbell_server* server) {
  ringbell_ticket* ticket = NULL;
  ringbell_taken* taken = NULL;
  const void* message = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_client_start(client, "ask", 3, &ticket, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_take(server, 0, &taken, &error));
  CHECK_CODE(kInvalid, ringbell_server_respond(server, "told", 4, &error)); /* it is taken */
  CHECK_CODE(RINGBELL_OK, ringbell_taken_respond(taken, "told", 4, &error));
  CHECK_CODE(kInvalid, ringbell_taken_respond(taken, "twice", 5, &error));
  CHECK_CODE(kInvalid, ringbell_taken_send(taken, "more", 4, 0, &error));
  CHECK_CODE(kInvalid, ringbell_taken_finish(taken, &error));
  CHECK(ringbell_taken_is_cancelled(taken) == 1);
  (void)ringbell_taken_request(taken, &size);
  CHECK(size == 0);
  ringbell_taken_destroy(taken);
  for (int twice = 0; twice < 2; ++twice) {
    CHECK(ringbell_ticket_abandon(ticket) == RINGBELL_FATE_SERVED);
  }
  CHECK_CODE(kInvalid, ringbell_ticket_wait(ticket, 0, &message, &size, &error));
  CHECK_CODE(kInvalid, ringbell_ticket_next(ticket, 0, &message, &size, &error));
  ringbell_ticket_destroy(ticket);
}

static void of_services(void) {
  const ringbell_service_options options = {.tickets = 1};
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(&options, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  of_a_client(client, server);
  of_a_ticket(client, server);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

int main(void) {
  of_channels_and_collectors();
  of_queues();
  of_topics(RINGBELL_TOPIC_LOSSLESS);
  of_topics(RINGBELL_TOPIC_LOSSY);
  of_states();
  of_services();
  return 0;
}
