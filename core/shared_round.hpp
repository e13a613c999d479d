// Which participant is next asked after, where several ask after many: together they come round
// once in a time, however many ask. A question is a system call, so what each costs must not grow
// with their number.
//
//   63                       16 15        0
//   | paid for, up to this time | next     |
//
// Numbers are asked after in turn, and each pays for its part of a round: with n of them it moves
// the time on by an n-th of the round. So the time between the word's and now tells how many
// numbers are due: an end that comes by takes those, or as many of them as it has time for, and
// asks. What it leaves is the next end's.
//
// Invariants
//   I1  When an end has taken all that was due, each number was taken within the last round.
//   I2  In m rounds ends of one round take each number at most m + 2 times, however many they are.
//   I3  A number that was taken is asked after by the end that took it, unless that end dies or
//       stops: then it is asked after a round later.
//   I4  A word that is new, or that this clock cannot have made (from before a boot, from another
//       time namespace, from a hostile peer), or an end with a longer round, makes all due. Only a
//       peer that stores there all the time keeps questions from being asked.
// Edges
//   T   relaxed: the word says when to ask, and nothing is read by what it says.
// Progress: wait-free.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

#include <ringbell/core/atomics.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class SharedRound {
 public:
  // How many numbers are due, and the first of them; behind the last number comes 0.
  struct Due {
    std::uint32_t first;
    std::uint32_t count;
    std::uint64_t seen;  // what the word said
    std::uint64_t paid;  // units, up to which all before `first` have paid
  };

  // `word` is 0 when it is new. `round_ns` may differ from end to end: each sees to it that no
  // number is left for longer than its own. REQUIRES: 0 < numbers <= 2^16; 2^10 <= round_ns < 2^52.
  SharedRound(std::uint64_t& word, std::uint32_t numbers, std::uint64_t round_ns) noexcept
      : word_(word), numbers_(numbers), round_(round_ns >> kUnitShift) {
    assert(numbers > 0 && numbers <= kNextMask + 1);
    assert(round_ns >= kFewestNs && round_ns < kMostNs);
  }

  // `now_ns` is of a clock that all ends share and that is never set.
  [[nodiscard]] Due due(std::uint64_t now_ns) const noexcept {
    const std::uint64_t seen = Atomics::load(word_, std::memory_order_relaxed, kTurn);
    const std::uint64_t now = now_ns >> kUnitShift;
    // Of 48 bits, which wrap around.
    const std::int64_t since =
        static_cast<std::int64_t>((now << kNextBits) - (seen & ~kNextMask)) >> kNextBits;
    // Ahead by less if another end took some while this one went from its clock to the word.
    const auto part = static_cast<std::int64_t>(round_ / numbers_) + 1;
    const std::uint64_t next = seen & kNextMask;
    Due found{.first = next < numbers_ ? static_cast<std::uint32_t>(next) : 0,
              .count = numbers_,
              .seen = seen,
              .paid = now - round_};                                                // I2
    if (seen == 0) return found;                                                    // I4
    if (since < -part || since >= static_cast<std::int64_t>(round_)) return found;  // I4
    const std::uint64_t owed = static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
    found.count = static_cast<std::uint32_t>(owed * numbers_ / round_);  // I1
    found.paid = now - static_cast<std::uint64_t>(since);
    return found;
  }

  // Takes the first `count` of them: ask after these. False: another end was faster, look again.
  // REQUIRES: 0 < count <= due.count.
  [[nodiscard]] bool take(const Due& due, std::uint32_t count) noexcept {
    assert(count > 0 && count <= due.count);
    const std::uint64_t paid = due.paid + (round_ * count + numbers_ - 1) / numbers_;
    const std::uint64_t next = (due.first + count) % numbers_;
    std::uint64_t seen = due.seen;
    return Atomics::compare_exchange(word_, seen, paid << kNextBits | next,
                                     std::memory_order_relaxed, std::memory_order_relaxed, kTurn);
  }

 private:
  static constexpr unsigned kNextBits = 16;
  static constexpr std::uint64_t kNextMask = (1U << kNextBits) - 1;
  static constexpr unsigned kUnitShift = 6;  // units of 64 ns: 48 bits of them are half a year
  static constexpr std::uint64_t kFewestNs = 1U << 10U;
  static constexpr std::uint64_t kMostNs = std::uint64_t{1} << 52U;

  static constexpr Edge kTurn{"round.T"};

  std::uint64_t& word_;
  std::uint32_t numbers_;
  std::uint64_t round_;  // units
};

}  // namespace ringbell::core
