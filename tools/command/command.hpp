// What the subcommands of `ringbell` have in common: how each joins the command line, and the
// statuses with which it ends.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include <ringbell/transport/base/error.hpp>

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

// What is to run once the command line is known to be right. Returns the exit status.
using Action = std::function<int()>;

// Adds one subcommand. When the user chose it, it puts its work into `action`.
using AddCommand = void (*)(CLI::App& app, Action& action);

void add_send(CLI::App& app, Action& action);
void add_receive(CLI::App& app, Action& action);
void add_copy(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_clean(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);

// One line on stderr: "ringbell: MESSAGE". Returns `status`.
int complain(const std::string& message, int status = kFailed);

}  // namespace ringbell::tools
