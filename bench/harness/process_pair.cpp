#include "bench/harness/process_pair.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/sleep/quick_wake.hpp>
#include "bench/harness/interruption.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {
namespace {

// How a side failed, as its process tells the parent.
struct Report {
  bool failed;
  ErrorCode code;
  int errno_value;
  std::array<char, 1000> message;
  Usage usage;
};
using Reports = std::array<Report, 2>;

void write_report(Report& report, const Error& error) noexcept {
  report.code = error.code;
  report.errno_value = error.errno_value;
  const std::size_t length = std::min(error.message.size(), report.message.size() - 1);
  std::memcpy(report.message.data(), error.message.data(), length);
  report.message[length] = '\0';
  report.failed = true;
}

// Dies with the parent; asks whether the parent had died before it could say so.
Result<void> bind_to_parent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail_errno("PR_SET_PDEATHSIG failed");
  if (::getppid() != parent) ::_exit(1);
  return {};
}

Usage usage_so_far() noexcept {
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_usec) * 1000U;
  };
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return {ns(used.ru_utime) + ns(used.ru_stime),
          static_cast<std::uint64_t>(used.ru_nvcsw + used.ru_nivcsw)};
}

Result<void> run_side(const Side& side, int cpu, pid_t parent, Usage& usage) {
  interruption::leave_to_parent();
  if (auto bound = bind_to_parent(parent); !bound) return bound;
  if (auto pinned = pin_to(cpu); !pinned) return pinned;
  try {
    const Usage before = usage_so_far();
    Result<void> done = side();
    const Usage after = usage_so_far();
    usage = {after.cpu_ns - before.cpu_ns, after.switches - before.switches};
    return done;
  } catch (const std::exception& exception) {  // bad_alloc, from a library
    return fail(ErrorCode::system, fmt::format("a side threw: {}", exception.what()));
  }
}

// One forked process. Its destructor leaves no process and no zombie behind.
class Child {
 public:
  static Result<Child> start(const Side& side, int cpu, Report& report) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("fork failed");
    if (pid == 0) {
      const Result<void> result = run_side(side, cpu, parent, report.usage);
      if (!result) write_report(report, result.error());
      ::_exit(result ? 0 : 1);
    }
    Child child(pid);
    child.pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (!child.pidfd_) {
      return fail_errno("pidfd_open failed", errno == ENOSYS
                                                 ? "Linux 5.3 or later is needed"
                                                 : "raise the limit of open files (ulimit -n)");
    }
    return child;
  }

  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        pidfd_(std::move(other.pidfd_)),
        status_(other.status_) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ < 0 || status_) return;
    ::kill(pid_, SIGKILL);  // not reaped yet, so the pid is still its own
    reap(0);
  }

  // Sees whether it has ended. Between two calls the answers below stay the same.
  void look() noexcept {
    if (!status_) reap(WNOHANG);
  }
  [[nodiscard]] bool ended() const noexcept { return status_.has_value(); }
  // Readable when it ends; -1 once that was seen, so that poll passes it over.
  [[nodiscard]] int pidfd() const noexcept { return ended() ? -1 : pidfd_.get(); }
  // The signal that ended it, else 0.
  [[nodiscard]] int signal() const noexcept {
    return ended() && WIFSIGNALED(*status_) ? WTERMSIG(*status_) : 0;
  }

 private:
  explicit Child(pid_t pid) noexcept : pid_(pid) {}

  void reap(int flags) noexcept {
    int status = 0;
    pid_t reaped = 0;
    do {
      reaped = ::waitpid(pid_, &status, flags);
    } while (reaped < 0 && errno == EINTR);
    if (reaped != 0) status_ = status;
  }

  pid_t pid_;
  FileDescriptor pidfd_;
  std::optional<int> status_;
};

// What ended the pair, if it was not the work being done.
Result<void> verdict(const std::array<Child, 2>& children, const Reports& reports) {
  for (const Child& child : children) {
    if (child.signal() == 0) continue;
    const char* const name = ::sigabbrev_np(child.signal());
    return fail(ErrorCode::peer_dead, fmt::format("one of the two processes was killed by SIG{}",
                                                  name != nullptr ? name : "?"));
  }
  // A side that sees its peer fail fails in turn: what says more comes first.
  const auto of = [&](bool consequence) {
    return std::find_if(reports.begin(), reports.end(), [&](const Report& report) {
      const bool blames_peer =
          report.code == ErrorCode::closed || report.code == ErrorCode::peer_dead;
      return report.failed && blames_peer == consequence;
    });
  };
  auto report = of(false);
  if (report == reports.end()) report = of(true);
  if (report == reports.end()) return {};
  return tl::unexpected<Error>(
      Error{report->code, report->errno_value, std::string(report->message.data())});
}

// Returns when both have ended or one of them failed.
Result<void> wait_for(std::array<Child, 2>& children, const Reports& reports,
                      std::chrono::seconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (true) {
    if (interruption::came()) return interruption::error();
    for (Child& child : children) child.look();
    const Result<void> result = verdict(children, reports);
    if (!result || (children[0].ended() && children[1].ended())) return result;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return fail(ErrorCode::system,
                  fmt::format("the two processes did not end within {} s; is the machine busy "
                              "with other work?",
                              deadline.count()));
    }
    std::array<pollfd, 3> waiting{pollfd{children[0].pidfd(), POLLIN, 0},
                                  pollfd{children[1].pidfd(), POLLIN, 0},
                                  pollfd{interruption::fd(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long>(left.count(), 60'000)));
  }
}

}  // namespace

Result<void> run_pair(const PairOptions& options, const Side& first, const Side& second) {
  if (interruption::came()) return interruption::error();
  const Result<int> first_cpu = cpu_of(options.placement, options.cpus, 0);
  const Result<int> second_cpu = cpu_of(options.placement, options.cpus, 1);
  if (!first_cpu) return tl::unexpected<Error>(first_cpu.error());
  if (!second_cpu) return tl::unexpected<Error>(second_cpu.error());

  std::optional<QuickWake> quick_wake;
  if (options.quick_wake) {
    Result<QuickWake> held = QuickWake::hold();
    if (!held) return tl::unexpected<Error>(held.error());
    quick_wake = std::move(*held);
  }
  Result<Shared<Reports>> reports = Shared<Reports>::create();
  if (!reports) return tl::unexpected<Error>(reports.error());
  Result<Child> one = Child::start(first, *first_cpu, (**reports)[0]);
  if (!one) return tl::unexpected<Error>(one.error());
  Result<Child> two = Child::start(second, *second_cpu, (**reports)[1]);
  if (!two) return tl::unexpected<Error>(two.error());
  std::array<Child, 2> children{std::move(*one), std::move(*two)};
  Result<void> done = wait_for(children, **reports, options.deadline);
  if (done && options.usage != nullptr) {
    const auto& [left, right] = **reports;
    *options.usage = {left.usage.cpu_ns + right.usage.cpu_ns,
                      left.usage.switches + right.usage.switches};
  }
  return done;
}

bool ends_the_run(const Error& error) noexcept {
  return error.code == ErrorCode::peer_dead || error.errno_value == EINTR;
}

}  // namespace ringbell::bench
