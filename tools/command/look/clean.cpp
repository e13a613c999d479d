// `ringbell clean`: the rings of dead processes, listed, and removed once the user said yes.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/names/names.hpp>

#include "tools/command/command.hpp"
#include "tools/command/quantity.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell clean                lists the names that no living process uses, and asks
  ringbell clean --dry-run      only lists them
  ringbell clean --yes          removes them without asking

A name that a living process uses is never touched, not even if it comes between the list
and the answer. Unread messages go with a name. Exit status: 0, also if there was
nothing to do; 1 if the answer was not yes.)";

struct CleanOptions {
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

void print(const std::vector<names::Entry>& entries, const CleanOptions& options) {
  if (!options.json) {
    for (const names::Entry& entry : entries) {
      fmt::print("{}  {}\n", entry.name, bytes_text(entry.size_bytes));
    }
    return;
  }
  auto all = nlohmann::ordered_json::array();
  for (const names::Entry& entry : entries) {
    all.push_back({{"name", entry.name}, {"size_bytes", entry.size_bytes}});
  }
  fmt::print("{}\n", all.dump(2));
}

bool confirmed(std::size_t count) {
  fmt::print(stderr, "remove {} name{}? [y/N] ", count, count == 1 ? "" : "s");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int clean(const CleanOptions& options) {
  Result<std::vector<names::Entry>> entries = names::list();
  if (!entries) return complain(entries.error().message);
  std::erase_if(*entries, [](const names::Entry& entry) { return entry.alive; });
  const bool asks = !options.yes && !options.dry_run;
  if (entries->empty() || options.dry_run || asks) print(*entries, options);
  if (entries->empty() || options.dry_run) return kDone;
  std::fflush(stdout);
  if (asks && !confirmed(entries->size())) return complain("nothing was removed");
  const Result<std::vector<names::Entry>> removed = names::remove_dead(*entries);
  if (!removed) return complain(removed.error().message);
  if (!asks) print(*removed, options);
  return kDone;
}

}  // namespace

void add_clean(Command program) {
  const auto options = std::make_shared<CleanOptions>();
  Command command = program.add("clean", "remove the rings of dead processes");
  const Option yes = command.flag("--yes,-y", options->yes, "do not ask");
  command.flag("--dry-run,-n", options->dry_run, "only list them").excludes(yes);
  command.flag("--json", options->json, "as JSON");
  command.footer(kExamples);
  command.runs([options] { return clean(*options); });
}

}  // namespace ringbell::tools
