#include "tools/command/interruption.hpp"

#include <csignal>

#include <sys/time.h>

#include "tools/command/command.hpp"

namespace ringbell::tools::interruption {
namespace {

volatile std::sig_atomic_t came = 0;

// A signal between a look at `came` and a blocking call would be noticed only when that call ends.
// So there is another one every few milliseconds.
extern "C" void on_signal(int number) {
  if (number != SIGALRM) came = number;
  constexpr timeval kSoon{.tv_sec = 0, .tv_usec = 20'000};
  const itimerval again{.it_interval = kSoon, .it_value = kSoon};
  ::setitimer(ITIMER_REAL, &again, nullptr);
}

}  // namespace

void watch() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;  // without SA_RESTART: blocking calls end with EINTR
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) {
    ::sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error, too
}

void unwatch() noexcept {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
}

int signal() noexcept { return came; }

Tried<void> check() {
  if (const int number = signal(); number != 0) return give_up(status_of_signal(number));
  return {};
}

}  // namespace ringbell::tools::interruption
