// What `ringbell doctor` found out about one property of the machine.
#pragma once

#include <string>

namespace ringbell::tools {

enum class Level {
  good,
  costs,    // latency or throughput, or it will be in the way later
  missing,  // ringbell does not work without it
};

[[nodiscard]] constexpr const char* name_of(Level level) noexcept {
  return level == Level::good ? "good" : level == Level::costs ? "costs" : "missing";
}

struct Finding {
  std::string name;  // one word, the same on every machine
  Level level;
  std::string figure;  // what was seen
  std::string why;     // why it matters
  std::string remedy;  // the command that mends it; empty if it is good, or nothing can be done
};

}  // namespace ringbell::tools
