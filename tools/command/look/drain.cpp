// `ringbell drain`: waits until the rings that were set aside under a name are read to their end.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/names/names.hpp>

#include "tools/command/command.hpp"
#include "tools/command/failure.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/look/facts.hpp"

namespace ringbell::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kExamples = R"(Examples:
  ringbell drain orders                       says what is left, and waits until nothing is
  ringbell drain --wait 0 orders              says what is left
  ringbell drain --wait 60 orders && systemctl stop old-reader

A sender that creates a name with other options, or of another layout, and Replace::when_drained
sets the ring aside that stands there. Its receiver reads it to its end and goes on in the new one.

Exit status: 0 nothing is left in older rings, 1 what is left can be read by no process of this
version, 3 the time is up and something is left.)";

struct DrainOptions {
  std::string name;
  std::optional<double> wait_s;
};

// What is left in one that was set aside, for people. Empty: nothing.
Tried<std::string> left_in(const names::Entry& entry) {
  const Tried<RingFacts> facts = look_at(entry.name);
  if (!facts) {
    std::error_code none;
    if (!std::filesystem::exists(entry.folder + "/" + entry.name, none)) return std::string();
    if (entry.alive) return fmt::format("{}: read by a program of another version\n", entry.name);
    return give_up(kFailed,
                   fmt::format("{}; a program of its version must read it, or `ringbell clean` "
                               "removes it",
                               facts.error().message));
  }
  const Fill fill = facts->fill.value_or(Fill{});
  if (fill.records == 0 && !entry.alive) {
    const auto removed = names::remove_dead({entry});
    return removed ? Tried<std::string>(std::string()) : give_up(removed.error());
  }
  std::string reader = "no process reads it: start one";
  for (const Side& side : facts->sides) {
    if (side.role == "reader" && side.alive) reader = fmt::format("read by pid {}", side.pid);
  }
  return fmt::format("{}: {} records, {} bytes left, {}\n", entry.name, fill.records, fill.bytes(),
                     reader);
}

// The same of all under the name.
Tried<std::string> left_under(const std::string& name) {
  const Result<std::vector<names::Entry>> all = names::list();
  if (!all) return give_up(all.error());
  std::string left;
  for (const names::Entry& entry : *all) {
    if (entry.newer != name) continue;
    const Tried<std::string> in_this = left_in(entry);
    if (!in_this) return in_this;
    left += *in_this;
  }
  return left;
}

int drain(const DrainOptions& options) {
  if (const Result<void> good = check_name(options.name); !good) {
    return complain(good.error().message, kUsage);
  }
  interruption::watch();
  const Clock::time_point begun = Clock::now();
  for (std::string said;;) {
    const Tried<std::string> left = left_under(options.name);
    if (!left) return complain(left.error());
    if (left->empty()) {
      fmt::print("{}: nothing is left in older rings\n", options.name);
      return kDone;
    }
    if (*left != said) fmt::print("{}", *left);
    std::fflush(stdout);
    said = *left;
    if (options.wait_s && Clock::now() - begun >= std::chrono::duration<double>(*options.wait_s)) {
      return complain(fmt::format("something is left in older rings of {}", options.name),
                      kTimedOut);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (const Tried<void> signal = interruption::check(); !signal) return complain(signal.error());
  }
}

}  // namespace

void add_drain(Command program) {
  const auto options = std::make_shared<DrainOptions>();
  Command command = program.add("drain", "waits until older rings of a name are read to their end");
  command.option("NAME", options->name, "of the rings").required();
  command.option("--wait", options->wait_s, "how long, in seconds; without it, until it is done")
      .within(0.0, 1e9)
      .takes("SECONDS");
  command.footer(kExamples);
  command.runs([options] { return drain(*options); });
}

}  // namespace ringbell::tools
