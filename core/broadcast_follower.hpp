// What the readers of lossless broadcast rings have in common (broadcast_lossless.hpp and
// many_lossless.hpp, which have the invariants and the edges): a cell that holds writers back, a
// place in the order that is told to them a little late, and how a reader joins.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_cells.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// Not thread-safe; move-only; the memory must outlive it. Leaves at its end.
template <AtomicsPolicy Atomics>
class BroadcastFollower : public Witness {
 public:
  BroadcastFollower(const BroadcastFollower&) = delete;
  BroadcastFollower& operator=(const BroadcastFollower&) = delete;

  // Gives the peeked message back: its bytes may be overwritten from now on. The writers learn of
  // it in steps, and when peek() next finds nothing. REQUIRES: a message was peeked.
  void release() noexcept {
    assert(peeked_);
    peeked_ = false;
    pass();
  }

  // Lets the writers have everything given back so far, without waiting for the next step.
  [[gnu::noinline]] void publish_position() noexcept {
    if (published_ == next_ || evicted_) return;
    evicted_ = !cell_.say(id_, next_, std::memory_order_release);  // F
    published_ = next_;
  }

  // Does not leave at its end, which must be next: for the copy that a child of fork() has.
  void forget() noexcept { cell_.forget(); }

  [[nodiscard]] ParticipantId id() const noexcept { return id_; }
  // Up to where the writers know that this one has read.
  [[nodiscard]] std::uint64_t published_position() const noexcept { return published_; }
  // Of the message that is due.
  [[nodiscard]] std::uint64_t position() const noexcept { return next_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }
  // Another participant took this reader for dead, and no writer waits for it any more. Found out
  // when the position is next published and when nothing was there: what was peeked since it last
  // was published may have been overwritten while it was read. Stays so; join anew.
  [[nodiscard]] bool evicted() const noexcept { return evicted_; }

 protected:
  BroadcastFollower(const BroadcastMemory& memory, ParticipantId id) noexcept
      : memory_(memory), at_(memory.slots), id_(id) {
    assert(id != 0 && memory.max_readers <= kMaxBroadcastReaders);
  }
  BroadcastFollower(BroadcastFollower&&) noexcept = default;
  BroadcastFollower& operator=(BroadcastFollower&&) noexcept = default;
  ~BroadcastFollower() = default;

  // The first position that no writer is allowed to overwrite; nothing if the limit is impossible.
  [[nodiscard]] std::optional<std::uint64_t> oldest() const noexcept {
    const std::uint64_t limit =
        Atomics::load(memory_.control->limit, std::memory_order_relaxed, kRelaxed);
    if (limit >= kMaxBroadcastPosition) return std::nullopt;
    return limit > at_.slot_count() ? limit - at_.slot_count() : 0;
  }

  // Takes a cell, and moves on from there to where no write that a writer has already allowed
  // itself can be. False: not now.
  [[nodiscard]] bool join_at(std::optional<std::uint64_t> position) noexcept {
    if (!position || !cell_.take(memory_, id_, *position)) return false;
    next_ = *position;
    for (int tries = 0; tries < kTries; ++tries) {
      Atomics::fence(std::memory_order_seq_cst, kJoin);
      const std::optional<std::uint64_t> first = oldest();
      if (!first) return false;
      published_ = next_;
      if (next_ >= *first) return true;
      next_ = *first;
      if (!cell_.say(id_, next_, std::memory_order_relaxed)) return false;
    }
    return false;
  }

  // Goes on by one position.
  void pass() noexcept {
    ++next_;
    if (next_ - published_ >= at_.step()) [[unlikely]]
      publish_position();
  }

  // Nothing was there: lets the writers have what was given back, or finds out whether they still
  // wait for this one. False: they do not, or it is corrupt().
  [[nodiscard]] bool keeps_its_cell() noexcept {
    if (evicted_ || corrupt()) return false;
    if (published_ != next_) {
      publish_position();
    } else {
      evicted_ = !cell_.is_ours();
    }
    return !evicted_;
  }

 private:
  using Cells = BroadcastCells<Atomics>;

  static constexpr Edge kJoin{"bcast.J"};
  static constexpr Edge kRelaxed{"bcast.R"};
  static constexpr int kTries = 4;  // the writers are held up from the first, so it needs three

 protected:
  BroadcastMemory memory_;
  BroadcastPlaces<std::byte> at_;
  typename Cells::Held cell_{};
  std::uint64_t next_ = 0;
  std::uint64_t published_ = 0;  // what the cell says
  bool peeked_ = false;
  bool evicted_ = false;
  ParticipantId id_;
};

}  // namespace ringbell::core
