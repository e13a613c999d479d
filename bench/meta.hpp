// The first row of a run: which program, on which machine, when.
#pragma once

#include "bench/harness/row.hpp"
#include "bench/options.hpp"

namespace ringbell::bench {

[[nodiscard]] Row meta_row(const Options& options);

// The tree that this program was built from.
[[nodiscard]] const char* source_folder() noexcept;

}  // namespace ringbell::bench
