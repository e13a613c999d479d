/* A channel between two ends of this process, as two processes have it. */
#ifndef RINGBELL_TESTS_CAPI_BOTH_ENDS_H
#define RINGBELL_TESTS_CAPI_BOTH_ENDS_H

#include <ringbell/ringbell.h>

#include "check.h"

static void open_both(const ringbell_channel_options* options, ringbell_sender** sender,
                      ringbell_receiver** receiver) {
  ringbell_error error;
  ringbell_channel* channel = NULL;
  ringbell_channel* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(options, &channel, &error));
  const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
  CHECK(fds.memory >= 0);
  CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, NULL, sender, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(other, NULL, receiver, &error));
}

#endif
