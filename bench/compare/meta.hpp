// The first row of a run: which program, on which machine, when.
#pragma once

#include <string>

#include "bench/compare/options.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// `what` was asked for: a mode of the comparison, or a benchmark. "doctor" has the findings about
// the machine, without the wake-up, whose measurement takes a while.
[[nodiscard]] Row meta_row(const std::string& what, int repeats, const CpuPair& cpus);
// Of the comparison, the wake-up included.
[[nodiscard]] Row meta_row(const Options& options);

// The tree that this program was built from.
[[nodiscard]] const char* source_folder() noexcept;

}  // namespace ringbell::bench
