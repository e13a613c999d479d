#include <ringbell/transport/sleep/parker.hpp>

#include <ringbell/transport/sleep/membarrier.hpp>

namespace ringbell {

Parker::Parker(const WaitOptions& wait, bool has_bell) noexcept
    : waiter_(wait, has_bell),
      rings_(has_bell),
      can_barrier_(membarrier::can_issue()),
      must_fence_(!membarrier::register_process()) {}

}  // namespace ringbell
