// `ringbell explain`: what Linux does underneath, measured now and here.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "tools/command/command.hpp"
#include "tools/command/explain/memory.hpp"
#include "tools/command/terminal.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell explain memory                  each way to share memory, as this kernel does it
  ringbell explain memory --device /dev/X  and that device's
  ringbell explain memory --json | jq '.[] | select(.name == "faults")'

As root it also tells the frames of physical memory behind two processes' mappings.)";

struct ExplainOptions {
  bool json = false;
  std::string device;
};

void print_text(const explain::Lines& lines) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  const std::string* subject = nullptr;
  for (const explain::Line& line : lines) {
    if (subject == nullptr || *subject != line.subject) {
      fmt::print("{}{}{}{}\n", subject == nullptr ? "" : "\n", colours.green(), line.subject,
                 colours.plain());
    }
    subject = &line.subject;
    fmt::print("  {:<14}{}\n", line.name, line.measured);
    fmt::print("  {:<14}{}{}{}\n", "", colours.dim(), line.why, colours.plain());
  }
}

nlohmann::ordered_json json_of(const explain::Lines& lines) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const explain::Line& line : lines) {
    all.push_back({{"subject", line.subject},
                   {"name", line.name},
                   {"measured", line.measured},
                   {"why", line.why}});
  }
  return all;
}

int explain_memory(const ExplainOptions& options) {
  explain::Lines lines = explain::backings();
  if (!options.device.empty()) {
    for (explain::Line& line : explain::device(options.device)) lines.push_back(std::move(line));
  }
  for (explain::Line& line : explain::mechanisms()) lines.push_back(std::move(line));
  if (options.json) {
    fmt::print("{}\n",
               json_of(lines).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    print_text(lines);
  }
  return kDone;
}

}  // namespace

void add_explain(Command program) {
  const auto options = std::make_shared<ExplainOptions>();
  Command command = program.add("explain", "what Linux does underneath, measured here");
  command.needs_command();
  command.footer(kExamples);
  Command memory =
      command.add("memory", "each way to share memory: mappings, faults, frames, swap");
  memory.flag("--json", options->json, "as JSON");
  memory.option("--device", options->device, "a character device to map as well").takes("PATH");
  memory.footer(kExamples);
  memory.runs([options] { return explain_memory(*options); });
}

}  // namespace ringbell::tools
