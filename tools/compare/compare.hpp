// The comparison as a program.
#pragma once

#include "bench/harness/row.hpp"

namespace ringbell::bench {

// What is known of the machine, for the run's first row: an array of findings, each an object.
// `measure`: the wake-up too.
using FindingsOf = Row (*)(bool measure);

// Exit status: 0 done; 1 something failed or was not verified; 2 wrong usage.
[[nodiscard]] int compare(int argc, char** argv, FindingsOf findings);

}  // namespace ringbell::bench
