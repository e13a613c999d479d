// pthread_cancel() is held back while it lives: a thread that was cancelled amid a call would leave
// locks, names and positions as they were at that instant. It takes effect after the call.
#pragma once

#include <pthread.h>

namespace ringbell {

class NoCancellation {
 public:
  NoCancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;
  ~NoCancellation() { ::pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace ringbell
