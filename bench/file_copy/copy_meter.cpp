#include "bench/file_copy/copy_meter.hpp"

#include <atomic>

#include <sched.h>

#include "bench/harness/clock.hpp"

namespace ringbell::bench {

Result<void> CopyMeter::start() {
  const Result<IoCounter> counter = IoCounter::start();
  if (!counter) return tl::unexpected(counter.error());
  counter_ = *counter;
  // Orders nothing but itself: relaxed. A side that never comes is ended by its supervisor.
  const std::atomic_ref<std::uint32_t> ready(sides_ready_);
  ready.fetch_add(1, std::memory_order_relaxed);
  while (ready.load(std::memory_order_relaxed) < 2) ::sched_yield();
  figures_.start_ns = now_ns();
  return {};
}

Result<void> CopyMeter::stop(const Uncounted& uncounted) {
  figures_.stop_ns = now_ns();
  const Result<std::uint64_t> counted = counter_->stop();
  if (!counted) return tl::unexpected(counted.error());
  figures_.kernel_bytes = *counted + uncounted.kernel_bytes;
  figures_.wrapper_bytes = uncounted.wrapper_bytes;
  return {};
}

}  // namespace ringbell::bench
