// Calls out of turn on the two ends of a ring, after each of which messages must go through whole.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include <tests/support/message.hpp>

namespace ringbell::test {

inline constexpr std::uint32_t kBytes = 96;
inline constexpr std::chrono::seconds kLong{20};

using Buffer = std::array<std::byte, 4096>;

// A message that says that it has `bytes` bytes, which are not there to be read.
[[nodiscard]] inline std::span<const std::byte> said_to_have(std::size_t bytes) {
  static const std::byte first{};
  return {&first, bytes};
}
inline constexpr std::size_t kFourGiBAnd8 = (std::size_t{1} << 32) + 8;

template <class Pair>
struct OutOfTurn {
  const char* what;
  void (*call)(Pair&);
};

template <class Pair>
void goes_on(Pair& pair) {
  std::vector<std::byte> message(64);
  Buffer into{};
  for (std::uint64_t number = 0; number < 200; ++number) {
    message.resize(8 + number % 57);
    write_message(message, number);
    ASSERT_TRUE(pair.send(message)) << number;
    const std::size_t size = pair.receive(into);
    ASSERT_EQ(size, message.size()) << number;
    ASSERT_TRUE(is_message(std::span(into).first(size), number)) << number;
  }
}

// Each call on a pair of its own: at once, and after messages went through.
template <class Pair>
void expect_harmless(std::initializer_list<OutOfTurn<Pair>> calls) {
  for (const OutOfTurn<Pair>& each : calls) {
    SCOPED_TRACE(each.what);
    Pair pair;
    for (int turn = 0; turn < 2 && !::testing::Test::HasFatalFailure(); ++turn) {
      each.call(pair);
      goes_on(pair);
    }
  }
}

}  // namespace ringbell::test
