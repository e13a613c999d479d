// A child process that cannot outlive its test: killed and reaped by its pid, all waits limited.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::test {

inline constexpr std::chrono::seconds kPatience{60};  // far beyond anything that works takes

class ChildProcess {
 public:
  // Runs `body` in a fork; what it returns is the exit status.
  template <class Body>
  [[nodiscard]] static ChildProcess fork(Body&& body) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      die_with(parent);
      const int status = body();
      std::fflush(nullptr);
      ::_exit(status);
    }
    return ChildProcess(pid);
  }

  // Runs this very program anew as a part of child_program.hpp, with these arguments. `inherited`
  // stay open under their numbers.
  [[nodiscard]] static ChildProcess exec_self(std::vector<std::string> arguments,
                                              const std::vector<int>& inherited) {
    return fork([&] {
      for (const int fd : inherited) {
        if (fd >= 0) ::fcntl(fd, F_SETFD, 0);
      }
      std::vector<char*> pointers;
      pointers.reserve(arguments.size() + 2);
      arguments.insert(arguments.begin(), "child");
      for (std::string& argument : arguments) pointers.push_back(argument.data());
      pointers.push_back(nullptr);
      ::execv("/proc/self/exe", pointers.data());
      return 127;
    });
  }

  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (pid_ > 0) kill_now();
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool started() const noexcept { return pid_ > 0; }

  // SIGKILL, and reaped when this returns.
  void kill_now() noexcept {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  // The exit status; -signal if one ended it; nothing (and the child killed) if it takes too long.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit = kPatience) noexcept {
    if (pid_ <= 0) return std::nullopt;
    const FileDescriptor watch(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
    pollfd ended{.fd = watch.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, static_cast<int>(limit.count())) <= 0) {
      kill_now();
      return std::nullopt;
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  explicit ChildProcess(pid_t pid) noexcept : pid_(pid) {}

  // The test may be killed by its own time limit: its children must go too.
  static void die_with(pid_t parent) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
  }

  pid_t pid_;
};

// A one-way signal between processes: tell() in one, wait() in the other.
class Signal {
 public:
  Signal() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      read_ = FileDescriptor(ends[0]);
      write_ = FileDescriptor(ends[1]);
    }
  }
  void tell() const noexcept {
    const char byte = 1;
    [[maybe_unused]] const ssize_t put = ::write(write_.get(), &byte, 1);
  }
  // False: it did not come in time.
  [[nodiscard]] bool wait(std::chrono::milliseconds limit = kPatience) const noexcept {
    pollfd ready{.fd = read_.get(), .events = POLLIN, .revents = 0};
    char byte = 0;
    return ::poll(&ready, 1, static_cast<int>(limit.count())) > 0 &&
           ::read(read_.get(), &byte, 1) == 1;
  }

 private:
  FileDescriptor read_;
  FileDescriptor write_;
};

}  // namespace ringbell::test
