// `ringbell inspect NAME`: everything that can be seen of a ring without disturbing it.
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/sleep/doorbell.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/facts.hpp"
#include "tools/command/look/lost.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/terminal.hpp"
#include "tools/doctor/file_system.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell inspect backup            kind, memory, fill, writers, readers, mappings
  ringbell inspect --json backup | jq .fill.records
  watch -n1 ringbell inspect backup  again and again
  ringbell inspect /dev/ringbell0    a ring in a driver's memory
  sudo ringbell inspect --user 1000 backup    of another user

It maps the ring for reading only and takes no lock: looking never disturbs. Positions count bytes
(messages, where there are slots) since the ring was made; those of a lane, and the calls of a line,
are of all processes that had it, one after the other. What costs its users a store is not in
the ring and is not shown: how often doorbells rang, and what subscribers of a lossy topic have read
and missed; only how many they are. Their own stats(), lag() and missed() tell.)";

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
  if (side.calls) all["line"] = {{"calls", side.calls->made}, {"state", side.calls->state}};
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

// Nothing: a device's memory is in none.
std::optional<bench::FileSystem> file_system_of(const RingFacts& facts) {
  if (facts.backing != Backing::file && facts.backing != Backing::posix_shm) return std::nullopt;
  return bench::file_system_of(facts.path);
}

bool is_on_disk(const RingFacts& facts) {
  const std::optional<bench::FileSystem> on = file_system_of(facts);
  return on && !on->in_memory;
}

void print_json(const RingFacts& facts, const std::vector<MappedBy>& mapped_by) {
  Json all{{"name", facts.name},
           {"path", facts.path},
           {"kind", name_of(facts.kind)},
           {"backing", name_of(facts.backing)},
           {"doorbell", ringbell::name_of(facts.doorbell)},
           {"file_system", nullptr},
           {"on_disk", is_on_disk(facts)},
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
  if (const auto on = file_system_of(facts)) all["file_system"] = on->type;
  for (const Side& side : facts.sides) all["sides"].push_back(json_of(side));
  if (facts.fill) all["fill"] = json_of(*facts.fill);
  if (facts.slots) {
    all["slots"] = {{"written", facts.slots->written},      {"read", facts.slots->read},
                    {"redelivered", facts.slots->returned}, {"skipped", facts.slots->skipped},
                    {"claimed", facts.slots->in.claimed},   {"ready", facts.slots->in.ready},
                    {"in_hand", facts.slots->in.taken}};
  }
  if (facts.published) all["published_messages"] = *facts.published;
  if (facts.readers) all["subscribers"] = *facts.readers;
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
  if (facts.slots) {
    fmt::print("{:<10}{} ready, {} in hand, {} claimed ({:.0f} %)\n", "fill", facts.slots->in.ready,
               facts.slots->in.taken, facts.slots->in.claimed,
               100.0 * static_cast<double>(facts.slots->in.all()) /
                   static_cast<double>(geometry.slot_count));
  }
  if (facts.published) fmt::print("{:<10}published {}\n", "messages", *facts.published);
  if (facts.readers) fmt::print("{:<10}{} subscribers\n", "readers", *facts.readers);
}

// What a participant of a ring of many has to itself. A lane and a line count on when the next
// process takes them.
std::string share_of(const Side& side) {
  if (side.lane) {
    return fmt::format("; lane: {} in {} records; by all writers it had: written {}, read {}",
                       bytes_text(side.lane->bytes()), side.lane->records,
                       side.lane->written_position, side.lane->read_position);
  }
  if (side.behind) return fmt::format(", {} messages behind", *side.behind);
  if (side.calls) {
    return fmt::format("; line: {}; by all callers it had: {} calls", side.calls->state,
                       side.calls->made);
  }
  return {};
}

void print_text(const RingFacts& facts, const std::vector<MappedBy>& mapped_by) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  fmt::print("{}{}{}  {}\n", colours.bold(), facts.name, colours.plain(), name_of(facts.kind));
  fmt::print("{:<10}{} in {} (pages of {})\n", "memory", bytes_text(facts.file_bytes), facts.path,
             bytes_text(facts.geometry.page_bytes));
  if (is_on_disk(facts)) {
    fmt::print("{:<10}on {}, a disk: writers wait while their pages are written back\n", "",
               file_system_of(facts)->type);
  }
  fmt::print("{:<10}{}, by pid {}\n", "made", time_text(facts.created_unix_ns), facts.creator_pid);
  fmt::print("{:<10}{}\n", "doorbell", ringbell::name_of(facts.doorbell));
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
  std::optional<std::uint64_t> user;
};

// A ring that had this name may still be in use.
Failure with_lost_ones(const std::string& name, uid_t user, Failure failure) {
  for (const LostRing& lost : lost_rings(user)) {
    if (lost.facts.name != name) continue;
    failure.message += fmt::format("; one that is in use has lost this name: ringbell inspect {}",
                                   lost.facts.path);
  }
  return failure;
}

int inspect(const InspectOptions& options) {
  const uid_t user = whose(options.user);
  Tried<RingFile> ring = open_ring(options.name, user);
  if (!ring) return complain(with_lost_ones(options.name, user, ring.error()));
  const std::vector<MappedBy> mapped_by = who_maps(*ring);  // before this process is one
  const Tried<RingFacts> facts = look_at(options.name, std::move(*ring));
  if (!facts) return complain(with_lost_ones(options.name, user, facts.error()));
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
  command.option("NAME", options->name, "of the ring; `ringbell ls` lists them; or its path")
      .required();
  command.flag("--json", options->json, "as JSON");
  add_user(command, options->user);
  command.footer(kExamples);
  command.runs([options] { return inspect(*options); });
}

}  // namespace ringbell::tools
