#include "tests/model/explorer.hpp"

#include <fmt/format.h>

#include "tests/model/execution.hpp"

namespace ringbell::model {

Report explore(const MakeProgram& make, const Bounds& bounds, const Mutation* mutation) {
  Execution execution(bounds, mutation);
  Report report;
  do {
    if (report.executions == bounds.executions) return report;
    ++report.executions;
    const Execution::Outcome outcome = execution.run(*make());
    if (outcome == Execution::Outcome::finished) ++report.finished;
    if (outcome == Execution::Outcome::failed) {
      execution.retrace();
      execution.run(*make());
      report.finding = fmt::format("{}\n{}", execution.failure(), execution.trace());
      break;
    }
  } while (execution.next());
  report.complete = !report.finding;
  report.states = execution.states();
  report.sites = execution.sites();
  return report;
}

}  // namespace ringbell::model
