/* The C API: a child sends lines over a channel that it inherits, the parent prints them. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

static ringbell_error error; /* what the last failure was, if any */

static int child(ringbell_channel* channel) {
  ringbell_sender* sender;
  if (ringbell_sender_open(channel, NULL, &sender, &error) < 0) return 1;
  for (int line = 1; line <= 3; ++line) {
    void* room; /* in the ring itself: nothing is copied */
    if (ringbell_sender_claim(sender, 64, RINGBELL_FOREVER, &room, &error) < 0) return 1;
    const int length = snprintf(room, 64, "line %d of process %d", line, (int)getpid());
    ringbell_sender_commit(sender, (uint32_t)length);
  }
  ringbell_sender_close(sender);
  return 0;
}

static int parent(ringbell_channel* channel) {
  ringbell_receiver* receiver;
  if (ringbell_receiver_open(channel, NULL, &receiver, &error) < 0) return 1;
  const void* record;
  size_t size;
  int code;
  while ((code = ringbell_receiver_peek(receiver, RINGBELL_FOREVER, &record, &size, &error)) == 0) {
    printf("%.*s\n", (int)size, (const char*)record);
    ringbell_receiver_release(receiver);
  }
  ringbell_receiver_close(receiver);
  return code == RINGBELL_CLOSED ? 0 : 1; /* the child has said all */
}

int main(void) {
  const ringbell_channel_options options = {.capacity_bytes = 64 * 1024}; /* the rest: defaults */
  ringbell_channel* channel;
  if (ringbell_channel_create(&options, &channel, &error) < 0) return puts(error.message), 1;
  const pid_t pid = fork();
  if (pid < 0) return 1;
  if (pid == 0) _exit(child(channel));
  const int result = parent(channel);
  if (result != 0) puts(error.message);
  int status = 1;
  waitpid(pid, &status, 0);
  return result == 0 && status == 0 ? 0 : 1;
}
