// The command line of ringbell-compare.
#pragma once

#include <optional>
#include <string>

#include "bench/compare/plan.hpp"
#include "bench/harness/placement.hpp"

namespace ringbell::bench {

struct Options {
  PlanOptions plan;
  std::string file;  // to copy; empty: one is put together
  std::string out = "build/compare";
  std::string json;       // empty: compare.jsonl, or backings.jsonl, in `out`
  bool backings = false;  // only these: where a ring's pages come from (bench/backings)
  CpuPair cpus{0, -1};
};

// What the command line asks for, or the exit status with which to end at once: 0 after --help, 2
// after one line on stderr that says what is allowed.
struct Parsed {
  std::optional<Options> options;
  int exit_status = 0;
};

[[nodiscard]] Parsed parse_options(int argc, char** argv);

}  // namespace ringbell::bench
