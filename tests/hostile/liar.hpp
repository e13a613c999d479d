// The lying peer: stores garbage into the words of a ring, random and chosen.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tests/hostile/choices.hpp>

namespace ringbell::hostile {

// Words that mean something: the first of each `stride` bytes.
struct Target {
  std::byte* data;
  std::size_t bytes;
  std::size_t stride = sizeof(std::uint64_t);
};

// What the words of a ring turn around: sizes, counts, the length of a lap in its counters.
using Landmarks = std::vector<std::uint64_t>;

// A value that a hostile peer might choose where `truth` stands: near it, far from it, or at a
// boundary.
[[nodiscard]] inline std::uint64_t lie_about(std::uint64_t truth, const Landmarks& landmarks,
                                             Choices& choices) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << choices.roll(64);
  const std::uint64_t mark = landmarks[choices.roll(landmarks.size())];
  switch (choices.roll(11)) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0} >> (choices.one_in(2) ? 0 : choices.roll(64));
    case 2:
      return truth ^ bit;
    case 3:
      return bit + choices.roll(3) - 1;
    case 4:
      return mark + choices.roll(3) - 1;
    case 5:  // laps ago, or ahead
      return truth + mark * (choices.roll(9) - 4);
    case 6:
      return truth + (bit - 2 * choices.roll(2) * bit);
    case 7:
      return truth + choices.roll(33) - 16;
    case 8:  // a header that keeps its stamp
      return (truth >> 32U << 32U) | static_cast<std::uint32_t>(mark + choices.roll(33) - 16);
    case 9:  // sign bits
      return truth ^ 0x8000'0000'8000'0000;
    default:
      return choices.word() >> (choices.one_in(2) ? 0 : choices.roll(64));
  }
}

// A hostile peer: it stores garbage at the targets.
class Liar {
 public:
  Liar(std::vector<Target> targets, Landmarks landmarks)
      : targets_(std::move(targets)), landmarks_(std::move(landmarks)) {}

  // One store, or a lie and the truth again. Returns the number of garbage stores.
  std::uint64_t strike(Choices& choices) noexcept {
    const Target& target = targets_[choices.roll(targets_.size())];
    const std::size_t words = (target.bytes + target.stride - 1) / target.stride;
    std::byte* const at = target.data + choices.roll(words) * target.stride;
    if (choices.one_in(8)) return strike_half(at + 4 * choices.roll(2), choices);
    auto& word = *reinterpret_cast<std::uint64_t*>(at);
    const std::atomic_ref<std::uint64_t> shared(word);
    const std::uint64_t truth = shared.load(std::memory_order_relaxed);
    // What stood here when last it was struck, and what stands in another record now.
    std::uint64_t& before = remembered_[reinterpret_cast<std::uintptr_t>(at) / 8 % kRemembered];
    std::uint64_t lie = std::exchange(before, truth);
    if (choices.one_in(4)) {
      auto& other =
          *reinterpret_cast<std::uint64_t*>(target.data + choices.roll(words) * target.stride);
      lie = std::atomic_ref<std::uint64_t>(other).load(std::memory_order_relaxed);
    } else if (!choices.one_in(4)) {
      lie = lie_about(truth, landmarks_, choices);
    }
    shared.store(lie, std::memory_order_relaxed);
    if (choices.one_in(2)) shared.store(truth, std::memory_order_release);
    return 1;
  }

  [[nodiscard]] const Landmarks& landmarks() const noexcept { return landmarks_; }

 private:
  static constexpr std::size_t kRemembered = 1024;

  std::uint64_t strike_half(std::byte* at, Choices& choices) noexcept {
    const std::atomic_ref<std::uint32_t> shared(*reinterpret_cast<std::uint32_t*>(at));
    const std::uint32_t truth = shared.load(std::memory_order_relaxed);
    shared.store(static_cast<std::uint32_t>(lie_about(truth, landmarks_, choices)),
                 std::memory_order_relaxed);
    if (choices.one_in(2)) shared.store(truth, std::memory_order_release);
    return 1;
  }

  std::vector<Target> targets_;
  Landmarks landmarks_;
  std::array<std::uint64_t, kRemembered> remembered_{};
};

}  // namespace ringbell::hostile
