#include "bench/harness/subprocess.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {
namespace {

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

// The attributes and file actions of posix_spawn, freed again.
class Spawning {
 public:
  Spawning() noexcept {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  ~Spawning() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void in_folder(const std::string& folder) noexcept {
    ::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
  }
  void redirect(int from, int to) noexcept {
    ::posix_spawn_file_actions_adddup2(&actions_, to, from);
  }
  void discard(int fd) noexcept {
    ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_WRONLY, 0);
  }
  [[nodiscard]] Result<pid_t> start(const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& argument : command) {
      arguments.push_back(
          const_cast<char*>(argument.c_str()));  // NOLINT(*-const-cast): not written
    }
    arguments.push_back(nullptr);
    pid_t pid = 0;
    errno = ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    if (errno != 0) return fail_errno(fmt::format("running {} failed", command.front()));
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// True: ended with status 0.
bool wait_for(pid_t pid) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs the program, collecting what it writes to `captured`.
Result<std::string> capture(const std::vector<std::string>& command, const std::string& folder,
                            int captured, bool& succeeded) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return fail_errno("pipe2 failed");
  const FileDescriptor out(fds[0]);
  FileDescriptor in(fds[1]);
  Spawning spawning;
  spawning.in_folder(folder);
  spawning.redirect(captured, in.get());
  if (captured == STDOUT_FILENO) spawning.discard(STDERR_FILENO);
  const Result<pid_t> pid = spawning.start(command);
  if (!pid) return tl::unexpected(pid.error());
  in = FileDescriptor();
  std::string text = read_all(out.get());
  succeeded = wait_for(*pid);
  return text;
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t break_before = text.rfind('\n');
  return break_before == std::string::npos ? text : text.substr(break_before + 1);
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command, const std::string& folder) {
  bool succeeded = false;
  Result<std::string> text = capture(command, folder, STDOUT_FILENO, succeeded);
  if (text && !succeeded) {
    return fail(ErrorCode::system, fmt::format("{} failed", command.front()));
  }
  return text;
}

Result<void> run(const std::vector<std::string>& command, const std::string& folder) {
  bool succeeded = false;
  const Result<std::string> text = capture(command, folder, STDERR_FILENO, succeeded);
  if (!text) return tl::unexpected(text.error());
  if (!succeeded) {
    const std::string reason = last_line(*text);
    return fail(ErrorCode::system,
                reason.empty() ? fmt::format("{} failed", command.front()) : reason);
  }
  return {};
}

}  // namespace ringbell::bench
