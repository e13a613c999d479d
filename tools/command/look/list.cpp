// `ringbell ls`: the names of this user, and whether a living process uses each.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/names/names.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/facts.hpp"
#include "tools/command/look/lost.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/terminal.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell ls                                 every name, its kind, size, and if it is in use
  ringbell ls --json | jq -r '.[] | select(.alive | not) | .name'
  RINGBELL_DIR=/run/app ringbell ls           the names in another folder
  sudo ringbell ls --user 1000                those of another user

A ring that is lost is in use, but its file was removed or replaced: no process finds it any more.
The JSON has the path by which it can still be inspected.

New names are in $RINGBELL_DIR, else $XDG_RUNTIME_DIR/ringbell, else /dev/shm/ringbell-UID. The
others of these, and /run/user/UID/ringbell, are listed too unless RINGBELL_DIR is set.)";

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

struct ListOptions {
  bool json = false;
  std::optional<std::uint64_t> user;
};

// What is listed: a name, or what is left of a lost one.
struct Listed {
  names::Entry entry;
  std::string lost_path = {};  // by which it can still be opened
};

Listed listed(const LostRing& lost) {
  return {.entry = {.name = lost.facts.name,
                    .kind = names::Kind::ring,
                    .ring = lost.facts.kind,
                    .alive = true,
                    .creator_pid = static_cast<pid_t>(lost.facts.creator_pid),
                    .size_bytes = lost.facts.file_bytes,
                    .folder = lost.folder},
          .lost_path = lost.facts.path};
}

nlohmann::ordered_json json_of(const Listed& each) {
  nlohmann::ordered_json all{{"name", each.entry.name},
                             {"kind", kind_text(each.entry)},
                             {"alive", each.entry.alive},
                             {"lost", !each.lost_path.empty()},
                             {"size_bytes", each.entry.size_bytes},
                             {"creator_pid", each.entry.creator_pid},
                             {"folder", each.entry.folder}};
  if (!each.lost_path.empty()) all["path"] = each.lost_path;
  return all;
}

void print_text(const std::vector<Listed>& entries) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  if (entries.empty()) return;
  fmt::print("{}{:<24} {:<14} {:>9}  {:<6} {}{}\n", colours.bold(), "NAME", "KIND", "SIZE", "STATE",
             "CREATOR", colours.plain());
  for (const auto& [entry, lost_path] : entries) {
    const bool is_lost = !lost_path.empty();
    const std::string_view colour = is_lost ? colours.red() : colours.green();
    fmt::print("{:<24} {:<14} {:>9}  {}{:<6}{} {}\n", entry.name, kind_text(entry),
               entry.kind == names::Kind::ring ? bytes_text(entry.size_bytes) : "-",
               entry.alive ? colour : colours.dim(),
               is_lost ? "lost" : (entry.alive ? "alive" : "dead"), colours.plain(),
               entry.creator_pid != 0 ? std::to_string(entry.creator_pid) : "-");
  }
}

int list(const ListOptions& options) {
  const uid_t user = whose(options.user);
  Result<std::vector<names::Entry>> entries = names::list_of(user);
  if (!entries) return complain(entries.error().message);
  std::vector<Listed> all_listed;
  for (names::Entry& entry : *entries) all_listed.push_back({.entry = std::move(entry)});
  for (const LostRing& lost : lost_rings(user)) all_listed.push_back(listed(lost));
  if (!options.json) {
    print_text(all_listed);
    return kDone;
  }
  auto all = nlohmann::ordered_json::array();
  for (const Listed& each : all_listed) all.push_back(json_of(each));
  fmt::print("{}\n", all.dump(2));
  return kDone;
}

}  // namespace

void add_list(Command program) {
  const auto options = std::make_shared<ListOptions>();
  Command command = program.add("ls", "the rings and listeners of this user");
  command.flag("--json", options->json, "as JSON");
  add_user(command, options->user);
  command.footer(kExamples);
  command.runs([options] { return list(*options); });
}

}  // namespace ringbell::tools
