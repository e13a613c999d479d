// All scenarios of a ring, and then its mutants: each place where the algorithm asks memory for an
// acquire, a release or a fence, with just that taken away. A mutant that no scenario catches is
// either an order that is not needed or a scenario that is missing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/model/scenario.hpp"

namespace ringbell::model {

class Campaign {
 public:
  enum class Extent : std::uint8_t { quick, full };
  using Print = std::function<void(const std::string& line)>;

  explicit Campaign(Extent extent) : extent_(extent), scenarios_(all_scenarios()) {}

  [[nodiscard]] std::vector<std::string> rings() const;

  // Prints a line for each scenario and each mutant; a finding with the run that leads to it.
  void explore_ring(const std::string& ring, const Print& print);

  [[nodiscard]] std::uint64_t executions() const { return executions_; }
  [[nodiscard]] std::size_t mutants() const { return mutants_; }
  [[nodiscard]] std::size_t caught() const { return caught_; }
  // No finding without a mutation, nothing left out, every mutant caught.
  [[nodiscard]] bool clean() const { return clean_; }

 private:
  [[nodiscard]] static const Bounds& bounds_of(const Scenario& scenario, Extent extent) {
    return extent == Extent::full ? scenario.full : scenario.quick;
  }
  // Within the quick bounds first, where nearly all are caught.
  void explore_mutant(const std::string& ring, const Mutation& mutation, const Print& print);
  [[nodiscard]] bool catches(const std::string& ring, const Mutation& mutation, Extent extent,
                             const Print& print);

  Extent extent_;
  std::vector<Scenario> scenarios_;
  std::uint64_t executions_ = 0;
  std::size_t mutants_ = 0;
  std::size_t caught_ = 0;
  bool clean_ = true;
};

}  // namespace ringbell::model
