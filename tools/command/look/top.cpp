// `ringbell top`: the rings of this user, live.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/transport/names/names.hpp>

#include "tools/command/bridge/board.hpp"
#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/look/facts.hpp"
#include "tools/command/look/lost.hpp"
#include "tools/command/look/screen.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/terminal.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell top                        all rings, once a second; q quits, n r l f sort
  ringbell top --sort lag             those first whose readers are furthest behind
  ringbell top --times 1 --interval 5 | cat    once, over five seconds
  sudo ringbell top --user 1000       the rings of another user

RATE is what was written in a second: bytes, messages (/s) where there are slots, or calls. LAG is
what was written and not yet given back, of a topic by its slowest reader; of a queue what no reader
has taken, of a service the calls that are not answered. A pid in brackets is
gone; z: it sleeps; +N: so much of the lag is that reader's, or in that writer's collector lane.
Subscribers of a lossy topic are only counted. A ring that is (lost) is in use, but its file was
removed or replaced: no process finds it any more. Below stand the counters of this user's
bridges.)";

using Clock = std::chrono::steady_clock;

struct TopOptions {
  std::string sort = "rate";
  double interval_s = 1;
  std::uint64_t times = UINT64_MAX;
  std::optional<std::uint64_t> user;
};

// What a rate is made of.
struct Seen {
  std::uint64_t created_unix_ns;
  std::uint64_t written;
  Clock::time_point at;
};

struct Line {
  std::string name;
  std::string kind;
  std::string writers;
  std::string readers;
  double rate = 0;
  std::uint64_t lag = 0;
  bool in_bytes = true;
  double fill = 0;  // 0 … 1
};

// Behind the pid of one of several of the same role.
std::string lag_of(const Side& side) {
  if (side.lane) return fmt::format("+{}", bytes_text(side.lane->bytes()));
  if (side.behind) return fmt::format("+{}", *side.behind);
  return {};
}

std::string pids(const RingFacts& facts, bool writing) {
  std::string text;
  for (const Side& side : facts.sides) {
    const bool writes = side.role == "writer" || side.role == "caller";
    if (writes != writing || (side.state == core::SideState::absent && !side.alive)) continue;
    text += fmt::format("{}{}{}{}", text.empty() ? "" : ",",
                        side.alive ? std::to_string(side.pid) : fmt::format("({})", side.pid),
                        side.parked ? "z" : "", lag_of(side));
  }
  return text.empty() ? "-" : text;
}

Line line_of(const RingFacts& facts, std::map<std::string, Seen>& seen) {
  Line line;
  line.name = facts.name;
  line.kind = name_of(facts.kind);
  line.writers = pids(facts, true);
  line.readers = facts.readers ? fmt::format("{} joined", *facts.readers) : pids(facts, false);
  const auto before = seen.find(facts.path);
  std::uint64_t written = before != seen.end() ? before->second.written : 0;
  if (const std::optional<Totals> totals = totals_of(facts)) {
    written = totals->written;
    line.lag = totals->lag;
    line.fill = totals->fill;
    line.in_bytes = totals->in_bytes;
  }
  const Seen now{facts.created_unix_ns, written, Clock::now()};
  if (before != seen.end() && before->second.created_unix_ns == now.created_unix_ns &&
      before->second.written <= written) {
    const double seconds = std::chrono::duration<double>(now.at - before->second.at).count();
    line.rate = static_cast<double>(written - before->second.written) / std::max(seconds, 1e-6);
  }
  seen.insert_or_assign(facts.path, now);
  return line;
}

std::vector<Line> lines_now(const std::vector<names::Entry>& entries, uid_t user,
                            std::map<std::string, Seen>& seen) {
  std::vector<Line> lines;
  for (const names::Entry& entry : entries) {
    if (entry.kind != names::Kind::ring) continue;
    // What has gone since it was listed is not shown.
    const Tried<RingFacts> facts = look_at(entry.name, user);
    if (facts) lines.push_back(line_of(*facts, seen));
  }
  for (const LostRing& lost : lost_rings(user)) {
    lines.push_back(line_of(lost.facts, seen));
    lines.back().name += " (lost)";
  }
  return lines;
}

