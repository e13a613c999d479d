// `ringbell ls`: the names of this user, and whether a living process uses each.
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/names/names.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/facts.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/terminal.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell ls                                 every name, its kind, size, and if it is in use
  ringbell ls --json | jq -r '.[] | select(.alive | not) | .name'
  RINGBELL_DIR=/run/app ringbell ls           the names in another folder

Names live in $RINGBELL_DIR, else $XDG_RUNTIME_DIR/ringbell, else /dev/shm/ringbell-UID.)";

std::string kind_text(const names::Entry& entry) {
  switch (entry.kind) {
    case names::Kind::ring:
      return name_of(entry.ring);
    case names::Kind::listener:
      return "listener";
    case names::Kind::unknown:
      break;
  }
  return "unknown";
}

nlohmann::ordered_json json_of(const names::Entry& entry) {
  return {{"name", entry.name},
          {"kind", kind_text(entry)},
          {"alive", entry.alive},
          {"size_bytes", entry.size_bytes},
          {"creator_pid", entry.creator_pid}};
}

void print_text(const std::vector<names::Entry>& entries) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  if (entries.empty()) return;
  fmt::print("{}{:<24} {:<14} {:>9}  {:<6} {}{}\n", colours.bold(), "NAME", "KIND", "SIZE", "STATE",
             "CREATOR", colours.plain());
  for (const names::Entry& entry : entries) {
    fmt::print("{:<24} {:<14} {:>9}  {}{:<6}{} {}\n", entry.name, kind_text(entry),
               entry.kind == names::Kind::ring ? bytes_text(entry.size_bytes) : "-",
               entry.alive ? colours.green() : colours.dim(), entry.alive ? "alive" : "dead",
               colours.plain(), entry.creator_pid != 0 ? std::to_string(entry.creator_pid) : "-");
  }
}

int list(bool json) {
  const Result<std::vector<names::Entry>> entries = names::list();
  if (!entries) return complain(entries.error().message);
  if (!json) {
    print_text(*entries);
    return kDone;
  }
  auto all = nlohmann::ordered_json::array();
  for (const names::Entry& entry : *entries) all.push_back(json_of(entry));
  fmt::print("{}\n", all.dump(2));
  return kDone;
}

}  // namespace

void add_list(Command program) {
  const auto json = std::make_shared<bool>(false);
  Command command = program.add("ls", "the rings and listeners of this user");
  command.flag("--json", *json, "as JSON");
  command.footer(kExamples);
  command.runs([json] { return list(*json); });
}

}  // namespace ringbell::tools
