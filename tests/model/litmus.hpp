// Small programs over two words, and the outcomes of all their runs.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {

using Outcomes = std::set<std::string>;

// Two words and what the threads read, by register.
class Litmus : public Program {
 public:
  using Body = std::function<void(Litmus&)>;

  Litmus(std::vector<Body> bodies, Outcomes* outcomes)
      : bodies_(std::move(bodies)), outcomes_(outcomes) {}

  [[nodiscard]] std::size_t threads() const override { return bodies_.size(); }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return "thread " + std::to_string(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == 1; }

  void begin() override {
    x = Execution::current().shared<std::uint64_t>();
    y = Execution::current().shared<std::uint64_t>();
    z = Execution::current().shared<std::uint64_t>();
  }
  void run(std::size_t thread) override { bodies_[thread - 1](*this); }
  void end() override {
    std::string outcome;
    for (std::size_t i = 0; i < registers_used; ++i) outcome += std::to_string(registers[i]);
    outcomes_->insert(outcome);
  }

  std::uint64_t* x = nullptr;
  std::uint64_t* y = nullptr;
  std::uint64_t* z = nullptr;
  std::array<std::uint64_t, 8> registers{};
  std::size_t registers_used = 0;

 private:
  std::vector<Body> bodies_;
  Outcomes* outcomes_;
};

inline std::uint64_t load(const std::uint64_t* word, std::memory_order order) {
  return SimulatedAtomics::load(*word, order, kNoEdge);
}
inline void store(std::uint64_t* word, std::uint64_t value, std::memory_order order) {
  SimulatedAtomics::store(*word, value, order, kNoEdge);
}
inline bool exchange(std::uint64_t* word, std::uint64_t from, std::uint64_t to,
                     std::memory_order order) {
  return SimulatedAtomics::compare_exchange(*word, from, to, order, std::memory_order_relaxed,
                                            kNoEdge);
}
inline void fence(std::memory_order order) { SimulatedAtomics::fence(order, kNoEdge); }

// Thread code: `into` is the register that keeps what was read.
inline void read(Litmus& run, std::size_t into, const std::uint64_t* word,
                 std::memory_order order) {
  run.registers[into] = load(word, order);
  run.registers_used = std::max(run.registers_used, into + 1);
}

inline Report run_all(const std::vector<Litmus::Body>& bodies, Outcomes& outcomes,
                      const Bounds& bounds = {}) {
  return explore([=, &outcomes] { return std::make_unique<Litmus>(bodies, &outcomes); }, bounds);
}

inline Outcomes outcomes_of(const std::vector<Litmus::Body>& bodies) {
  Outcomes outcomes;
  const Report report = run_all(bodies, outcomes);
  EXPECT_FALSE(report.finding) << *report.finding;
  EXPECT_TRUE(report.complete);
  return outcomes;
}

inline std::string finding_of(const std::vector<Litmus::Body>& bodies, const Bounds& bounds = {}) {
  Outcomes outcomes;
  return run_all(bodies, outcomes, bounds).finding.value_or("");
}

}  // namespace ringbell::model
