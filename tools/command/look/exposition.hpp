// Rings as monitoring systems read them: the text formats of Prometheus and OpenMetrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/command/look/facts.hpp"

namespace ringbell::tools {

enum class Exposition : std::uint8_t {
  openmetrics,  // OpenMetrics 1.0: Prometheus and its kin ask for it
  prometheus,   // text format 0.0.4: what a node's textfile collector reads
};

// All rings that this user may see, as they are now.
struct RingsSeen {
  std::vector<RingFacts> rings;
  std::vector<std::string> unreadable;  // names of rings that are damaged, or of another version
  std::vector<std::string> complaints;  // a line for each of those
};

// Errors: the folder of names cannot be read.
[[nodiscard]] Tried<RingsSeen> look_at_all();

[[nodiscard]] std::string exposition_of(const RingsSeen& seen, Exposition format);

}  // namespace ringbell::tools
