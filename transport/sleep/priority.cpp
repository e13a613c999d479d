#include <ringbell/transport/sleep/priority.hpp>

#include <climits>

#include <sys/types.h>
#include <unistd.h>

namespace ringbell::priority {
namespace {

// 0: not a real-time one, or unknown.
int priority_of(pid_t thread) noexcept {
  const int policy = ::sched_getscheduler(thread) & ~SCHED_RESET_ON_FORK;
  if (policy == SCHED_DEADLINE) return INT_MAX;
  sched_param parameters{};
  const bool real_time = policy == SCHED_FIFO || policy == SCHED_RR;
  if (!real_time || ::sched_getparam(thread, &parameters) != 0) return 0;
  return parameters.sched_priority;
}

}  // namespace

std::optional<RealTime> RealTime::of_this_thread() noexcept {
  cpu_set_t cpus;
  const int priority = priority_of(0);
  if (priority == 0 || ::sched_getaffinity(0, sizeof cpus, &cpus) != 0) return std::nullopt;
  return RealTime(priority, cpus);
}

bool RealTime::keeps_off_cpu(std::uint32_t pid) const noexcept {
  if (pid == 0 || pid > INT_MAX) return false;
  const auto peer = static_cast<pid_t>(pid);
  if (peer == ::getpid()) return false;
  cpu_set_t cpus;
  if (::sched_getaffinity(peer, sizeof cpus, &cpus) != 0 || CPU_COUNT(&cpus) != 1) return false;
  cpu_set_t shared;
  CPU_AND(&shared, &cpus, &cpus_);
  return CPU_COUNT(&shared) == 1 && priority_of(peer) <= priority_;
}

}  // namespace ringbell::priority
