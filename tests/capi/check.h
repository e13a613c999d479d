/* What the C tests check with: the first thing that is wrong ends the program and says where. */
#ifndef RINGBELL_TESTS_CAPI_CHECK_H
#define RINGBELL_TESTS_CAPI_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>

#define CHECK(what)                                                      \
  do {                                                                   \
    if (!(what)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
      exit(1);                                                           \
    }                                                                    \
  } while (0)

/* Says what failed. */
#define CHECK_CODE(expected, call)                                                  \
  do {                                                                              \
    const int got = (call);                                                         \
    if (got != (expected)) {                                                        \
      fprintf(stderr, "%s:%d: %s gave %s, not %s: %s\n", __FILE__, __LINE__, #call, \
              ringbell_code_name(got), ringbell_code_name(expected),                \
              got < 0 ? error.message : "");                                        \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

static inline void check_child_succeeds(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
