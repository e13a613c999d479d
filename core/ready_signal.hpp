// What tells the side that looks at many lanes that one of them has something: ready_lanes.hpp has
// the protocol.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>

namespace ringbell::core {

inline constexpr Edge kReadyHint{"ready.H"};

inline constexpr std::uint32_t kLanesInReadyWord = 64;

// The word that has the lane's bit, and the bit.
[[nodiscard]] inline std::uint64_t& ready_word(ReadyControl& control, std::uint32_t lane) noexcept {
  return control.ready[lane / kLanesInReadyWord].bits;
}
[[nodiscard]] constexpr std::uint64_t ready_bit(std::uint32_t lane) noexcept {
  return std::uint64_t{1} << (lane % kLanesInReadyWord);
}

// What a writer does after it has published something in its lane.
template <AtomicsPolicy Atomics>
class ReadySignal {
 public:
  ReadySignal(ReadyControl& control, const std::uint64_t& quiet, std::uint32_t lane) noexcept
      : quiet_(&quiet), ready_(&ready_word(control, lane)), bit_(ready_bit(lane)) {}

  [[gnu::always_inline]] void operator()() const noexcept {
    Atomics::compiler_fence();  // not before the publishing, where that costs nothing
    if (Atomics::load(*quiet_, std::memory_order_relaxed, kReadyHint) != 0) [[unlikely]]
      set_bit();
  }

 private:
  [[gnu::noinline]] void set_bit() const noexcept {
    if ((Atomics::load(*ready_, std::memory_order_relaxed, kReadyHint) & bit_) != 0) return;
    Atomics::fetch_or(*ready_, bit_, std::memory_order_relaxed, kReadyHint);
  }

  const std::uint64_t* quiet_;
  std::uint64_t* ready_;
  std::uint64_t bit_;
};

}  // namespace ringbell::core
