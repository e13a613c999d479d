// A child process that goes on by one instruction, or by one half of a system call, at a time, and
// is killed where it stands. It is traced with ptrace(2): what runs is the unmodified code, and no
// place in it is left out, not even those within the C library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <sys/types.h>

namespace ringbell::test {

class SteppedProcess {
 public:
  // Runs in the child: what is to be stepped through. What it changes in private memory, the parent
  // does not see.
  using Body = std::function<void()>;

  // Forks, and stops the child: `prepare` has run there, `operation` is next.
  SteppedProcess(const Body& prepare, const Body& operation);
  SteppedProcess(const SteppedProcess&) = delete;
  SteppedProcess& operator=(const SteppedProcess&) = delete;
  // Kills it, if that was not yet done.
  ~SteppedProcess();

  // Empty: it stands where it should. Else why not: the machine forbids tracing, or the child did
  // something that no operation should.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  // That trouble is the machine's.
  [[nodiscard]] bool is_forbidden() const noexcept { return forbidden_; }
  // The operation has returned.
  [[nodiscard]] bool is_over() const noexcept { return over_; }
  // Of the next instruction; 0 where this machine's registers are unknown to us.
  [[nodiscard]] std::uint64_t address() const noexcept;

  // One instruction; a system call is one. False: the operation was over before.
  bool step();
  // Up to just before the next system call, or just behind the one that it stands before.
  bool step_to_system_call();
  // Up to where `address` is next for the times-th time. False: this machine cannot, or the
  // operation was over before.
  bool run_to(std::uint64_t address, std::size_t times);

  // SIGKILL; gone and reaped when this returns.
  void kill_now() noexcept;

 private:
  bool resume(int request);
  // What they throw ends the child, which must not go on with the test.
  [[noreturn]] static void run(const Body& prepare, const Body& operation, pid_t parent) noexcept;

  pid_t pid_ = -1;
  bool over_ = false;
  bool forbidden_ = false;
  std::string trouble_;
};

}  // namespace ringbell::test
