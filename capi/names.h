/* The names that rings and listeners have, and the removal of those without a living process. */
#ifndef RINGBELL_CAPI_NAMES_H
#define RINGBELL_CAPI_NAMES_H

#include <ringbell/capi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ringbell_name_kind {
  RINGBELL_NAME_UNKNOWN = 0, /* a file that cannot be read as a ring of this version */
  RINGBELL_NAME_LISTENER = 1,
  RINGBELL_NAME_CHANNEL = 2,
  RINGBELL_NAME_QUEUE = 3,
  RINGBELL_NAME_TOPIC = 4,
  RINGBELL_NAME_COLLECTOR = 5,
  RINGBELL_NAME_SERVICE = 6,
  RINGBELL_NAME_STATE = 7
};

typedef struct ringbell_name {
  const char* name;
  const char* folder; /* where its file is */
  const char* newer;  /* of a ring that was set aside for a newer one: that one's name; else NULL */
  uint64_t size_bytes; /* of a ring, its memory */
  uint32_t kind;       /* enum ringbell_name_kind */
  int32_t creator_pid; /* of a ring: its maker, in that one's pid namespace; for people */
  int alive;           /* 1: some process takes part in it, or listens */
} ringbell_name;

typedef struct ringbell_names ringbell_names;

/* Of all folders in which this user's names can be, sorted. Makes no folder. */
RINGBELL_C_API int ringbell_names_list(ringbell_names** names, ringbell_error* error);
/* Removes those in which no process takes part any more, with what is unread there. `names` may be
 * NULL; else it has which. */
RINGBELL_C_API int ringbell_names_remove_dead(ringbell_names** names, ringbell_error* error);
RINGBELL_C_API size_t ringbell_names_count(const ringbell_names* names);
/* Valid until the list is destroyed. NULL: there are not as many. */
RINGBELL_C_API const ringbell_name* ringbell_names_at(const ringbell_names* names, size_t index);
/* NULL is allowed. */
RINGBELL_C_API void ringbell_names_destroy(ringbell_names* names);

#ifdef __cplusplus
}
#endif

#endif
