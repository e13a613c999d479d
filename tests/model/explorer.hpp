// Runs a small concurrent program in every way that it can run: every interleaving of its threads,
// every value that weak memory lets a load return, and every place where a thread can die.
//
// The program is the real template, instantiated with SimulatedAtomics (simulated_atomics.hpp).
// Its threads are fibers of one OS thread; at each atomic operation a fiber hands over to the
// explorer, which decides which of them goes on. A decision is a number below a count; a run is the
// list of its decisions; depth-first search runs the program anew with the last decision changed,
// until there is none left to change.
//
// What makes that finite and quick:
//   - Two runs that have done the same operations, in the same order at each word and with the same
//     values read, are in the same state, however their threads took turns. A state that was seen
//     before is not explored again (its 64-bit hash is remembered). Nothing is lost by that: a
//     thread is a function of what it has read.
//   - Plain accesses are no points of decision: without a race they cannot tell the difference,
//     and a race is found by vector clocks in either order.
//   - A thread that waits calls pause() each time it found nothing. It goes on when one of the
//     words that it read has a newer value, and a round that reads just what the round before read
//     is dropped. When no thread can go on, the program is stuck, which is a finding.
//   - A death is decided right after one of the thread's own steps. Later ones differ only in what
//     others have seen of it, and is_dead() may still say that it lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "tests/model/mutation.hpp"

namespace ringbell::model {

// What is explored. Made anew for each run, so it may keep what its threads have seen in members
// that they alone touch; what they share stands in shared memory (Execution::shared()).
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;

  // The threads are 1 to threads(), at most kMaxThreads - 1.
  [[nodiscard]] virtual std::size_t threads() const = 0;
  [[nodiscard]] virtual std::string role(std::size_t thread) const = 0;
  [[nodiscard]] virtual bool may_die(std::size_t /*thread*/) const { return false; }

  // By thread 0, before the others start and after they ended: it sees everything.
  virtual void begin() {}
  virtual void run(std::size_t thread) = 0;
  virtual void end() {}
};

using MakeProgram = std::function<std::unique_ptr<Program>()>;

struct Bounds {
  int preemptions = -1;  // how often a thread that could go on is interrupted; -1: no bound
  int stale_loads = -1;  // how many loads return what is not the newest value; -1: no bound
  int deaths = 0;
  std::size_t steps = 2000;  // of one run; more is a finding
  std::uint64_t executions = UINT64_MAX;
};

struct Report {
  std::uint64_t executions = 0;  // runs, those included that ended in a state seen before
  std::uint64_t finished = 0;    // runs to the end: as many different outcomes
  std::uint64_t states = 0;
  bool complete = false;               // nothing within the bounds was left out
  std::set<Site> sites;                // what the threads did to memory
  std::optional<std::string> finding;  // what went wrong, and the run that leads there
};

// Stops at the first finding. `mutation` weakens the program.
[[nodiscard]] Report explore(const MakeProgram& make, const Bounds& bounds,
                             const Mutation* mutation = nullptr);

}  // namespace ringbell::model
