#include <tests/support/stepped_process.hpp>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringbell::test {
namespace {

constexpr int kRefused = 77;  // exit status of a child that may not be traced
constexpr int kSystemCallStop = SIGTRAP | 0x80;

// Not raise(3): that is a hundred instructions.
void stop_here() { ::syscall(SYS_kill, ::getpid(), SIGSTOP); }

std::optional<int> wait_for(pid_t pid) noexcept {
  int status = 0;
  pid_t got = -1;
  do {
    got = ::waitpid(pid, &status, __WALL);
  } while (got < 0 && errno == EINTR);
  if (got != pid) return std::nullopt;
  return status;
}

#if defined(__x86_64__)

bool break_at(pid_t pid, std::uint64_t address) noexcept {
  return ::ptrace(PTRACE_POKEUSER, pid, offsetof(user, u_debugreg[0]), address) == 0 &&
         ::ptrace(PTRACE_POKEUSER, pid, offsetof(user, u_debugreg[7]), address == 0 ? 0L : 1L) == 0;
}
std::uint64_t next_instruction(pid_t pid) noexcept {
  return static_cast<std::uint64_t>(
      ::ptrace(PTRACE_PEEKUSER, pid, offsetof(user, regs.rip), nullptr));
}

#else

bool break_at(pid_t, std::uint64_t) noexcept { return false; }
std::uint64_t next_instruction(pid_t) noexcept { return 0; }

#endif

}  // namespace

SteppedProcess::SteppedProcess(const Body& prepare, const Body& operation) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  // NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer): after what is buffered is written
  pid_ = ::fork();
  if (pid_ < 0) {
    trouble_ = fmt::format("fork failed: {}", std::strerror(errno));
    return;
  }
  if (pid_ == 0) run(prepare, operation, parent);
  const std::optional<int> status = wait_for(pid_);
  if (status && WIFSTOPPED(*status) && WSTOPSIG(*status) == SIGSTOP) {
    constexpr unsigned long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
    if (::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, kOptions) == 0) return;
    trouble_ = fmt::format("PTRACE_SETOPTIONS failed: {}", std::strerror(errno));
    return;
  }
  forbidden_ = status && WIFEXITED(*status) && WEXITSTATUS(*status) == kRefused;
  trouble_ = forbidden_ ? "this machine forbids ptrace" : "the child ended before the operation";
  if (status && !WIFSTOPPED(*status)) pid_ = -1;
}

SteppedProcess::~SteppedProcess() { kill_now(); }

void SteppedProcess::run(const Body& prepare, const Body& operation, pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kRefused);
  if (prepare) prepare();
  stop_here();
  operation();
  stop_here();
  ::_exit(0);
}

std::uint64_t SteppedProcess::address() const noexcept { return next_instruction(pid_); }

bool SteppedProcess::step() { return resume(PTRACE_SINGLESTEP); }

bool SteppedProcess::step_to_system_call() { return resume(PTRACE_SYSCALL); }

bool SteppedProcess::run_to(std::uint64_t address, std::size_t times) {
  if (address == 0 || !break_at(pid_, address)) return false;
  bool there = true;
  for (; there && times > 0; --times) {
    there = resume(PTRACE_CONT) && !over_ && next_instruction(pid_) == address;
  }
  if (pid_ > 0) break_at(pid_, 0);
  return there;
}

// To the next stop.
bool SteppedProcess::resume(int request) {
  if (over_ || !trouble_.empty()) return false;
  if (::ptrace(static_cast<__ptrace_request>(request), pid_, nullptr, nullptr) != 0) {
    trouble_ = fmt::format("ptrace({}) failed: {}", request, std::strerror(errno));
    return false;
  }
  const std::optional<int> status = wait_for(pid_);
  if (!status || !WIFSTOPPED(*status)) {
    trouble_ = fmt::format("the child ended in the operation, status {:#x}", status.value_or(-1));
    pid_ = -1;
    return false;
  }
  over_ = WSTOPSIG(*status) == SIGSTOP;
  if (!over_ && WSTOPSIG(*status) != SIGTRAP && WSTOPSIG(*status) != kSystemCallStop) {
    trouble_ = fmt::format("the child got signal {} at {:#x}", WSTOPSIG(*status), address());
    return false;
  }
  return true;
}

void SteppedProcess::kill_now() noexcept {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  // A tracee that is being killed may report a stop or two before its end.
  for (std::optional<int> status = wait_for(pid_); status && WIFSTOPPED(*status);) {
    status = wait_for(pid_);
  }
  pid_ = -1;
}

}  // namespace ringbell::test
