// What a person at a terminal reads of a run. All else is the report's (tools/report).
#pragma once

#include <string>
#include <vector>

#include "bench/harness/row.hpp"

namespace ringbell::bench {

// `ringbell bench`: a table for each setting, a line for each transport, size and load; of several
// repeats the median one. Then what was not measured, each reason once.
[[nodiscard]] std::string table_of(const std::vector<Row>& rows);

// The comparison: a line for each setting, ringbell beside the best of the others. Then what was
// not measured.
[[nodiscard]] std::string summary_of(const std::vector<Row>& rows);

}  // namespace ringbell::bench
