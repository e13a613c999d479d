// From a file or a pipe into the ring.
#pragma once

#include <cstdint>

#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/stream_writer.hpp"

namespace ringbell::tools {

struct PumpIn {
  int fd = -1;
  Shape shape = Shape::bytes;
  std::uint64_t count = UINT64_MAX;  // of messages; of a stream of bytes: of bytes
};

// Begins the stream, sends all that comes, up to `count`, and ends it. Bytes are read(2) straight
// into claimed ring space. Lines and messages, which need to be looked at, go through a buffer, and
// what came with one read is shown to the receiver at once.
[[nodiscard]] Tried<void> pump_in(const PumpIn& from, StreamWriter& into, Meter& meter);

}  // namespace ringbell::tools
