// SIGINT, SIGTERM and SIGHUP as something that can be asked for, so that an interrupted subcommand
// takes the same way out as one that failed: endpoints close, names go, the terminal's line ends.
#pragma once

#include "tools/command/failure.hpp"

namespace ringbell::tools::interruption {

// From now on the signals no longer end the process. A blocking call that one of them meets ends
// with EINTR, and so does, for the case that the signal came right before it, whatever blocks some
// milliseconds later. SIGPIPE is ignored: a closed pipe is an error like any other.
void watch() noexcept;

// From now on they end the process again: what is left to do leaves nothing behind.
void unwatch() noexcept;

// The signal that came, or 0.
[[nodiscard]] int signal() noexcept;
// Whether one came: what gives up taking memory (MemoryOptions::give_up).
[[nodiscard]] inline bool has_come() noexcept { return signal() != 0; }

// Fails, with the signal's status and nothing to say, if one came.
[[nodiscard]] Tried<void> check();

}  // namespace ringbell::tools::interruption
