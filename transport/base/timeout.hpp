// How long a call may wait.
#pragma once

#include <chrono>

namespace ringbell {

// A time to wait. Zero: do not wait. kForever: until it comes or the peer is gone.
using Timeout = std::chrono::nanoseconds;
inline constexpr Timeout kForever = Timeout::max();

// How long open() waits for a name, unless it is told otherwise.
inline constexpr Timeout kOpenTimeout = std::chrono::seconds(5);

}  // namespace ringbell
