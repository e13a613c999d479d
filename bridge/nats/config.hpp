// The pairs of a bridge, from a TOML file.
//
//   server = "nats://127.0.0.1:4222"     # and credentials, ca, metrics
//
//   [[out]]                              # from a ring to a subject
//   ring = "orders"
//   subject = "orders"
//   durable = true                       # stream, store, linger, overflow, keep
//
//   [[in]]                               # from a subject to a ring
//   ring = "orders"
//   subject = "orders"
//   as = "channel"                       # capacity; messages, message_bytes; durable, purge, ...
//
//   [[service]]                          # calls of a subject to the server of a ring, or
//   ring = "calc"                        # direction = "out", clients, message_bytes: of the ring's
//   subject = "calc"                     # clients to the subject; timeout
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/pairs.hpp"

namespace ringbell::bridge {

struct Config {
  std::vector<Pair> pairs;
  std::string metrics;  // a file for the counters; empty: none
};

// Errors: invalid_argument, with the line of what is wrong; system, if it cannot be read;
// unsupported, if ringbell was built without toml++.
[[nodiscard]] Result<Config> read_config(const std::string& path);

// "200us", "1ms", "2s". Nothing: it is no duration.
[[nodiscard]] std::optional<std::chrono::nanoseconds> duration_of(std::string_view text);
// "4096", "64K", "2M", "1G". Nothing: it is no size.
[[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view text);
// "channel", "queue", "topic", "lossy-topic", "collector". Nothing: it is none.
[[nodiscard]] std::optional<core::RingKind> kind_named(std::string_view text);
// "block", "drop-oldest", "spill:FOLDER". Nothing: it is none.
struct OverflowWish {
  Overflow how = Overflow::block;
  std::string folder;
};
[[nodiscard]] std::optional<OverflowWish> overflow_named(std::string_view text);

// The ring that a bridge makes.
struct RingWish {
  core::RingKind kind = core::RingKind::spsc;
  std::uint64_t capacity_bytes = 1UL << 20;  // of a channel, or a collector's lane
  std::uint64_t messages = 1024;             // of a queue or a topic
  std::uint32_t clients = 16;                // of a service
  std::uint32_t message_bytes = 4096;        // of these, the largest
};
[[nodiscard]] core::RingShape shape_of(const RingWish& wish);

}  // namespace ringbell::bridge
