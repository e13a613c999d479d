// SIGINT, SIGTERM and SIGHUP as something that can be asked for, so that an interrupted
// call cleans up as it does on any other error, and no handler has to.
#pragma once

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench::interruption {

// Blocks the signals from now on and opens a signalfd for them. Once, early in main().
[[nodiscard]] Result<void> watch();

// Readable as soon as a signal came; -1 (which poll ignores) without watch().
[[nodiscard]] int fd() noexcept;

// Whether one came so far. It stays so. Never waits.
[[nodiscard]] bool came() noexcept;

// Which one came, or 0.
[[nodiscard]] int signal() noexcept;

// The Error for it: "interrupted by SIGINT".
[[nodiscard]] tl::unexpected<Error> error();

// In a forked child: SIGTERM works again; SIGINT and SIGHUP, which a terminal sends to the child as
// well, are left to the parent, which then ends the child.
void leave_to_parent() noexcept;

}  // namespace ringbell::bench::interruption
