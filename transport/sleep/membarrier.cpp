#include <ringbell/transport/sleep/membarrier.hpp>

#include <atomic>
#include <cassert>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringbell::membarrier {
namespace {

long call(int command) noexcept { return ::syscall(SYS_membarrier, command, 0U, 0); }

}  // namespace

bool can_issue() noexcept {
  static const bool can = [] {
    const long commands = call(MEMBARRIER_CMD_QUERY);
    return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0;
  }();
  return can;
}

bool register_process() noexcept {
  // Registration lives in the address space: fork copies it, exec starts this variable anew as
  // well.
  static const bool registered = call(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
  return registered;
}

bool heavy_barrier() noexcept {
  assert(can_issue());
  if (call(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0) return true;
  // A filter installed since can_issue(). Sleeping is bounded (parking.hpp, Death), so what is lost
  // is time, not a message; a fence keeps at least this side's order.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return false;
}

}  // namespace ringbell::membarrier
