// What the subcommands of `ringbell` have in common: how each joins the command line, and the
// statuses with which it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <ringbell/transport/base/error.hpp>

#include "tools/command/syntax.hpp"

namespace ringbell::tools {

// Documented in --help and in the man page; scripts rely on them.
enum ExitStatus : int {
  kDone = 0,       // and for a stream: whole
  kFailed = 1,     // an error, said on stderr; of `doctor`: something essential is missing
  kUsage = 2,      // the command line will not do
  kTimedOut = 3,   // the other side did not come within --wait
  kTruncated = 4,  // the other side died or stopped before the end, or a recording was cut
  kDiffers = 5,    // `cp --verify`: the copy is not the original
  kCutBefore = 6,  // as kTruncated, and the stream of another sender stands behind it
};

// Of a process that a signal ended, as the shells count it.
[[nodiscard]] constexpr int status_of_signal(int signal) noexcept { return 128 + signal; }

// Adds one subcommand, with what it does.
using AddCommand = void (*)(Command program);

void add_send(Command program);
void add_receive(Command program);
void add_copy(Command program);
void add_record(Command program);
void add_replay(Command program);
void add_show(Command program);
void add_bridge(Command program);
void add_list(Command program);
void add_top(Command program);
void add_inspect(Command program);
void add_metrics(Command program);
void add_clean(Command program);
void add_drain(Command program);
void add_doctor(Command program);
void add_explain(Command program);
void add_bench(Command program);
void add_compare(Command program);
void add_report(Command program);

// --user: whose names are looked at.
void add_user(Command& command, std::optional<std::uint64_t>& user);

// One line on stderr: "ringbell: MESSAGE". Returns `status`.
int complain(const std::string& message, int status = kFailed);

}  // namespace ringbell::tools
