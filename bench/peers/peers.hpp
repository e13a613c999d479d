// The other libraries that this program was built with, as transports of the comparison. Which ones
// that are is found when the build is configured; the `ringbell` command links none of them.
#pragma once

#include <span>
#include <vector>

#include "bench/scale/scale.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {

[[nodiscard]] std::span<const TransportEntry> peers() noexcept;
// Those of which there can be many. None, if the library is not there.
[[nodiscard]] std::vector<ManyWay> peers_of_many();

}  // namespace ringbell::bench
