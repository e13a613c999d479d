// The target of a ring: the first bytes choose the side, then the ring's size; then comes what
// stands in its control lines and data; the rest decides what its sides and a hostile peer do.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <tuple>
#include <vector>

#include <tests/fuzz/target.hpp>
#include <tests/hostile/pairs.hpp>
#include <tests/hostile/run_with_lies.hpp>

namespace ringbell::fuzz {

inline constexpr int kMostSteps = 200;
inline constexpr std::size_t kMostStateBytes = 8192;

// Tests of one ring: its sides as victims.
template <class... Pairs>
class RingTarget {
 public:
  static void run(std::span<const std::uint8_t> input) {
    hostile::Choices choices(input);
    const std::uint64_t side = choices.roll(sizeof...(Pairs));
    std::uint64_t number = 0;
    (void)((number++ == side && (run_as<Pairs>(choices), true)) || ...);
  }

  [[nodiscard]] static std::vector<Input> seeds() {
    std::vector<Input> inputs;
    std::uint8_t side = 0;
    (..., add_seeds<Pairs>(side++, inputs));
    return inputs;
  }

 private:
  using Areas = std::vector<std::span<std::byte>>;

  template <class P>
  static void run_as(hostile::Choices& choices) {
    const typename P::Room room(choices);
    const std::size_t bytes = choices.roll(0x1'0000);
    fill(room.everything(), choices.take(std::min(bytes, kMostStateBytes)));
    hostile::Tally tally;
    hostile::run_with_lies<P>(room, choices, kMostSteps, tally);
    test::WatchedAtomics::watch() = {};
  }

  static void fill(const Areas& areas, std::span<const std::uint8_t> bytes) {
    for (const std::span<std::byte> area : areas) {
      const std::size_t count = std::min(area.size(), bytes.size());
      if (count > 0) std::memcpy(area.data(), bytes.data(), count);
      bytes = bytes.subspan(count);
    }
  }

  // Rings of some sizes after honest work of some length, and decisions for what comes then.
  template <class P>
  static void add_seeds(std::uint8_t side, std::vector<Input>& inputs) {
    for (std::uint64_t number = 0; number < 6; ++number) {
      hostile::Choices random(test::mix(100 * side + number));
      Input prefix(32);
      for (std::uint8_t& byte : prefix) byte = static_cast<std::uint8_t>(random.word());
      hostile::Choices choices(prefix);
      const typename P::Room room(choices);
      prefix.resize(prefix.size() - choices.take(prefix.size()).size());

      typename P::template Victim<core::HardwareAtomics> one(room, random);
      typename P::Peer other(room, random);
      hostile::Tally tally;
      for (std::uint64_t steps = 40 * number; steps > 0; --steps) {
        one.step(random, tally);
        other.step(random, tally);
      }
      Input state;
      for (const std::span<std::byte> area : room.everything()) {
        const auto* const first = reinterpret_cast<const std::uint8_t*>(area.data());
        state.insert(state.end(), first, first + area.size());
      }
      state.resize(std::min(state.size(), kMostStateBytes));

      Input input{side};
      input.insert(input.end(), prefix.begin(), prefix.end());
      input.push_back(static_cast<std::uint8_t>(state.size() >> 8U));
      input.push_back(static_cast<std::uint8_t>(state.size()));
      input.insert(input.end(), state.begin(), state.end());
      for (int i = 0; i < 300; ++i) input.push_back(static_cast<std::uint8_t>(random.word()));
      inputs.push_back(std::move(input));
    }
  }
};

}  // namespace ringbell::fuzz

#define RINGBELL_RING_TARGET(...)                                                     \
  std::vector<ringbell::fuzz::Input> ringbell::fuzz::seeds() {                        \
    return ringbell::fuzz::RingTarget<__VA_ARGS__>::seeds();                          \
  }                                                                                   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    ringbell::fuzz::RingTarget<__VA_ARGS__>::run(std::span(data, size));              \
    return 0;                                                                         \
  }
