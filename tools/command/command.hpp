// What the subcommands of `ringbell` have in common: how each joins the command line, and the
// statuses with which it ends.
#pragma once

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
  kTruncated = 4,  // the other side died or stopped before the end of the stream
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
void add_list(Command program);
void add_top(Command program);
void add_inspect(Command program);
void add_clean(Command program);
void add_doctor(Command program);
void add_explain(Command program);
void add_bench(Command program);
void add_compare(Command program);
void add_report(Command program);

// One line on stderr: "ringbell: MESSAGE". Returns `status`.
int complain(const std::string& message, int status = kFailed);

}  // namespace ringbell::tools
