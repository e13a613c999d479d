#include "bench/peers/roudi.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringbell::bench {
namespace {

constexpr std::chrono::seconds kStartDeadline{20};
constexpr std::string_view kReady = "ready for clients";
constexpr int kCannotRun = 127;

// One segment, named after this user's group.
std::string configuration(const RoudiOptions& options) {
  return fmt::format(
      "[general]\nversion = 1\n\n[[segment]]\n\n[[segment.mempool]]\nsize = {}\ncount = {}\n",
      options.chunk_bytes, options.chunks);
}

Result<FileDescriptor> in_memory(const std::string& text) {
  // Inherited by RouDi, which opens it once more by its path in /proc.
  FileDescriptor file(::memfd_create("roudi.toml", 0));
  if (!file) return fail_errno("memfd_create for RouDi's configuration failed");
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno("writing RouDi's configuration failed");
  }
  return file;
}

// What RouDi and the processes that register leave when they are killed (iceoryx 2.0).
std::vector<std::string> names_left(const RoudiOptions& options) {
  std::vector<std::string> names{"/tmp/roudi", "/tmp/roudi.lock", "/tmp/iox-unique-roudi.lock",
                                 "/dev/shm/iceoryx_mgmt"};
  if (const group* const own = ::getgrgid(::getegid()); own != nullptr) {
    names.push_back(std::string("/dev/shm/") + own->gr_name);
  }
  for (const std::string& runtime : options.runtimes) {
    names.push_back("/tmp/" + runtime);
    names.push_back("/tmp/" + runtime + ".lock");
  }
  return names;
}

void remove_all(const std::vector<std::string>& paths) noexcept {
  for (const std::string& path : paths) ::unlink(path.c_str());
}

[[noreturn]] void become_roudi(int configuration_fd, int output, pid_t guardian) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != guardian) ::_exit(0);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  const std::string path = fmt::format("/proc/self/fd/{}", configuration_fd);
  ::execlp("iox-roudi", "iox-roudi", "-c", path.c_str(), "-m", "off", "-k", "1", "-l", "error",
           static_cast<char*>(nullptr));
  ::_exit(kCannotRun);
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "it cannot be run; apt-get install iceoryx";
  const std::size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

// Reads what RouDi says until it is ready. Returns why it is not, else nothing.
std::string wait_until_ready(int output) {
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  std::string said;
  std::array<char, 1024> buffer{};
  while (said.find(kReady) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{output, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
      return fmt::format("not ready within {} s; it said: {}", kStartDeadline.count(), said);
    }
    const ssize_t got = ::read(output, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return last_line(said);
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return {};
}

// Tells the owner how RouDi started, and returns when the owner lets go or is dead.
void serve(int life_line, const std::string& trouble) noexcept {
  const std::string_view told = trouble.empty() ? kReady : std::string_view(trouble);
  if (::send(life_line, told.data(), told.size(), MSG_NOSIGNAL) < 0) return;
  ::shutdown(life_line, SHUT_WR);
  char nothing = 0;
  while (::read(life_line, &nothing, 1) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void guard(int configuration_fd, int life_line,
                        const std::vector<std::string>& names) {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  ::setsid();
  std::array<int, 2> output{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) ::_exit(1);
  const pid_t self = ::getpid();
  const pid_t roudi = ::fork();
  if (roudi == 0) become_roudi(configuration_fd, output[1], self);
  ::close(output[1]);  // so that its end of file tells that RouDi has ended
  const std::string trouble = roudi < 0 ? "fork failed" : wait_until_ready(output[0]);
  serve(life_line, trouble);
  if (roudi > 0) {
    ::kill(roudi, SIGKILL);  // not reaped yet, so the pid is still its own
    while (::waitpid(roudi, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  // Otherwise they may be another RouDi's.
  if (trouble.empty()) remove_all(names);
  ::_exit(0);
}

std::string all_of(int fd) {
  std::string text;
  std::array<char, 1024> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<Roudi> Roudi::start(const RoudiOptions& options) {
  const Result<FileDescriptor> config = in_memory(configuration(options));
  if (!config) return tl::unexpected(config.error());
  std::vector<std::string> names = names_left(options);
  std::array<int, 2> line{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line.data()) != 0) {
    return fail_errno("socketpair for RouDi's guardian failed");
  }
  FileDescriptor own(line[0]);
  FileDescriptor theirs(line[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("forking RouDi's guardian failed");
  if (pid == 0) {
    ::close(own.get());
    guard(config->get(), theirs.get(), names);
  }
  theirs = FileDescriptor();
  const std::string told = all_of(own.get());
  Roudi roudi(pid, std::move(own), std::move(names));
  if (told != kReady) {
    roudi.names_.clear();  // not ours
    return fail(ErrorCode::system, fmt::format("iox-roudi did not start: {}", told));
  }
  return roudi;
}

Roudi::~Roudi() {
  if (guardian_ < 0) return;
  // Not close(): processes forked since then may hold copies of the descriptor.
  ::shutdown(life_line_.get(), SHUT_RDWR);
  int status = 0;
  while (::waitpid(guardian_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) remove_all(names_);
}

}  // namespace ringbell::bench
