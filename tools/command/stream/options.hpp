// What the streaming subcommands have in common on the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/command/command.hpp"
#include "tools/command/stream/framing.hpp"

namespace ringbell::tools {

// 2 MiB: eight chunks of 256 KiB. Larger rings leave the second-level caches, smaller ones stall.
inline constexpr std::uint64_t kStreamCapacity = 2UL << 20;

struct StreamOptions {
  std::optional<Shape> shape;
  std::uint64_t count = UINT64_MAX;
  std::optional<double> wait_s;
  bool progress = false;
  bool raw = false;

  [[nodiscard]] std::optional<std::chrono::duration<double>> wait() const noexcept {
    if (!wait_s) return std::nullopt;
    return std::chrono::duration<double>(*wait_s);
  }
};

// --bytes, --lines, --messages, --count, --wait, --progress, --raw.
void add_stream_options(Command command, StreamOptions& options, const std::string& wait_help);

// "--capacity SIZE", checked, with K, M and G.
void add_capacity(Command command, std::uint64_t& capacity_bytes);

}  // namespace ringbell::tools
