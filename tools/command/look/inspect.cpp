// `ringbell inspect NAME`: everything that can be seen of a ring without disturbing it.
#include <chrono>
#include <ctime>
#include <memory>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/facts.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/terminal.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell inspect backup            kind, memory, fill, writers, readers, mappings
  ringbell inspect --json backup | jq .fill.records
  watch -n1 ringbell inspect backup  again and again

It maps the ring for reading only and takes no lock: looking never disturbs. Positions count bytes
(messages, where there are slots) since the ring was made. What costs its users a store is not in
the ring and is not shown: how often doorbells rang, and what readers of a lossy topic have read and
missed. Their own stats() tells.)";

using Json = nlohmann::ordered_json;

std::string time_text(std::uint64_t unix_ns) {
  constexpr std::uint64_t kSecondNs = 1'000'000'000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(unix_ns / kSecondNs)));
}

Json json_of(const Fill& fill) {
  return {{"bytes", fill.bytes()},
          {"records", fill.records},
          {"read_position", fill.read_position},
          {"written_position", fill.written_position}};
}

Json json_of(const Side& side) {
  Json all{{"role", side.role},   {"number", side.number},
           {"pid", side.pid},     {"state", name_of(side.state)},
           {"alive", side.alive}, {"parked", side.parked}};
  if (side.lane) all["lane"] = json_of(*side.lane);
  if (side.behind) all["behind_messages"] = *side.behind;
  if (side.calls) {
    all["calls"] = side.calls->made;
    all["call"] = side.calls->state;
  }
  return all;
}

Json json_of(const MappedBy& by) {
  return {{"pid", by.pid},
          {"command", by.command},
          {"resident_bytes", by.resident_bytes},
          {"swapped_bytes", by.swapped_bytes},
          {"page_bytes", by.page_bytes},
          {"huge_bytes", by.huge_bytes}};
}

void print_json(const RingFacts& facts, const std::vector<MappedBy>& mapped_by) {
  Json all{{"name", facts.name},
           {"path", facts.path},
           {"kind", name_of(facts.kind)},
           {"backing", name_of(facts.backing)},
           {"doorbell", name_of(facts.doorbell)},
           {"file_bytes", facts.file_bytes},
           {"page_bytes", facts.geometry.page_bytes},
           {"capacity_bytes", facts.geometry.capacity_bytes},
           {"slot_count", facts.geometry.slot_count},
           {"message_bytes", facts.geometry.message_bytes},
           {"created", time_text(facts.created_unix_ns)},
           {"creator_pid", facts.creator_pid},
           {"sides", Json::array()},
           {"fill", nullptr},
           {"slots", nullptr},
           {"published_messages", nullptr},
           {"mapped_by", Json::array()}};
  for (const Side& side : facts.sides) all["sides"].push_back(json_of(side));
  if (facts.fill) all["fill"] = json_of(*facts.fill);
  if (facts.slots) {
    all["slots"] = {{"written", facts.slots->written},
                    {"read", facts.slots->read},
                    {"redelivered", facts.slots->returned},
                    {"skipped", facts.slots->skipped}};
  }
  if (facts.published) all["published_messages"] = *facts.published;
  for (const MappedBy& by : mapped_by) all["mapped_by"].push_back(json_of(by));
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_contents(const RingFacts& facts) {
  const core::Geometry& geometry = facts.geometry;
  if (geometry.capacity_bytes != 0) {
    fmt::print("{:<10}{}\n", "capacity", bytes_text(geometry.capacity_bytes));
  }
  if (geometry.slot_count != 0) {
    fmt::print("{:<10}{} of up to {}\n", "slots", geometry.slot_count,
               bytes_text(geometry.message_bytes));
  }
  if (facts.fill) {
    fmt::print("{:<10}{} in {} records ({:.0f} %)\n", "fill", bytes_text(facts.fill->bytes()),
               facts.fill->records,
               100.0 * static_cast<double>(facts.fill->bytes()) /
                   static_cast<double>(geometry.capacity_bytes));
    fmt::print("{:<10}written {}, read {}\n", "positions", facts.fill->written_position,
               facts.fill->read_position);
  }
  if (facts.slots) {
    fmt::print("{:<10}written {}, read {}, redelivered {}, skipped {}\n", "messages",
               facts.slots->written, facts.slots->read, facts.slots->returned,
               facts.slots->skipped);
  }
  if (facts.published) fmt::print("{:<10}published {}\n", "messages", *facts.published);
}

// What a participant of a ring of many has to itself.
std::string share_of(const Side& side) {
  if (side.lane) {
    return fmt::format(", {} in {} records, written {}, read {}", bytes_text(side.lane->bytes()),
                       side.lane->records, side.lane->written_position, side.lane->read_position);
  }
  if (side.behind) return fmt::format(", {} messages behind", *side.behind);
  if (side.calls) return fmt::format(", {} calls, {}", side.calls->made, side.calls->state);
  return {};
}

void print_text(const RingFacts& facts, const std::vector<MappedBy>& mapped_by) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  fmt::print("{}{}{}  {}\n", colours.bold(), facts.name, colours.plain(), name_of(facts.kind));
  fmt::print("{:<10}{} in {} (pages of {})\n", "memory", bytes_text(facts.file_bytes), facts.path,
             bytes_text(facts.geometry.page_bytes));
  fmt::print("{:<10}{}, by pid {}\n", "made", time_text(facts.created_unix_ns), facts.creator_pid);
  fmt::print("{:<10}{}\n", "doorbell", name_of(facts.doorbell));
  print_contents(facts);
  for (const Side& side : facts.sides) {
    const std::string who = side.state == core::SideState::absent && !side.alive
                                ? "has not come"
                                : fmt::format("pid {}, {}{}{}{}", side.pid, name_of(side.state),
                                              side.alive ? ", alive" : ", gone",
                                              side.parked ? ", parked" : "", share_of(side));
    fmt::print("{:<10}{}{}{}\n", side.role, side.alive ? colours.green() : colours.dim(), who,
               colours.plain());
  }
  for (const MappedBy& by : mapped_by) {
    fmt::print("{:<10}pid {} ({}): {} resident, {} of it huge, {} swapped, pages of {}\n", "mapped",
               by.pid, by.command, bytes_text(by.resident_bytes), bytes_text(by.huge_bytes),
               bytes_text(by.swapped_bytes), bytes_text(by.page_bytes));
  }
}

struct InspectOptions {
  std::string name;
  bool json = false;
};

int inspect(const InspectOptions& options) {
  const std::vector<MappedBy> mapped_by = who_maps(options.name);  // before this process is one
  const Tried<RingFacts> facts = look_at(options.name);
  if (!facts) return complain(facts.error());
  if (options.json) {
    print_json(*facts, mapped_by);
  } else {
    print_text(*facts, mapped_by);
  }
  return kDone;
}

}  // namespace

void add_inspect(Command program) {
  const auto options = std::make_shared<InspectOptions>();
  Command command = program.add("inspect", "a look inside a ring");
  command.option("NAME", options->name, "of the ring; `ringbell ls` lists them").required();
  command.flag("--json", options->json, "as JSON");
  command.footer(kExamples);
  command.runs([options] { return inspect(*options); });
}

}  // namespace ringbell::tools
