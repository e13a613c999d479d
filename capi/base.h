/* What all parts of the C API share: codes, errors, memory, waiting.
 *
 * A handle is for one thread at a time, but for its interrupt call; a library that was built with
 * assertions (without NDEBUG) notices a second thread, and ends the process there. */
#ifndef RINGBELL_CAPI_BASE_H
#define RINGBELL_CAPI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGBELL_C_API __attribute__((visibility("default")))

#define RINGBELL_FOREVER INT64_MAX

/* The numbers stay what they are; new ones may come. */
enum ringbell_code {
  RINGBELL_OK = 0,
  RINGBELL_NOT_NOW = 1, /* full, empty, or time is up: no failure */
  RINGBELL_INVALID_ARGUMENT = -1,
  RINGBELL_SYSTEM = -2, /* a system call failed: errno_value */
  RINGBELL_NO_SPACE = -3,
  RINGBELL_PERMISSION = -4,
  RINGBELL_UNSUPPORTED = -5,
  RINGBELL_NOT_A_REGION = -6,     /* the descriptor is not, or not safely, of a ringbell region */
  RINGBELL_VERSION_MISMATCH = -7, /* a region of another layout version */
  RINGBELL_BUSY = -8,             /* a living process plays the role: the message names it */
  RINGBELL_CORRUPT = -9,          /* the peer wrote something impossible: drop the channel */
  RINGBELL_CLOSED = -10,          /* the peer closed in order */
  RINGBELL_PEER_DEAD = -11,       /* the peer is gone without closing */
  RINGBELL_TOO_LARGE = -12,
  RINGBELL_NOT_FOUND = -13,
  RINGBELL_TIMED_OUT = -14,  /* the peer did not answer a handshake in time */
  RINGBELL_CANCELLED = -15,  /* the caller ended it before its end */
  RINGBELL_OTHER_RING = -16, /* in use, for a ring of another kind or with other options */
  RINGBELL_NO_PLACE = -17,   /* as many living processes as there can be */
  RINGBELL_EVICTED = -18,    /* this end was taken for dead: open it anew */
  RINGBELL_NO_READER = -19,  /* a reader is required, and none has come */
  RINGBELL_STALE = -20,      /* a file that was in use when the power went */
  RINGBELL_DROPPED = -21     /* the server gave the call up without an answer */
};

typedef struct ringbell_error {
  int code;
  int errno_value;   /* 0 where no system call was to blame */
  char message[504]; /* one line: what was tried, on what, and what to do; ends with a 0 */
} ringbell_error;

/* "closed", "peer_dead", ...; "unknown" for a number that is no code. */
RINGBELL_C_API const char* ringbell_code_name(int code);
/* Of the library that runs, as opposed to RINGBELL_VERSION_MAJOR and so on: "0.1.0". */
RINGBELL_C_API const char* ringbell_version(void);
/* Of shared memory: processes can share a region if theirs is the same. */
RINGBELL_C_API uint32_t ringbell_layout_version(void);

/* What is known of the other side. */
enum ringbell_peer {
  RINGBELL_PEER_ABSENT = 0, /* not come yet */
  RINGBELL_PEER_ALIVE = 1,
  RINGBELL_PEER_HAS_CLOSED = 2,
  RINGBELL_PEER_HAS_DIED = 3
};

enum ringbell_doorbell {
  RINGBELL_DOORBELL_FUTEX = 0,
  RINGBELL_DOORBELL_EVENTFD = 1,
  RINGBELL_DOORBELL_NONE = 2 /* both sides spin */
};

enum ringbell_huge_pages {
  RINGBELL_HUGE_PAGES_NEVER = 0,
  RINGBELL_HUGE_PAGES_PREFER = 1,
  RINGBELL_HUGE_PAGES_REQUIRE = 2
};

/* Where the pages come from. What has a name must not exist yet, and stays until it is removed. By
 * a ring's name, only RINGBELL_BACKING_MEMFD. */
enum ringbell_backing {
  RINGBELL_BACKING_MEMFD = 0,    /* no name, sealed, gone with its last user */
  RINGBELL_BACKING_SHM = 1,      /* shm_open: memory_name in /dev/shm */
  RINGBELL_BACKING_FILE = 2,     /* memory_name is a path: on a disk persistent */
  RINGBELL_BACKING_SYSTEM_V = 3, /* shmget; gone with its last user */
  RINGBELL_BACKING_ANONYMOUS = 4 /* shared with children of fork() only */
};

enum ringbell_memory_flags {
  RINGBELL_NO_PREFAULT = 1, /* pages are made when they are first touched */
  RINGBELL_LOCK_MEMORY = 2, /* mlock */
  RINGBELL_FOR_GROUP = 4    /* by name: other users too, in a folder that their group shares */
};

/* What stands in front of a message of a timed channel or collector. */
typedef struct ringbell_user_header {
  uint64_t time_ns;  /* CLOCK_MONOTONIC, when its sender began it */
  uint32_t source;   /* what its sender calls itself; at first the process id */
  uint32_t sequence; /* its number among those of that sender: 1, 2 ...; wraps */
} ringbell_user_header;

enum ringbell_wait_flags {
  RINGBELL_WAIT_SPIN = 1,       /* never sleep; needs a CPU to itself */
  RINGBELL_WAIT_YIELD = 2,      /* give the CPU away between two looks */
  RINGBELL_WAIT_QUICK_WAKE = 4, /* hold /dev/cpu_dma_latency at 0, where that is permitted */
  RINGBELL_WAIT_PAST_QUOTA = 8  /* spin even where a control group's CPU quota is used up by it */
};

typedef struct ringbell_wait_options {
  int64_t spin_budget_ns;   /* before sleeping. 0: 20 us; negative: sleep at once */
  int64_t longest_sleep_ns; /* before looking again unasked. 0: 100 ms */
  uint32_t flags;           /* enum ringbell_wait_flags, or-ed */
  uint32_t reserved_flags;
  uint64_t reserved[4];
} ringbell_wait_options;

#ifdef __cplusplus
}
#endif

#endif
