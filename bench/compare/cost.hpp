// How long a point takes: for the plan and the time left, not for any result.
#pragma once

#include "bench/harness/point.hpp"

namespace ringbell::bench {

// From a table of costs as they were on the machine that the plan was made on.
[[nodiscard]] double cost_seconds(const Point& point);

}  // namespace ringbell::bench
