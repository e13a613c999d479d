// `ringbell doctor`: what on this machine costs latency or would break ringbell.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "tools/command/command.hpp"
#include "tools/command/terminal.hpp"
#include "tools/doctor/checks.hpp"
#include "tools/doctor/machine.hpp"

namespace ringbell::tools {
namespace {

using bench::Finding;
using bench::Findings;
using bench::Level;

constexpr const char* kExamples = R"(Examples:
  ringbell doctor                 what costs latency here, why, and what mends it
  ringbell doctor --all           the reasons of what is good, too
  ringbell doctor --json | jq '.findings[] | select(.level != "good")'
  ringbell doctor >/dev/null || echo "ringbell will not work here"

Exit status: 0, or 1 if something is missing without which ringbell does not work.)";

struct DoctorOptions {
  bool json = false;
  bool all = false;
  bool no_measure = false;
};

int count(const Findings& findings, Level level) {
  return static_cast<int>(
      std::count_if(findings.begin(), findings.end(),
                    [level](const Finding& finding) { return finding.level == level; }));
}

void print_json(const Findings& findings) {
  const nlohmann::ordered_json all{{"missing", count(findings, Level::missing)},
                                   {"costs", count(findings, Level::costs)},
                                   {"findings", as_json(findings)}};
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Findings& findings, bool with_reasons) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  for (const Finding& finding : findings) {
    const std::string_view colour = finding.level == Level::good    ? colours.green()
                                    : finding.level == Level::costs ? colours.yellow()
                                                                    : colours.red();
    fmt::print("{}{:<8}{}{:<11} {}\n", colour, name_of(finding.level), colours.plain(),
               finding.name, finding.figure);
    if (finding.level == Level::good && !with_reasons) continue;
    fmt::print("{:8}{}why:{}        {}\n", "", colours.dim(), colours.plain(), finding.why);
    if (!finding.remedy.empty()) {
      fmt::print("{:8}{}mend it:{}    {}\n", "", colours.dim(), colours.plain(), finding.remedy);
    }
  }
  fmt::print("\n{} good, {} cost something, {} missing\n", count(findings, Level::good),
             count(findings, Level::costs), count(findings, Level::missing));
}

int doctor(const DoctorOptions& options) {
  const Findings findings =
      examine(bench::MachineFiles("/"), bench::try_machine(!options.no_measure));
  if (options.json) {
    print_json(findings);
  } else {
    print_text(findings, options.all);
  }
  return count(findings, Level::missing) > 0 ? kFailed : kDone;
}

}  // namespace

void add_doctor(Command program) {
  const auto options = std::make_shared<DoctorOptions>();
  Command command =
      program.add("doctor", "what on this machine costs latency or would break ringbell");
  command.flag("--json", options->json, "as JSON");
  command.flag("--all", options->all, "say of what is good, too, why it matters");
  command.flag("--no-measure", options->no_measure, "do not measure the wake-up (0.3 s)");
  command.footer(kExamples);
  command.runs([options] { return doctor(*options); });
}

}  // namespace ringbell::tools
