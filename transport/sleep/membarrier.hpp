// The heavy barrier of parking.hpp: membarrier(2), which runs a full memory barrier on every CPU
// that is running a registered process.
#pragma once

#include <ringbell/transport/base/export.hpp>

namespace ringbell::membarrier {

// Whether this process may issue heavy_barrier(). Asked of the kernel once.
RINGBELL_PRIVATE_API [[nodiscard]] bool can_issue() noexcept;

// Registers this process, so that the heavy barriers of others reach it. Done once, cheap to call
// again; inherited over fork. False: not to be had; this process must fence when it publishes.
[[nodiscard]] bool register_process() noexcept;

// False: it is forbidden since, and only this thread's own order holds. REQUIRES: can_issue().
bool heavy_barrier() noexcept;

}  // namespace ringbell::membarrier
