// What is explored: small programs over the real rings, a file for each ring. `./dev model` runs
// them all within their full bounds, the tests within their quick ones.
#pragma once

#include <string>
#include <vector>

#include "tests/model/explorer.hpp"

namespace ringbell::model {

struct Scenario {
  std::string ring;
  std::string name;
  MakeProgram make;
  Bounds quick;
  Bounds full;
};

// A program that takes what it does from its constructor.
template <class P, class... Arguments>
[[nodiscard]] MakeProgram program(Arguments... arguments) {
  return [=] { return std::make_unique<P>(arguments...); };
}

[[nodiscard]] std::vector<Scenario> spsc_scenarios();
[[nodiscard]] std::vector<Scenario> spsc_record_scenarios();
[[nodiscard]] std::vector<Scenario> parking_scenarios();
[[nodiscard]] std::vector<Scenario> shared_parking_scenarios();
[[nodiscard]] std::vector<Scenario> crowd_scenarios();  // of SharedParking
// Two messages for two readers of which a ring wakes one, and the reader does not pass it on: they
// sleep for ever.
[[nodiscard]] Scenario crowd_that_passes_nothing_on();
// Fences are said to be lent before the barrier that they need has run: the same.
[[nodiscard]] Scenario loan_before_its_barrier();
[[nodiscard]] std::vector<Scenario> mpmc_scenarios();
[[nodiscard]] std::vector<Scenario> call_scenarios();
[[nodiscard]] std::vector<Scenario> call_parts_scenarios();
[[nodiscard]] std::vector<Scenario> call_group_scenarios();
[[nodiscard]] std::vector<Scenario> broadcast_scenarios();
[[nodiscard]] std::vector<Scenario> many_scenarios();
[[nodiscard]] std::vector<Scenario> many_lossy_scenarios();
[[nodiscard]] std::vector<Scenario> fan_in_scenarios();
[[nodiscard]] std::vector<Scenario> state_scenarios();
[[nodiscard]] std::vector<Scenario> all_scenarios();

}  // namespace ringbell::model
