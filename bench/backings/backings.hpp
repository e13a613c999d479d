// What it costs where a ring's pages come from (`ringbell-compare --backings`).
//
// For each backing and size of pages: the first touch, and round trips and one-way throughput of a
// channel, spinning on two CPUs, in rings of 4 MiB, so that pages of 4 KiB are more than
// the first level of the TLB holds. The rows are those of the comparison, with "backing",
// "huge_pages" (what was asked for), "page_bytes" and "huge_bytes" (what was got).
#pragma once

#include <string>
#include <vector>

#include "bench/harness/row.hpp"
#include "bench/options.hpp"

namespace ringbell::bench {

[[nodiscard]] double backings_seconds(const Options& options);

// Adds the rows; one with "error" for what this machine does not have. Errors: what ends the run;
// corrupt, at the end, if anything that came was not what was sent.
[[nodiscard]] Result<void> measure_backings(const Options& options, RowSink& sink);

// The rows as a table for people.
[[nodiscard]] std::string backings_table(const std::vector<Row>& rows);

}  // namespace ringbell::bench
