// What became of a call that gave its caller no answer. A retry is decided by it: what was
// withdrawn may be asked again, whatever it does; what may have been served, only if twice is as
// good as once.
#pragma once

#include <cstdint>

namespace ringbell::core {

enum class CallFate : std::uint8_t {
  none,          // there was no call
  withdrawn,     // the server has not begun it, and will not
  maybe_served,  // the server had begun it: it may be served, half served, or being served
  served,        // the server has answered it
};

}  // namespace ringbell::core
