// The rows of a run as tables for a person at a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/harness/row.hpp"

namespace ringbell::bench {

// One table for each setting that was measured, and one each for files, floors and what failed.
// Of several repeats the median one is shown. A table that is wider than `columns` is continued
// below with its other columns.
[[nodiscard]] std::string table_of(const std::vector<Row>& rows, std::size_t columns);

// Parts of it. Each is empty where there is nothing to say.
// What was not measured: each reason once, with how many rows it cost.
[[nodiscard]] std::string failures_table(const std::vector<Row>& rows);
// What the asterisk means, if there is one.
[[nodiscard]] std::string split_note(const std::vector<Row>& rows);

}  // namespace ringbell::bench
