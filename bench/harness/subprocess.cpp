#include "bench/harness/subprocess.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {
namespace {

// In the child: becomes the program, with the parent's blocked signals free again.
[[noreturn]] void become(char* const* arguments, const char* folder, int captured, int pipe,
                         Errors errors) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (errors == Errors::dropped) ::dup2(nowhere, STDERR_FILENO);
  ::dup2(pipe, captured);
  if (::chdir(folder) == 0) ::execvp(arguments[0], arguments);
  ::dprintf(STDERR_FILENO, "running %s failed: %s\n", arguments[0], std::strerror(errno));
  ::_exit(127);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      return text;
    }
  }
}

// Runs the program, collecting what it writes to `captured`.
Result<std::string> capture(const std::vector<std::string>& command, const std::string& folder,
                            int captured, Errors errors, bool& succeeded) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // NOLINT(*-const-cast): not written
  }
  arguments.push_back(nullptr);
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return fail_errno("pipe2 failed");
  const FileDescriptor out(fds[0]);
  FileDescriptor in(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork failed");
  if (pid == 0) become(arguments.data(), folder.c_str(), captured, in.get(), errors);
  in = FileDescriptor();
  std::string text = read_all(out.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return text;
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command, const std::string& folder,
                              Errors errors) {
  bool succeeded = false;
  Result<std::string> text = capture(command, folder, STDOUT_FILENO, errors, succeeded);
  if (text && !succeeded) {
    return fail(ErrorCode::system, fmt::format("{} failed", command.front()));
  }
  return text;
}

Result<void> run(const std::vector<std::string>& command, const std::string& folder) {
  bool succeeded = false;
  Result<std::string> text = capture(command, folder, STDERR_FILENO, Errors::passed_on, succeeded);
  if (!text) return tl::unexpected(text.error());
  if (succeeded) return {};
  text->erase(text->find_last_not_of('\n') + 1);
  const std::string last_line = text->substr(text->rfind('\n') + 1);  // npos + 1 is 0
  return fail(ErrorCode::system,
              last_line.empty() ? fmt::format("{} failed", command.front()) : last_line);
}

}  // namespace ringbell::bench
