// The first row of a run: which program, on which machine, when.
#pragma once

#include <string>

#include "bench/compare/options.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// `what` was asked for: a mode of the comparison, or a benchmark. `findings` about the machine
// become "doctor".
[[nodiscard]] Row meta_row(const std::string& what, int repeats, const CpuPair& cpus, Row findings);
// Of the comparison.
[[nodiscard]] Row meta_row(const Options& options, Row findings);

// The tree that this program was built from.
[[nodiscard]] const char* source_folder() noexcept;

}  // namespace ringbell::bench
