// Runs the two sides of a measurement in two processes of their own, forked from this one.
//
// What a side needs from the other (descriptors, shared memory) is opened before the call and
// inherited. A side returns nothing, or the Error that ended it; figures go through Shared<T>.
// A side must not print; it leaves by _exit, so nothing of the parent's is flushed or destroyed
// twice.
//
// No child is left behind: it dies with the parent (PDEATHSIG), however that one dies; when one
// child fails or dies the parent kills the other; both are reaped before run_pair() returns.
// Signals go by pidfd, to these two children only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"

namespace ringbell::bench {

// What the kernel charged both processes for, from when they were pinned until they were done.
struct Usage {
  std::uint64_t cpu_ns = 0;
  std::uint64_t switches = 0;  // of context, wanted and forced
};

struct PairOptions {
  Placement placement = Placement::two_cpus;
  CpuPair cpus{0, 1};
  // The parent holds ringbell::QuickWake while the pair runs; refused: that Error is the result.
  bool quick_wake = false;
  // Both must have ended by then.
  std::chrono::seconds deadline{60};
  Usage* usage = nullptr;  // filled in if both sides got done
};

using Side = std::function<Result<void>()>;

// Returns when both sides have ended. The Error is the first side's that failed, or: peer_dead, if
// a side was killed by a signal; system, if the deadline passed; system with EINTR, if SIGINT,
// SIGTERM or SIGHUP came (interruption.hpp).
[[nodiscard]] Result<void> run_pair(const PairOptions& options, const Side& first,
                                    const Side& second);

// Whether the whole run must end for it, not only this measurement: a signal or a killed child.
[[nodiscard]] bool ends_the_run(const Error& error) noexcept;

}  // namespace ringbell::bench
