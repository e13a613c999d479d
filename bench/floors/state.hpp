// The state of the two CPUs beside each row.
//
// The CPUs of a virtual machine now share a cache and now do not, and that changes within minutes.
// How long a cache line takes to and fro tells which it is. A row that says it, from right before
// and right after, is compared with rows of the same state only.
#pragma once

#include <functional>

#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Adds a measurement's figures to its row.
using AddFigures = std::function<Result<void>(Row& row)>;

// On two CPUs with "line_ns_before" and "line_ns_after": some milliseconds of a line handed to and
// fro. If these are of two states, all is measured again, at most twice more; "tries" says how
// often it was. Errors: the measurement's.
[[nodiscard]] Result<void> add_in_one_state(Placement placement, const CpuPair& cpus, Row& row,
                                            const AddFigures& add);

// The same with lines from elsewhere: `line` answers how long one takes now, in ns.
[[nodiscard]] Result<void> add_in_one_state(const std::function<Result<double>()>& line, Row& row,
                                            const AddFigures& add);

// What add_in_one_state() takes besides the measurement, for the time left.
[[nodiscard]] double state_seconds(Placement placement) noexcept;

// Whether lines that took so long are of one state: they differ by less than a factor of 2, those
// of two states by more.
[[nodiscard]] bool same_state(double one_ns, double other_ns) noexcept;

}  // namespace ringbell::bench
