// A thread of the library's own: it gets no signals, since the application's handlers do not expect
// to run there, and has a small stack.
#pragma once

#include <csignal>
#include <cstddef>

#include <pthread.h>

namespace ringbell {

// As pthread_create(3): 0, or an errno.
[[nodiscard]] inline int create_silent_thread(pthread_t& thread, void* (*body)(void*),
                                              void* argument) noexcept {
  constexpr std::size_t kStackBytes = std::size_t{256} * 1024;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(&thread, &attributes, body, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace ringbell
