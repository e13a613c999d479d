// The other libraries that this program was built with, as transports of the comparison. Which ones
// that are is found when the build is configured; the `ringbell` command links none of them.
#pragma once

#include <span>

#include "bench/transports/registry.hpp"

namespace ringbell::bench {

[[nodiscard]] std::span<const TransportEntry> peers() noexcept;

}  // namespace ringbell::bench
