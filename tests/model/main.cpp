// Explores every scenario within its full bounds, then every mutant of every ring, and ends with
//   executions explored: N
//   mutants caught: N of N
// Exit status 1 if a scenario has a finding or could not be explored whole, or a mutant survives.
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/model/campaign.hpp"

int main(int argc, char** argv) {
  using namespace ringbell::model;
  CLI::App app("Explores the rings: every interleaving, every weak behaviour, every death.");
  std::string ring;
  bool quick = false;
  app.add_option("--ring", ring, "only the scenarios of this ring");
  app.add_flag("--quick", quick, "within the bounds that the tests use");
  CLI11_PARSE(app, argc, argv);

  Campaign campaign(quick ? Campaign::Extent::quick : Campaign::Extent::full);
  for (const std::string& name : campaign.rings()) {
    if (!ring.empty() && ring != name) continue;
    campaign.explore_ring(name, [](const std::string& line) {
      fmt::print("{}\n", line);
      std::fflush(stdout);
    });
  }
  fmt::print("executions explored: {}\nmutants caught: {} of {}\n", campaign.executions(),
             campaign.caught(), campaign.mutants());
  return campaign.clean() && campaign.mutants() > 0 ? 0 : 1;
}
