// From the ring into a file or a pipe.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/stream_reader.hpp"

namespace ringbell::tools {

struct PumpOut {
  int fd = -1;
  std::optional<Shape> shape;        // nothing: as it was sent
  std::uint64_t count = UINT64_MAX;  // of messages; of a stream of bytes: of bytes
};

// Receives a stream to its end, or up to `count`. What is in the ring is written from where it
// stands, many records with one writev(2). False: the sender is gone, and no stream had begun.
[[nodiscard]] Tried<bool> pump_out(StreamReader& from, const PumpOut& into, Meter& meter);

}  // namespace ringbell::tools
