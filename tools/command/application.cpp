#include "tools/command/application.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/command/command.hpp"
#include "tools/command/failure.hpp"
#include "tools/command/standard_streams.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kAbout = "Messages between processes through rings in shared memory.";

constexpr const char* kStatuses = R"(Exit status:
  0  done; of a stream: all of it came
  1  failed, as stderr says; of doctor: something essential is missing
  2  the command line will not do
  3  the other side did not come within --wait
  4  the stream was cut short: the other side died or stopped, or the recording was cut
  5  cp --verify: the copy differs
  6  recv: the stream was cut short, and another one follows it
  128 + N  ended by signal N

`ringbell COMMAND --help` has examples.)";

constexpr std::array kCommands{add_send,    add_receive, add_copy,  add_record,  add_replay,
                               add_show,    add_bridge,  add_list,  add_inspect, add_top,
                               add_metrics, add_clean,   add_drain, add_doctor,  add_explain,
                               add_bench,   add_compare, add_report};

// What did not reach a full disk or a closed pipe was not said.
int flushed(int status) {
  std::cout.flush();
  const bool all = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  return all || status != kDone ? status : complain("writing to standard output failed");
}

int run(int argc, char** argv) {
  if (auto filled = standard_streams::fill(); !filled) return complain(filled.error());
  CommandLine line(kAbout, "ringbell");
  line.version("ringbell " RINGBELL_VERSION);
  line.program().footer(kStatuses);
  line.program().needs_command();
  for (const AddCommand add : kCommands) add(line.program());
  const CommandLine::Parsed parsed = line.parse(argc, argv);
  if (parsed.told) return flushed(kDone);
  if (!parsed.wrong.empty()) {
    return complain(parsed.wrong + "; --help lists what there is", kUsage);
  }
  // All but these have something to say on standard output.
  constexpr std::array<std::string_view, 5> kSilent{"send", "cp", "record", "replay", "bridge"};
  if (std::find(kSilent.begin(), kSilent.end(), parsed.command) == kSilent.end()) {
    if (auto open = standard_streams::require_output(); !open) return complain(open.error());
  }
  return flushed(parsed.work());
}

}  // namespace

void add_user(Command& command, std::optional<std::uint64_t>& user) {
  constexpr std::uint64_t kLargestUid = UINT32_MAX - 1;
  command.option("--user", user, "the names of this user, for root")
      .within(std::uint64_t{0}, kLargestUid)
      .takes("UID");
}

int complain(const std::string& message, int status) {
  std::fflush(stdout);
  fmt::print(stderr, "ringbell: {}\n", message);
  return status;
}

int run_command(int argc, char** argv) noexcept {
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {  // no memory left
    std::fprintf(stderr, "ringbell: %s\n", exception.what());
    return kFailed;
  }
}

}  // namespace ringbell::tools
