// A process in which membarrier(2) does not exist, as on an old kernel or under a strict filter.
#pragma once

#include <tests/support/deny_system_call.hpp>

namespace ringbell::test {

// For the calling process and its children, for good. Call before the first use of a channel: what
// the kernel offers is asked once. False: no filter can be installed here.
[[nodiscard]] inline bool deny_membarrier() noexcept {
  return deny_system_call(SYS_membarrier, ENOSYS);
}

}  // namespace ringbell::test
