// What a reader of a lossy broadcast ring receives: numbered messages, each at its position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <tests/support/message.hpp>

namespace ringbell::test {

// Receives one message and checks every byte.
template <class Reader>
void expect(Reader& reader, std::uint64_t number) {
  std::vector<std::byte> message(reader.message_bytes());
  ASSERT_TRUE(reader.receive(message)) << "nothing where " << number << " was due";
  EXPECT_TRUE(is_message(message, number)) << number;
  EXPECT_EQ(reader.position(), number + 1);
}
template <class Reader>
[[nodiscard]] bool is_empty(Reader& reader) {
  std::vector<std::byte> message(reader.message_bytes());
  return !reader.receive(message);
}

}  // namespace ringbell::test
