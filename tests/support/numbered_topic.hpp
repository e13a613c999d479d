// Receives of numbered messages from a topic.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <gtest/gtest.h>

#include <ringbell/transport/ends/topic.hpp>

#include <tests/support/message.hpp>

namespace ringbell::test {

// The number of the next message, of at least 8 bytes; nothing: none came within the time.
inline Result<std::optional<std::uint64_t>> receive(Subscriber& subscriber,
                                                    Timeout timeout = std::chrono::seconds(20)) {
  std::array<std::byte, 128> bytes{};
  const auto size = subscriber.receive(bytes, timeout);
  if (!size) return tl::unexpected(size.error());
  if (!*size) return std::nullopt;
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  EXPECT_TRUE(is_message(std::span(bytes).first(**size), number));
  return number;
}

}  // namespace ringbell::test