void sort_by(const std::string& what, std::vector<Line>& lines) {
  std::stable_sort(lines.begin(), lines.end(), [&](const Line& one, const Line& other) {
    if (what == "rate") return one.rate > other.rate;
    if (what == "lag") return one.lag > other.lag;
    if (what == "fill") return one.fill > other.fill;
    return one.name < other.name;
  });
}

std::string amount(double value, bool in_bytes) {
  if (in_bytes) return bytes_text(static_cast<std::uint64_t>(value));
  return fmt::format("{:.0f}", value);
}

std::string text_of(const std::vector<Line>& lines, const std::string& sort) {
  const Colours colours(wants_colour(STDOUT_FILENO));
  std::string text = fmt::format("ringbell top: {} ring{}, by {}\n", lines.size(),
                                 lines.size() == 1 ? "" : "s", sort);
  text += fmt::format("{}{:<24} {:<10} {:>12} {:>10} {:>5}  {:<12} {}{}\n", colours.bold(), "NAME",
                      "KIND", "RATE", "LAG", "FILL", "WRITER", "READER", colours.plain());
  for (const Line& line : lines) {
    text += fmt::format("{:<24} {:<10} {:>10}/s {:>10} {:>4.0f}%  {:<12} {}\n", line.name,
                        line.kind, amount(line.rate, line.in_bytes),
                        amount(static_cast<double>(line.lag), line.in_bytes), 100 * line.fill,
                        line.writers, line.readers);
  }
  for (bool first = true; const Shown& bridge : boards()) {
    if (std::exchange(first, false)) {
      text += fmt::format("{}{:<8} {}{}\n", colours.bold(), "PID", "BRIDGE", colours.plain());
    }
    std::istringstream pairs(bridge.text);
    for (std::string pair; std::getline(pairs, pair);) {
      text += fmt::format("{:<8} {}\n", bridge.pid, pair);
    }
  }
  return text;
}

// False: to quit.
bool obey(char key, std::string& sort) {
  switch (key) {
    case 'q':
      return false;
    case 'n':
      sort = "name";
      return true;
    case 'r':
      sort = "rate";
      return true;
    case 'l':
      sort = "lag";
      return true;
    case 'f':
      sort = "fill";
      return true;
    default:
      return true;
  }
}

int top(const TopOptions& options) {
  interruption::watch();
  std::map<std::string, Seen> seen;
  std::string sort = options.sort;
  const uid_t user = whose(options.user);
  const std::chrono::milliseconds interval(static_cast<int>(options.interval_s * 1000));
  const Screen screen;
  // The first look only begins the rates; without a screen it is not shown.
  for (std::uint64_t shown = screen.live() ? 1 : 0; shown <= options.times; ++shown) {
    const Result<std::vector<names::Entry>> entries = names::list_of(user);
    if (!entries) return complain(entries.error().message);
    std::vector<Line> lines = lines_now(*entries, user, seen);
    sort_by(sort, lines);
    if (shown > 0) screen.show(text_of(lines, sort));
    if (shown == options.times) break;
    const std::optional<char> key = screen.key(interval);
    if (const Tried<void> on = interruption::check(); !on) return on.error().status;
    if (key && !obey(*key, sort)) break;
  }
  return kDone;
}

}  // namespace

void add_top(Command program) {
  const auto options = std::make_shared<TopOptions>();
  Command command = program.add("top", "the rings of this user, live");
  command.option("--sort", options->sort, "by name, rate (the default), lag or fill")
      .one_of({"name", "rate", "lag", "fill"})
      .takes("WHAT");
  command.option("--interval", options->interval_s, "between two looks, in seconds (1)")
      .within(0.1, 3600.0)
      .takes("SECONDS");
  command.option("--times", options->times, "end after so many").positive().takes("N");
  add_user(command, options->user);
  command.footer(kExamples);
  command.runs([options] { return top(*options); });
}

}  // namespace ringbell::tools
