// What the streaming subcommands have in common on the command line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace ringbell::tools {

// 2 MiB: eight chunks of 256 KiB. Larger rings leave the second-level caches, smaller ones stall.
inline constexpr std::uint64_t kStreamCapacity = 2UL << 20;

// "--capacity SIZE", checked, with K, M and G.
CLI::Option* add_capacity(CLI::App& command, std::uint64_t& capacity_bytes);

}  // namespace ringbell::tools
