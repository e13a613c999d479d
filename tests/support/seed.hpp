// The seed of a random test: another one each run, printed with every failure, and given again by
// RINGBELL_SEED=… to see the same run.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace ringbell::test {

[[nodiscard]] inline std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    if (const char* const given = std::getenv("RINGBELL_SEED")) {
      std::uint64_t value = 0;
      std::from_chars(given, given + std::strlen(given), value);
      return value;
    }
    return std::uint64_t{std::random_device{}()};
  }();
  return chosen;
}

// Declare one at the top of a random test.
class PrintedSeed {
 public:
  PrintedSeed() : trace_(__FILE__, __LINE__, "RINGBELL_SEED=" + std::to_string(seed())) {
    ::testing::Test::RecordProperty("seed", std::to_string(seed()));
    std::printf("RINGBELL_SEED=%llu\n", static_cast<unsigned long long>(seed()));
    std::fflush(stdout);
  }

 private:
  ::testing::ScopedTrace trace_;
};

// SplitMix64 (Steele, Lea and Flood, 2014): a stateless mixer, so that any message's size and bytes
// follow from its number alone.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// A generator for decisions; cheap enough for a stress loop.
class Dice {
 public:
  explicit Dice(std::uint64_t start) noexcept : state_(start) {}
  // 0 … below - 1.
  [[nodiscard]] std::uint64_t roll(std::uint64_t below) noexcept { return mix(state_++) % below; }

 private:
  std::uint64_t state_;
};

}  // namespace ringbell::test
