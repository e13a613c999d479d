// `ringbell`: one program, a subcommand for each purpose.
#pragma once

namespace ringbell::tools {

// Runs what the command line asks for. Returns the exit status (command.hpp). Throws nothing.
[[nodiscard]] int run_command(int argc, char** argv) noexcept;

}  // namespace ringbell::tools
