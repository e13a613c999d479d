// What becomes of a measurement: a row, and what the run must know of it.
#pragma once

#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// The same error, of what this title names.
[[nodiscard]] Error titled(const Error& error, std::string_view title);

// Adds the row: with its figures, or with "error" if there are none, and "verified" false if what
// came was wrong, the first of which `verified` gets. Errors: what ends the run (ends_the_run()),
// or that the row could not be written.
[[nodiscard]] Result<void> add_measured(Row row, const Result<void>& measured,
                                        std::string_view title, RowSink& sink,
                                        Result<void>& verified);

}  // namespace ringbell::bench
