#include "bench/transports/sysv_queue.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringbell::bench {
namespace {

struct Made {
  int id;
  int errno_value;
};

[[noreturn]] void guard(int life_line) noexcept {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  ::setsid();
  const int id = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  const Made made{.id = id, .errno_value = errno};
  const bool told = ::send(life_line, &made, sizeof made, MSG_NOSIGNAL) == sizeof made;
  std::array<char, 1> nothing{};
  while (told && ::read(life_line, nothing.data(), nothing.size()) < 0 && errno == EINTR) {
  }
  if (id >= 0) ::msgctl(id, IPC_RMID, nullptr);
  ::_exit(0);
}

void reap(pid_t pid) noexcept {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<SysvQueue> SysvQueue::create() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return fail_errno("socketpair for a queue's guardian failed");
  }
  FileDescriptor own(fds[0]);
  FileDescriptor theirs(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("forking a queue's guardian failed");
  if (pid == 0) {
    ::close(own.get());
    guard(theirs.get());
  }
  theirs = FileDescriptor();
  Made made{.id = -1, .errno_value = EPIPE};
  ssize_t got = 0;
  do {
    got = ::read(own.get(), &made, sizeof made);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof made || made.id < 0) {
    own = FileDescriptor();
    reap(pid);
    errno = made.errno_value;
    return fail_errno("msgget(IPC_PRIVATE) failed", "sysctl kernel.msgmni limits the queues");
  }
  return SysvQueue(made.id, pid, std::move(own));
}

SysvQueue::~SysvQueue() {
  if (id_ < 0) return;
  // Not close(): processes forked since then may hold copies of the descriptor.
  ::shutdown(life_line_.get(), SHUT_RDWR);
  reap(guardian_);
  ::msgctl(id_, IPC_RMID, nullptr);
}

std::size_t sysv_message_limit() {
  std::ifstream file("/proc/sys/kernel/msgmax");
  std::size_t number = 0;
  return file >> number && number > 0 ? number : 8192;
}

}  // namespace ringbell::bench
