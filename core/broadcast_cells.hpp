// The cells of a BroadcastLossless ring (broadcast_lossless.hpp) and of a ManyLossless one
// (many_lossless.hpp): each names a reader and says how far that reader is.
//
//   free -> (id, position) -> (id, later position) ... -> free
//           joins             gives back                  leaves, or is evicted
//
// Invariants
//   I1  A cell names its reader from the instant that it is not free: a reader that dies while it
//       joins can be found.
//   I2  A cell is changed by compare-exchange only. So its reader finds out that it was evicted;
//       and as read-modify-writes continue a release sequence, an acquire of any of its values has
//       all that any reader released there before.
// Edges
//   F   free: a reader gives back, or leaves -> a writer's look at the cells. Joining gives nothing
//       back and is relaxed.
//   E   evict: a participant frees a dead reader's cell -> the same look: what the dead reader did.
//       A writer that is the only one needs no edge when it evicts: it is ordered with itself.
//   R   relaxed: looks before a compare-exchange, and the reader's own look.
// Progress: wait-free.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics>
class BroadcastCells {
 public:
  class Held;

  // How many readers there are of which `counts(id)`; one that is joining may be among them. Such a
  // one sees all that is committed after that.
  template <class Counts>
  [[nodiscard]] static std::uint32_t count(const BroadcastMemory& memory, Counts&& counts) {
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
      const BroadcastCellState cell(
          Atomics::load(memory.control->readers[i].state, std::memory_order_relaxed, kRelaxed));
      if (cell.owner() != 0 && counts(cell.owner())) ++found;
    }
    return found;
  }

  // How far the slowest reader is behind this position, as the cells say: at most the slot count.
  [[nodiscard]] static std::uint64_t most_behind(const BroadcastMemory& memory,
                                                 std::uint64_t position) noexcept {
    std::int64_t most = 0;
    for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
      const BroadcastCellState cell(
          Atomics::load(memory.control->readers[i].state, std::memory_order_relaxed, kRelaxed));
      if (cell.owner() != 0) most = std::max(most, cell.behind(position));
    }
    return std::min(static_cast<std::uint64_t>(most), memory.slots.slot_count);
  }

  // The slowest reader, as a writer must know it before it overwrites: what that reader gave back
  // was read before this returns (F). `ahead(word)` is told of each cell that is ahead of this
  // position.
  struct Slowest {
    std::uint64_t behind = 0;  // the slot count or more: there is no room for the position
    ParticipantId reader = 0;  // 0: there is none
  };
  template <class Ahead>
  [[nodiscard]] static Slowest slowest(const BroadcastMemory& memory, std::uint64_t position,
                                       Ahead&& ahead) noexcept {
    Slowest found;
    for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
      const BroadcastCellState cell(
          Atomics::load(memory.control->readers[i].state, std::memory_order_acquire, kFree));
      if (cell.owner() == 0) continue;
      const std::int64_t behind = cell.behind(position);
      if (behind < 0) ahead(cell.word());
      if (behind < static_cast<std::int64_t>(found.behind)) continue;
      found = {static_cast<std::uint64_t>(behind), cell.owner()};
    }
    return found;
  }
  // Up to where a writer at this position may write (I1 of the rings): `position` itself if the
  // slowest reader is a whole ring behind, or further, which is joining or died at that.
  [[nodiscard]] static std::uint64_t limit(const BroadcastMemory& memory, std::uint64_t position,
                                           const Slowest& slowest) noexcept {
    const std::uint64_t slots = memory.slots.slot_count;
    return slowest.behind >= slots ? position : position + (slots - slowest.behind);
  }

  // Frees the cells of dead readers. Returns how many.
  template <class IsDead>
  static std::uint32_t evict(const BroadcastMemory& memory, IsDead&& is_dead,
                             std::memory_order order) noexcept {
    std::uint32_t evicted = 0;
    for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
      std::uint64_t& cell = memory.control->readers[i].state;
      std::uint64_t word = Atomics::load(cell, std::memory_order_relaxed, kRelaxed);
      const ParticipantId owner = BroadcastCellState(word).owner();
      if (owner == 0 || !is_dead(owner)) continue;
      // It fails if another participant has evicted it, or if it was not dead after all.
      if (Atomics::compare_exchange(cell, word, std::uint64_t{0}, order, std::memory_order_relaxed,
                                    kEvict)) {
        ++evicted;
      }
    }
    return evicted;
  }

 private:
  static constexpr Edge kFree{"bcast.F"};
  static constexpr Edge kEvict{"bcast.E"};
  static constexpr Edge kRelaxed{"bcast.R"};
};

// A reader's hold on its cell. Frees it at its end.
template <AtomicsPolicy Atomics>
class BroadcastCells<Atomics>::Held {
 public:
  Held() = default;
  Held(Held&& other) noexcept : word_(std::exchange(other.word_, nullptr)), state_(other.state_) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(word_, other.word_);
    std::swap(state_, other.state_);
    return *this;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (word_ != nullptr) change(0, std::memory_order_release);  // F
  }

  // False: there is no free one.
  [[nodiscard]] bool take(const BroadcastMemory& memory, ParticipantId id,
                          std::uint64_t position) noexcept {
    for (std::uint32_t i = 0; i < memory.max_readers; ++i) {
      word_ = &memory.control->readers[i].state;
      state_ = Atomics::load(*word_, std::memory_order_relaxed, kRelaxed);
      if (state_ == 0 && say(id, position, std::memory_order_relaxed)) return true;
    }
    word_ = nullptr;
    return false;
  }
  // False: it is another's, its reader was evicted. With release, what was read is given back (F).
  [[nodiscard]] bool say(ParticipantId id, std::uint64_t position,
                         std::memory_order order) noexcept {
    return change(BroadcastCellState(id, position).word(), order);
  }
  // Frees nothing at its end.
  void forget() noexcept { word_ = nullptr; }
  [[nodiscard]] bool is_ours() const noexcept {
    return Atomics::load(*word_, std::memory_order_relaxed, kRelaxed) == state_;
  }

 private:
  bool change(std::uint64_t to, std::memory_order order) noexcept {
    std::uint64_t from = state_;
    if (!Atomics::compare_exchange(*word_, from, to, order, std::memory_order_relaxed, kFree)) {
      return false;
    }
    state_ = to;
    return true;
  }

  std::uint64_t* word_ = nullptr;
  std::uint64_t state_ = 0;
};

}  // namespace ringbell::core
