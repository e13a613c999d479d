/* From C: channels in files, records with seals, a file that was in use when the power went, and a
 * ring that is set aside for a newer one of its name. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

#define PATIENCE_NS (INT64_C(20) * 1000 * 1000 * 1000)

static ringbell_error error;
static char folder[64] = "/dev/shm/ringbell-test-XXXXXX";
static char path[128];
static const ringbell_channel_options kSealed = {.capacity_bytes = 4096,
                                                 .flags = RINGBELL_CHANNEL_SEALS};

/* What ringbell_recover() handed out, one after the other. */
static char found[256];
static void keep(void* context, const void* bytes, size_t size_bytes) {
  CHECK(context == found);
  strncat(found, bytes, size_bytes);
}

static ringbell_sender* sender_in_file(const ringbell_channel_options* options) {
  ringbell_channel* channel = NULL;
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create_file(path, options, &channel, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, &sender, &error));
  return sender;
}

/* As if the machine had been started again since then: the id of the boot stands at 256. */
static void change_boot(void) {
  const int file = open(path, O_RDWR | O_CLOEXEC);
  char byte = 0;
  CHECK(file >= 0 && pread(file, &byte, 1, 256) == 1);
  byte = (char)(byte ^ 1);
  CHECK(pwrite(file, &byte, 1, 256) == 1);
  CHECK(close(file) == 0);
}

static void records_with_seals_come_as_they_were_sent(void) {
  char room[16];
  size_t size = 0;
  ringbell_channel* channel = NULL;
  ringbell_receiver* receiver = NULL;
  ringbell_sender* sender = sender_in_file(&kSealed);
  CHECK_CODE(RINGBELL_OK, ringbell_channel_open_file(path, &channel, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(channel, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send_sealed(sender, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "two", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive_sealed(receiver, room, sizeof room, 0, &size, &error));
  CHECK(size == 3 && memcmp(room, "one", 3) == 0);
  CHECK_CODE(RINGBELL_CORRUPT,
             ringbell_receiver_receive_sealed(receiver, room, sizeof room, 0, &size, &error));
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_receiver_receive_sealed(receiver, room, sizeof room, 0, &size, &error));
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
  CHECK(unlink(path) == 0);
}

static void what_has_no_seals_is_refused(void) {
  ringbell_recovered recovered = {0, 0};
  ringbell_sender* sender = sender_in_file(NULL);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_sender_send_sealed(sender, "one", 3, 0, &error));
  ringbell_sender_close(sender);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_recover(path, keep, found, &recovered, &error));
  CHECK(unlink(path) == 0);
}

static void wrong_options_make_no_file(void) {
  const ringbell_channel_options wrong = {.doorbell = 99};
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_channel_create_file(path, &wrong, &channel, &error));
  CHECK(channel == NULL && access(path, F_OK) != 0);
}

static void a_full_channel_takes_no_record_with_a_seal(void) {
  static const char much[1000];
  ringbell_sender* sender = sender_in_file(&kSealed);
  size_t sent = 0;
  int code = RINGBELL_OK;
  while (code == RINGBELL_OK) {
    code = ringbell_sender_send_sealed(sender, much, sizeof much, 0, &error);
    if (code == RINGBELL_OK) ++sent;
  }
  CHECK_CODE(RINGBELL_NOT_NOW, code);
  CHECK(sent > 0 && sent * sizeof much < kSealed.capacity_bytes);
  ringbell_sender_close(sender);
  CHECK(unlink(path) == 0);
}

static void what_is_whole_is_recovered_after_a_power_cut(void) {
  ringbell_recovered recovered = {0, 0};
  ringbell_channel* channel = NULL;
  ringbell_sender* sender = sender_in_file(&kSealed);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send_sealed(sender, "one", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "lost", 4, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send_sealed(sender, "three", 5, 0, &error));
  CHECK_CODE(RINGBELL_BUSY, ringbell_recover(path, keep, found, &recovered, &error));
  ringbell_sender_close(sender);
  change_boot();
  CHECK_CODE(RINGBELL_STALE, ringbell_channel_open_file(path, &channel, &error));
  CHECK_CODE(RINGBELL_STALE, ringbell_settle_file(path, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_recover(path, keep, found, &recovered, &error));
  CHECK(recovered.records == 2 && recovered.gaps == 1);
  CHECK(strcmp(found, "onethree") == 0);
  CHECK(unlink(path) == 0);
}

static void a_file_that_was_settled_is_good_in_later_boots(void) {
  ringbell_channel* channel = NULL;
  ringbell_sender_close(sender_in_file(&kSealed));
  CHECK_CODE(RINGBELL_OK, ringbell_settle_file(path, &error));
  change_boot();
  CHECK_CODE(RINGBELL_OK, ringbell_channel_open_file(path, &channel, &error));
  ringbell_channel_destroy(channel);
  CHECK(unlink(path) == 0);
}

/* Memory that shm_open() gives is a file too, but on no disk. */
static void what_is_on_no_disk_cannot_be_settled(void) {
  char name[32];
  snprintf(name, sizeof name, "ringbell-test-%d", (int)getpid());
  const ringbell_channel_options options = {.backing = RINGBELL_BACKING_SHM, .memory_name = name};
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(&options, &channel, &error));
  ringbell_channel_destroy(channel);
  char file[64];
  snprintf(file, sizeof file, "/dev/shm/%s", name);
  CHECK_CODE(RINGBELL_UNSUPPORTED, ringbell_settle_file(file, &error));
  CHECK(unlink(file) == 0);
}

static void a_ring_is_set_aside_for_a_newer_one(void) {
  const ringbell_channel_options small = {.capacity_bytes = 4096};
  const ringbell_channel_options larger = {.capacity_bytes = 8192,
                                           .flags = RINGBELL_CHANNEL_WHEN_DRAINED};
  char room[16];
  size_t size = 0;
  ringbell_receiver* receiver = NULL;
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_create("orders", &small, NULL, &receiver, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open_name("orders", PATIENCE_NS, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "old", 3, 0, &error));
  ringbell_sender_close(sender);
  CHECK_CODE(RINGBELL_OK, ringbell_sender_create("orders", &larger, NULL, &sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_send(sender, "new", 3, 0, &error));
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive(receiver, room, sizeof room, PATIENCE_NS, &size, &error));
  CHECK(size == 3 && memcmp(room, "old", 3) == 0);
  CHECK_CODE(RINGBELL_OK,
             ringbell_receiver_receive(receiver, room, sizeof room, PATIENCE_NS, &size, &error));
  CHECK(size == 3 && memcmp(room, "new", 3) == 0);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  snprintf(path, sizeof path, "%s/file", folder);
  records_with_seals_come_as_they_were_sent();
  what_has_no_seals_is_refused();
  wrong_options_make_no_file();
  a_full_channel_takes_no_record_with_a_seal();
  what_is_whole_is_recovered_after_a_power_cut();
  a_file_that_was_settled_is_good_in_later_boots();
  what_is_on_no_disk_cannot_be_settled();
  a_ring_is_set_aside_for_a_newer_one();
  CHECK(rmdir(folder) == 0);
  return 0;
}
