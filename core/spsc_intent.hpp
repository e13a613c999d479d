// What a writer of an SpscRing that tags its batches leaves behind, should it die: the tag of the
// last batch, and whether that one became visible. A writer that reads elsewhere resumes from it.
//
//   position   61 bits of where the batch begins, or of a marker | turn, 3 bits
//   tag        61 bits of the user's tag                         | turn, 3 bits
//
// Invariants
//   T1  Both words are stored before the header that makes the batch visible, which is a release
//       store: a successor that finds the batch finds its tag.
//   T2  The turn goes 1, 2 ... 7, 1: each batch has the next one. So words of two batches are told
//       apart, in whichever order they became visible: the newer word is of a batch that did not
//       become visible, the older one of a batch that did.
//   T3  A writer settles what its predecessor left before it makes anything visible: whether the
//       batch at that position is the tagged one could not be told afterwards.
// Progress: every call is wait-free.
#pragma once

#include <cstdint>
#include <optional>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>

namespace ringbell::core {

// The last batch that was tagged.
struct LastTag {
  std::uint64_t tag;
  bool visible;  // its records are in the ring, or were

  friend constexpr bool operator==(const LastTag&, const LastTag&) = default;
};

// The largest tag, and one more than there are.
inline constexpr std::uint64_t kTagBits = 61;
inline constexpr std::uint64_t kTagLimit = std::uint64_t{1} << kTagBits;

template <AtomicsPolicy Atomics = HardwareAtomics>
class SpscIntent {
 public:
  explicit SpscIntent(WriterIntent& words) noexcept : words_(words) {}

  // `tail`: where the ring's visible records end. Nothing: no batch was ever tagged.
  [[nodiscard]] std::optional<LastTag> last(std::uint64_t tail) const noexcept {
    const std::uint64_t position = load(words_.position);
    const std::uint64_t tag = load(words_.tag);
    if (turn_of(tag) == 0) return std::nullopt;
    const LastTag found{tag >> kTurnBits, false};
    if (turn_of(position) == turn_of(tag)) {
      const std::uint64_t place = position & ~kTurn;
      return LastTag{found.tag, place != kNotVisible && place != tail};
    }
    return LastTag{found.tag, turn_of(position) == next(turn_of(tag))};  // T2
  }

  // T3. REQUIRES: `tail` as last(); nothing was made visible by this writer.
  void settle(std::uint64_t tail) noexcept {
    const std::optional<LastTag> found = last(tail);
    if (!found) return;
    store(words_.position, (found->visible ? kVisible : kNotVisible) | turn_of(load(words_.tag)));
  }

  // T1. REQUIRES: tag < kTagLimit; settled.
  void announce(std::uint64_t position, std::uint64_t tag) noexcept {
    const std::uint64_t turn = next(turn_of(load(words_.tag)));
    store(words_.tag, tag << kTurnBits | turn);
    store(words_.position, position | turn);
  }

 private:
  static constexpr unsigned kTurnBits = 3;
  static constexpr std::uint64_t kTurn = (std::uint64_t{1} << kTurnBits) - 1;
  // In place of a position, which is far from there.
  static constexpr std::uint64_t kNotVisible = ~kTurn;
  static constexpr std::uint64_t kVisible = kNotVisible - kTurn - 1;
  // Ordered by the header's release store alone (T1), and by the role's lock between two writers.
  static constexpr Edge kIntent{"spsc.R"};

  [[nodiscard]] static constexpr std::uint64_t turn_of(std::uint64_t word) noexcept {
    return word & kTurn;
  }
  [[nodiscard]] static constexpr std::uint64_t next(std::uint64_t turn) noexcept {
    return turn % kTurn + 1;
  }
  [[nodiscard]] static std::uint64_t load(const std::uint64_t& word) noexcept {
    return Atomics::load(word, std::memory_order_relaxed, kIntent);
  }
  static void store(std::uint64_t& word, std::uint64_t value) noexcept {
    Atomics::store(word, value, std::memory_order_relaxed, kIntent);
  }

  WriterIntent& words_;
};

}  // namespace ringbell::core
