// The counters of a bridge as a file that Prometheus' node exporter reads (textfile collector).
#pragma once

#include <string>
#include <vector>

#include "bridge/nats/pairs.hpp"
#include "tools/command/failure.hpp"

namespace ringbell::tools {

// The file is there whole or as it was: it is written beside and renamed. Nothing, if `path` is
// empty.
[[nodiscard]] Tried<void> write_metrics(const std::string& path,
                                        const std::vector<bridge::Pair>& pairs,
                                        const std::vector<bridge::Counters>& counters);

}  // namespace ringbell::tools
