// What the streaming subcommands have in common on the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/command/stream/framing.hpp"

namespace ringbell::tools {

// 2 MiB: eight chunks of 256 KiB. Larger rings leave the second-level caches, smaller ones stall.
inline constexpr std::uint64_t kStreamCapacity = 2UL << 20;

struct StreamOptions {
  std::optional<Shape> shape;
  std::uint64_t count = UINT64_MAX;
  std::optional<std::chrono::duration<double>> wait;
  bool progress = false;
  bool raw = false;
};

// --bytes, --lines, --messages, --count, --wait, --progress, --raw.
void add_stream_options(CLI::App& command, StreamOptions& options, const std::string& wait_help);

// "--capacity SIZE", checked, with K, M and G.
CLI::Option* add_capacity(CLI::App& command, std::uint64_t& capacity_bytes);

}  // namespace ringbell::tools
