/* A wait for a listener, and one for its answer, is given up: by a call, and by a signal. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;
static ringbell_connection* connection = NULL;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

struct counter {
  int asked;
  int enough;
};

static int count(void* argument) {
  struct counter* const counter = argument;
  return ++counter->asked == counter->enough ? 7 : 0;
}

static volatile sig_atomic_t came = 0;
static void on_signal(int number) { came = number; }
static int signal_came(void* argument) {
  (void)argument;
  return came;
}

static int connect_until(int (*give_up)(void*), void* argument, int64_t timeout_ns) {
  const ringbell_connect_options options = {.give_up = give_up, .argument = argument};
  return ringbell_connect_with("nobody", timeout_ns, &options, &connection, &error);
}

static void a_call_gives_up(void) {
  struct counter counter = {.enough = 3};
  CHECK_CODE(RINGBELL_CANCELLED, connect_until(count, &counter, kPatience));
  CHECK(counter.asked == 3 && connection == NULL);
  CHECK(error.code == RINGBELL_CANCELLED && strstr(error.message, "given up") != NULL);
}

/* What comes in no time is not asked for. */
static void what_does_not_wait_does_not_ask(void) {
  struct counter counter = {.enough = 1};
  CHECK_CODE(RINGBELL_NOT_FOUND, connect_until(count, &counter, 0));
  CHECK(counter.asked == 0);
  counter.enough = 0;
  CHECK_CODE(RINGBELL_NOT_FOUND, connect_until(count, &counter, 500 * 1000 * 1000));
  CHECK(counter.asked > 0);
}

static void a_signal_gives_up(void) {
  const struct itimerval soon = {.it_value = {.tv_usec = 20 * 1000}};
  const struct itimerval never = {.it_value = {.tv_usec = 0}};
  struct timespec begin;
  struct timespec end;
  CHECK(signal(SIGALRM, on_signal) != SIG_ERR);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  CHECK_CODE(RINGBELL_CANCELLED, connect_until(signal_came, NULL, kPatience));
  CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  CHECK(came == SIGALRM && end.tv_sec - begin.tv_sec < 10);
  came = 0;
}

static void options_are_not_needed(void) {
  const ringbell_connect_options wrong = {.reserved = {1}};
  CHECK_CODE(RINGBELL_NOT_FOUND, ringbell_connect_with("nobody", 0, NULL, &connection, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_connect_with("nobody", 0, &wrong, &connection, &error));
}

int main(void) {
  char folder[] = "/tmp/ringbell-capi-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  CHECK(setenv("RINGBELL_DIR", folder, 1) == 0);
  options_are_not_needed();
  what_does_not_wait_does_not_ask();
  a_call_gives_up();
  a_signal_gives_up();

  /* The same where there is a listener, which accepts no connection. */
  ringbell_listener* listener = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_listener_open("nobody", NULL, NULL, &listener, &error));
  a_call_gives_up();
  a_signal_gives_up();
  ringbell_listener_close(listener);
  CHECK(rmdir(folder) == 0);
  return 0;
}
