// Result rows: what a measurement leaves, as the JSON object of one line.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace ringbell::bench {

using Row = nlohmann::ordered_json;

// Collects the rows of a run (row_sink.hpp).
class RowSink;

// For sources that do nothing else with a row, so that they need not compile JSON.
// `T`: bool, int, std::uint32_t, std::uint64_t, double or std::string.
template <class T>
void set(Row& row, const char* field, const T& value);

}  // namespace ringbell::bench
