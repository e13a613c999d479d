// Where the decisions of a hostile run come from: a seed, or the bytes that a fuzzer made up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tests/support/seed.hpp>

namespace ringbell::hostile {

class Choices {
 public:
  // As many as are wanted.
  explicit Choices(std::uint64_t seed) noexcept : state_(seed) {}
  // Those that the bytes have; 0 from then on. The bytes must outlive it.
  explicit Choices(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes), fuzzed_(true) {}

  // 0 ... below - 1. REQUIRES: below > 0.
  [[nodiscard]] std::uint64_t roll(std::uint64_t below) noexcept {
    const int bytes = below <= 0x100 ? 1 : below <= 0x1'0000 ? 2 : 8;
    return (fuzzed_ ? next(bytes) : test::mix(state_++)) % below;
  }
  [[nodiscard]] std::uint64_t word() noexcept { return fuzzed_ ? next(8) : test::mix(state_++); }
  [[nodiscard]] bool one_in(std::uint64_t times) noexcept { return roll(times) == 0; }

  // No more bytes.
  [[nodiscard]] bool ended() const noexcept { return fuzzed_ && bytes_.empty(); }

  // Takes that many bytes out, or as many as there are.
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t count) noexcept {
    const auto taken = bytes_.first(count < bytes_.size() ? count : bytes_.size());
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  [[nodiscard]] std::uint64_t next(int count) noexcept {
    std::uint64_t value = 0;
    for (; count > 0 && !bytes_.empty(); --count) {
      value = value << 8U | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }

  std::uint64_t state_ = 0;
  std::span<const std::uint8_t> bytes_;
  bool fuzzed_ = false;
};

}  // namespace ringbell::hostile
