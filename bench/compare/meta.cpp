#include "bench/compare/meta.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <nlohmann/json.hpp>

#include "bench/harness/clock.hpp"
#include "bench/harness/subprocess.hpp"
#include "bench/transports/registry.hpp"

namespace ringbell::bench {
namespace {

// The value of the first line "name : value" of /proc/cpuinfo, or empty.
std::string cpuinfo(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(name) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

void add_commit(Row& meta) {
  Result<std::string> commit = output_of({"git", "rev-parse", "HEAD"}, source_folder());
  const Result<std::string> status = output_of({"git", "status", "--porcelain"}, source_folder());
  if (commit) commit->erase(commit->find_last_not_of('\n') + 1);
  meta["commit"] = commit ? *commit : "unknown";
  // Without git it is not known: null.
  meta["dirty"] = status ? Row(!status->empty()) : Row(nullptr);
}

void add_machine(const CpuPair& cpus, Row& meta) {
  utsname system{};
  ::uname(&system);
  const std::string cpu = cpuinfo("model name");
  meta["cpu"] = cpu.empty() ? std::string(system.machine) : cpu;
  meta["kernel"] = fmt::format("{} {}", system.sysname, system.release);
  if (fmt::format(" {} ", cpuinfo("flags")).find(" hypervisor ") != std::string::npos) {
    meta["hypervisor"] = "yes";
  }
  meta["cpus"] = cpus[1] < 0 ? Row({cpus[0]}) : Row(cpus);
  meta["same_core"] = are_siblings(cpus);
  meta["cpus_allowed"] = allowed_cpus().size();
}

}  // namespace

const char* source_folder() noexcept { return RINGBELL_SOURCE_DIR; }

Row meta_row(const std::string& what, int repeats, const CpuPair& cpus, Row findings) {
  Row meta{{"bench", "meta"}};
  add_commit(meta);
  meta["version"] = RINGBELL_VERSION;
  meta["compiler"] = RINGBELL_COMPILER;
  meta["build_type"] = RINGBELL_BUILD_TYPE;
  meta["flags"] = RINGBELL_CXX_FLAGS;
  add_machine(cpus, meta);
  meta["date"] = fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  meta["mode"] = what;
  meta["repeats"] = repeats;
  meta["clock"] = "CLOCK_MONOTONIC";
  meta["clock_ns"] = clock_cost_ns();
  meta["clock_step_ns"] = clock_step_ns();
  meta["doctor"] = std::move(findings);
  return meta;
}

Row meta_row(const Options& options, Row findings) {
  const Mode mode = options.plan.mode;
  Row meta = meta_row(name_of(mode), repeats_of(mode), options.cpus, std::move(findings));
  meta["seed"] = options.plan.seed;
  meta["has_end"] = true;  // where the last line is not of the bench `end`, the run was cut short
  if (!options.plan.sizes.empty()) meta["only_sizes"] = options.plan.sizes;
  if (!options.plan.transports.empty()) meta["only_transports"] = options.plan.transports;
  if (options.plan.transports.empty() && has_peers(options.plan)) {
    Row peers = Row::array();
    for (const KnownPeer& peer : kKnownPeers) {
      if (find_transport(peer.name) != nullptr) peers.push_back(peer.name);
    }
    meta["peers"] = peers;
  }
  return meta;
}

}  // namespace ringbell::bench
