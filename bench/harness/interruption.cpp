#include "bench/harness/interruption.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include <sys/signalfd.h>
#include <unistd.h>

namespace ringbell::bench::interruption {
namespace {

int signals_fd = -1;
int signal_that_came = 0;

sigset_t watched() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Result<void> watch() {
  const sigset_t set = watched();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("blocking SIGINT failed");
  signals_fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_fd < 0) return fail_errno("signalfd failed");
  return {};
}

int fd() noexcept { return signals_fd; }

bool came() noexcept {
  signalfd_siginfo info{};
  if (signal_that_came == 0 && signals_fd >= 0 &&
      ::read(signals_fd, &info, sizeof info) == sizeof info) {
    signal_that_came = static_cast<int>(info.ssi_signo);
  }
  return signal_that_came != 0;
}

int signal() noexcept { return came() ? signal_that_came : 0; }

tl::unexpected<Error> error() {
  const char* const name = ::sigabbrev_np(signal_that_came);
  return tl::unexpected<Error>(
      Error{ErrorCode::system, EINTR,
            std::string("interrupted by SIG") + (name != nullptr ? name : "?")});
}

void leave_to_parent() noexcept {
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  const sigset_t set = watched();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace ringbell::bench::interruption
