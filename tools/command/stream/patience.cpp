#include "tools/command/stream/patience.hpp"

#include <algorithm>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"

namespace ringbell::tools {

Tried<void> Patience::after_slice(bool came, const char* absent, Meter& meter) const {
  meter.tick();
  if (auto on = interruption::check(); !on) return on;
  if (!came && deadline_ && Clock::now() >= *deadline_) return give_up(kTimedOut, absent);
  return {};
}

std::chrono::nanoseconds Patience::slice(bool came) const noexcept {
  if (came || !deadline_) return kSlice;
  const std::chrono::nanoseconds left = *deadline_ - Clock::now();
  return std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds::zero(), kSlice);
}

}  // namespace ringbell::tools
