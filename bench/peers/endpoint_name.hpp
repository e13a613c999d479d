// Names that no other run uses at the same time.
#pragma once

#include <atomic>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

namespace ringbell::bench {

// "ringbell-compare-PID-NUMBER", a new one each time.
[[nodiscard]] inline std::string fresh_endpoint_name() {
  static std::atomic<int> number{0};
  return fmt::format("ringbell-compare-{}-{}", ::getpid(),
                     number.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace ringbell::bench
