// The command line of ringbell-compare.
#pragma once

#include <optional>

#include "bench/compare/options.hpp"

namespace ringbell::bench {

// What the command line asks for, or the exit status with which to end at once: 0 after --help, 2
// after one line on stderr that says what is allowed.
struct Parsed {
  std::optional<Options> options;
  int exit_status = 0;
};

// By which name it was started: `ringbell compare` says so itself.
[[nodiscard]] const char* name_of(int argc, char** argv) noexcept;

[[nodiscard]] Parsed parse_options(int argc, char** argv);

}  // namespace ringbell::bench
