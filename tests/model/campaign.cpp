#include "tests/model/campaign.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

namespace ringbell::model {
namespace {

// What a finding is, without the run that leads there.
std::string headline(const std::string& finding) { return finding.substr(0, finding.find('\n')); }

// Not what the program around the ring does, nor an SpscRing or the parking protocol within another
// one, nor an MpmcRing with sleepers: those have their own scenarios. A ring of many writers claims
// as an MpmcRing does, but that is free which no reader freed.
bool is_own(const std::string& ring, const std::string& label) {
  return label != "program" && (ring == "SpscRing" || !label.starts_with("spsc.")) &&
         (ring == "Parking" || !label.starts_with("park.")) &&
         (ring == "MpmcRing" || ring.starts_with("Many") || !label.starts_with("mpmc."));
}

}  // namespace

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all;
  for (auto some : {spsc_scenarios, spsc_record_scenarios, parking_scenarios,
                    shared_parking_scenarios, mpmc_scenarios, call_parts_scenarios, call_scenarios,
                    call_group_scenarios, fan_in_scenarios, broadcast_scenarios, many_scenarios,
                    many_lossy_scenarios, state_scenarios}) {
    for (Scenario& scenario : some()) all.push_back(std::move(scenario));
  }
  return all;
}

std::vector<std::string> Campaign::rings() const {
  std::vector<std::string> names;
  for (const Scenario& scenario : scenarios_) {
    if (std::find(names.begin(), names.end(), scenario.ring) == names.end()) {
      names.push_back(scenario.ring);
    }
  }
  return names;
}

void Campaign::explore_ring(const std::string& ring, const Print& print) {
  std::set<Site> sites;
  for (const Scenario& scenario : scenarios_) {
    if (scenario.ring != ring) continue;
    const auto start = std::chrono::steady_clock::now();
    const Report report = explore(scenario.make, bounds_of(scenario, extent_));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    executions_ += report.executions;
    sites.insert(report.sites.begin(), report.sites.end());
    print(fmt::format("{:<12} {:<34} {:>10} executions {:>9} states {:>8} ends {:>6.1f} s", ring,
                      scenario.name, report.executions, report.states, report.finished,
                      taken.count()));
    if (!report.complete) {
      clean_ = false;
      print(report.finding ? "FOUND: " + *report.finding : "NOT EXPLORED WHOLE");
    }
  }
  for (const Mutation& mutation : mutations_of(sites)) {
    if (is_own(ring, mutation.label)) explore_mutant(ring, mutation, print);
  }
}

void Campaign::explore_mutant(const std::string& ring, const Mutation& mutation,
                              const Print& print) {
  ++mutants_;
  if (catches(ring, mutation, Extent::quick, print)) return;
  if (extent_ == Extent::full && catches(ring, mutation, Extent::full, print)) return;
  clean_ = false;
  print(fmt::format("{:<12} {:<58} SURVIVES", ring, mutation.name()));
}

bool Campaign::catches(const std::string& ring, const Mutation& mutation, Extent extent,
                       const Print& print) {
  for (const Scenario& scenario : scenarios_) {
    if (scenario.ring != ring) continue;
    const Report report = explore(scenario.make, bounds_of(scenario, extent), &mutation);
    executions_ += report.executions;
    if (!report.finding) continue;
    ++caught_;
    print(fmt::format("{:<12} {:<58} caught: {} ({})", ring, mutation.name(),
                      headline(*report.finding), scenario.name));
    return true;
  }
  return false;
}

}  // namespace ringbell::model
