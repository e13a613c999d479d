// What a comparison is asked for.
#pragma once

#include <string>
#include <vector>

#include "bench/compare/guest.hpp"
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
  std::vector<Guest> guests = {};
};

}  // namespace ringbell::bench
