// What was found out about one property of the machine.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace ringbell::bench {

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

using Findings = std::vector<Finding>;

// An array of objects with name, level, figure, why and remedy.
[[nodiscard]] nlohmann::ordered_json as_json(const Findings& findings);

}  // namespace ringbell::bench
