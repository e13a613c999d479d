// read(2) and writev(2), as streams need them: interruptible, and without a buffer of their own.
#pragma once

#include <cstddef>
#include <span>

#include <sys/uio.h>

#include "tools/command/failure.hpp"
#include "tools/command/stream/meter.hpp"

namespace ringbell::tools {

// What the kernel has, at most all of `into`; 0: the end. While nothing comes the meter ticks.
[[nodiscard]] Tried<std::size_t> read_some(int fd, std::span<std::byte> into, Meter& meter);

// All of it; the pieces are used up. A closed pipe fails with the status of SIGPIPE and no message:
// the program that stopped reading knows it.
[[nodiscard]] Tried<void> write_all(int fd, std::span<iovec> pieces, Meter& meter);

// Pipes that hold more need fewer switches; a pipe that refuses stays as it is.
void enlarge_if_pipe(int fd) noexcept;

// How many bytes a regular file has from its offset on; kUnknownSize for anything else.
[[nodiscard]] std::uint64_t bytes_to_come(int fd) noexcept;

}  // namespace ringbell::tools
