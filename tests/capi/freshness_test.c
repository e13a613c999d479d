/* From C: a sender that requires a receiver, and a receiver that passes over what is too old. */
#define _POSIX_C_SOURCE 200809L

#include <ringbell/ringbell.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "both_ends.h"
#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

static void what_is_too_old_is_passed_over(void) {
  const ringbell_channel_options timed = {.flags = RINGBELL_CHANNEL_TIMED};
  const ringbell_channel_options unknown = {.flags = RINGBELL_CHANNEL_SEALS << 1};
  ringbell_channel* channel = NULL;
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  const void* record = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_channel_create(&unknown, &channel, &error));
  open_both(&timed, &sender, &receiver);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "late", 4, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_receiver_peek_fresh(receiver, 0, 0, &record, &size, &error));
  CHECK(ringbell_receiver_expired(receiver) == 1);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "good", 4, 0, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_peek_fresh(receiver, kPatience, kPatience, &record, &size, &error));
  CHECK(size == 4 && memcmp(record, "good", 4) == 0);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
  open_both(NULL, &sender, &receiver);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_receiver_peek_fresh(receiver, 0, 0, &record, &size, &error));
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void a_record_tells_when_and_by_whom_it_was_sent(void) {
  const ringbell_channel_options timed = {.flags = RINGBELL_CHANNEL_TIMED};
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  const void* record = NULL;
  size_t size = 0;
  ringbell_user_header first = {0};
  ringbell_user_header second = {0};
  open_both(&timed, &sender, &receiver);
  CHECK(ringbell_receiver_user_header(receiver, &first) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "one", 3, 0, &error));
  ringbell_sender_set_source(sender, UINT32_MAX);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "two", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_peek(receiver, kPatience, &record, &size, &error));
  CHECK(ringbell_receiver_user_header(receiver, &first) == 1);
  ringbell_receiver_release(receiver);
  CHECK(ringbell_receiver_user_header(receiver, &second) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_peek(receiver, kPatience, &record, &size, &error));
  CHECK(ringbell_receiver_user_header(receiver, &second) == 1);
  CHECK(first.source == (uint32_t)getpid() && second.source == UINT32_MAX);
  CHECK(first.sequence == 1 && second.sequence == 2);
  CHECK(first.time_ns > 0 && first.time_ns <= second.time_ns);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void a_reader_can_be_required(void) {
  ringbell_channel* channel = NULL;
  ringbell_sender* sender = NULL;
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(NULL, &channel, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "kept", 4, 0, &error));
  ringbell_sender_require_reader(sender, 1);
  CHECK_CODE(RINGBELL_NO_READER, ringbell_sender_send(sender, "lost", 4, kPatience, &error));
  ringbell_sender_require_reader(sender, 0);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "kept", 4, 0, &error));
  ringbell_sender_close(sender);
  open_both(NULL, &sender, &receiver);
  ringbell_sender_require_reader(sender, 1);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "sent", 4, 0, &error));
  ringbell_receiver_close(receiver);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_sender_send(sender, "lost", 4, kPatience, &error));
  ringbell_sender_close(sender);
}

int main(void) {
  a_reader_can_be_required();
  what_is_too_old_is_passed_over();
  a_record_tells_when_and_by_whom_it_was_sent();
  return 0;
}
