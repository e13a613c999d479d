/* The ring of a driver from C, as far as no driver is needed. */
#include <ringbell/ringbell.h>

#include "check.h"

int main(void) {
  ringbell_error error;
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_NOT_A_REGION,
             ringbell_sender_open_device("/dev/null", NULL, &sender, &error));
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_NOT_FOUND,
             ringbell_receiver_open_device("/dev/no/ring", NULL, &receiver, &error));
  CHECK(sender == NULL && receiver == NULL);
  return 0;
}
