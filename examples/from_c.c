/* The C API: `from_c send` in one terminal, `from_c receive` in another, in either order. Or both
 * at once. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

static ringbell_error error; /* what the last failure was, if any */

static int fails(void) {
  puts(error.message);
  return 1;
}

static int send_lines(void) {
  const ringbell_channel_options options = {.capacity_bytes = 64 * 1024}; /* the rest: defaults */
  ringbell_sender* sender;
  if (ringbell_sender_create("lines", &options, NULL, &sender, &error) < 0) return fails();
  for (int line = 1; line <= 3; ++line) {
    void* room; /* in the ring itself: nothing is copied */
    if (ringbell_sender_claim(sender, 64, RINGBELL_FOREVER, &room, &error) < 0) return fails();
    const int length = snprintf(room, 64, "line %d of process %d", line, (int)getpid());
    ringbell_sender_commit(sender, (size_t)length);
  }
  ringbell_sender_close(sender); /* what was sent is read all the same */
  return 0;
}

static int receive_lines(void) {
  const int64_t five_seconds = INT64_C(5000000000);
  ringbell_receiver* receiver;
  if (ringbell_receiver_open_name("lines", five_seconds, NULL, &receiver, &error) < 0) {
    return fails();
  }
  const void* record;
  size_t size;
  int code;
  while ((code = ringbell_receiver_peek(receiver, RINGBELL_FOREVER, &record, &size, &error)) == 0) {
    printf("%.*s\n", (int)size, (const char*)record);
    ringbell_receiver_release(receiver);
  }
  ringbell_receiver_close(receiver);
  return code == RINGBELL_CLOSED ? 0 : fails(); /* the sender has said all */
}

int main(int count, char** arguments) {
  if (count > 1) return strcmp(arguments[1], "send") == 0 ? send_lines() : receive_lines();
  const pid_t pid = fork();
  if (pid == 0) _exit(send_lines());
  const int result = receive_lines();
  int status = 1;
  return waitpid(pid, &status, 0) == pid && status == 0 ? result : 1;
}
