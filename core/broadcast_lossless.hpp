// One writer, many readers, each sees every message from where it joined; the writer waits for the
// slowest of them. Messages of one size, written and read in place.
//
//   control lines                               slots, a power of two of them
//   +-------+--------+--------+-----+--------+  +----------+---------+----------+---------+---
//   | limit | reader | reader | ... | reader |  | sequence | payload | sequence | payload | ..
//   +-------+--------+--------+-----+--------+  +----------+---------+----------+---------+---
//   writer   each a reader's: id, position
//
// Position p is slot p modulo the slot count; a slot's sequence says which position it holds
// (broadcast_memory.hpp) and is all that a reader polls. A reader has a cell, which names it from
// the first instant and says how far it is, a little late. The writer reads the cells only when it
// comes to its limit, an eighth of the ring further each time.
//
// Invariants
//   I1  [p, p + slot count) belongs to the reader whose cell says p: the writer writes no position
//       at or behind the end of it. The limit that it goes by is never further.
//   I2  A reader reads only after it has found its position to be at or behind the published limit
//       minus the slot count. See edge J.
//   I3  A cell is changed by compare-exchange only: broadcast_cells.hpp.
//   I4  The role of the writer finds its position in the sequences, and trusts no cell or limit
//       before its own first look.
//   I5  A word from shared memory selects nothing but which slot of the ring is looked at next; a
//       call looks at a bounded number of them. What is impossible makes the handle corrupt() for
//       good.
// Edges
//   P   publish: commit() stores a sequence -> peek() loads it: the payload is written before it is
//       read.
//   F   free: a reader gives back, or leaves -> the writer's look at the cells: the payload is read
//       before it is overwritten.
//   E   evict: a participant frees a dead reader's cell -> the same look: what the dead reader read
//       was read before. The writer needs no edge when it evicts: it is ordered with itself.
//   J   join: the writer stores the limit, fences, reads the cells; a reader stores its cell,
//       fences, reads the limit (broadcast_follower.hpp). Both fences are seq_cst: at least one
//       sees the other's store. So either the writer keeps to the cell, or the reader moves on to
//       where it is safe (Dekker). Neither fence is where messages pass.
//   R   relaxed: first guesses at what is read again, and words that one side alone stores.
// Progress: every call but join() is wait-free; so is that, with any number of tries to give up
// after.
// Death: a reader's cell holds the writer up until evict() has been told that it is dead, whether
// it died joining, reading or leaving. A writer's uncommitted claim was never visible; the next
// writer claims the same position.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_cells.hpp>
#include <ringbell/core/broadcast_follower.hpp>
#include <ringbell/core/broadcast_memory.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class BroadcastLossless {
 public:
  class Writer;
  class Reader;

  // Frees the cells of dead readers: `is_dead(id)` is asked about the owners of cells, or about any
  // id that a hostile peer stored there. Returns how many. Any participant may call it at any time;
  // the writer has its own. REQUIRES: what the dead reader did happened before is_dead() said so;
  // its id goes to no other participant while an evict() is under way that may have been told of
  // its death.
  template <class IsDead>
  static std::uint32_t evict(const BroadcastMemory& memory, IsDead&& is_dead) noexcept {
    return Cells::evict(memory, is_dead, std::memory_order_release);  // E
  }

 private:
  using Cells = BroadcastCells<Atomics>;

  static constexpr Edge kPublish{"bcast.P"};
  static constexpr Edge kJoin{"bcast.J"};
  static constexpr Edge kRelaxed{"bcast.R"};
};

// The writing side. Not thread-safe; move-only; the memory must outlive it.
template <AtomicsPolicy Atomics>
class BroadcastLossless<Atomics>::Writer : public Witness {
 public:
  // Goes on where the writer before ended. See corrupt().
  explicit Writer(const BroadcastMemory& memory) noexcept : memory_(memory), at_(memory.slots) {
    assert(memory.max_readers <= kMaxBroadcastReaders);
    Finding found;
    const std::optional<std::uint64_t> end = broadcast_end<Atomics>(at_, kRelaxed, found);
    if (!end) saw(found);
    tail_ = limit_ = seen_limit_ = published_limit_ = end.value_or(0);  // I4
  }

  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) noexcept = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() = default;

  // Room for one message, uninitialised; or an empty span: not now, a reader is behind (waits_for()
  // says which). Nothing is visible before commit(). Claiming again gives the same room.
  [[nodiscard]] std::span<std::byte> claim() noexcept {
    if (tail_ == limit_ && !look()) [[unlikely]]
      return {};
    claimed_ = true;
    return {at_.payload_at(tail_), at_.message_bytes()};
  }

  // Makes the claimed message visible to all readers. REQUIRES: it was claimed.
  void commit() noexcept {
    assert(claimed_);
    claimed_ = false;
    Atomics::store(at_.sequence_at(tail_), holding_sequence(tail_), std::memory_order_release,
                   kPublish);
    ++tail_;
  }

  // Forgets the claim; no reader ever sees it.
  void abort() noexcept { claimed_ = false; }

  // The slowest reader when claim() last found "not now"; 0: it has not. Ask whether that one lives
  // if it stays so.
  [[nodiscard]] ParticipantId waits_for() const noexcept { return waits_for_; }

  // As the ring's evict(). The next claim() no longer waits for those.
  template <class IsDead>
  std::uint32_t evict(IsDead&& is_dead) noexcept {
    return Cells::evict(memory_, is_dead, std::memory_order_relaxed);  // E
  }

  // How many messages the slowest reader is behind, as it last published: at most the slot count.
  [[nodiscard]] std::uint64_t in_use() const noexcept { return Cells::most_behind(memory_, tail_); }

  // Of the next message: how many there were before it.
  [[nodiscard]] std::uint64_t position() const noexcept { return tail_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }

 private:
  // Moves the limit on. False: the slowest reader is a whole ring behind.
  [[nodiscard, gnu::noinline]] bool look() noexcept {
    // A reader that is joining keeps the published limit, too, from going on: else it might have to
    // try again and again.
    if (seen_limit_ <= tail_) seen_limit_ = limit_by_cells();
    if (!corrupt() && seen_limit_ > tail_ && seen_limit_ > published_limit_) {
      published_limit_ = std::min(seen_limit_, tail_ + at_.step());
      Atomics::store(memory_.control->limit, published_limit_, std::memory_order_relaxed, kRelaxed);
      Atomics::fence(std::memory_order_seq_cst, kJoin);
      seen_limit_ = limit_by_cells();
    }
    if (corrupt()) return false;
    limit_ = std::max(tail_, std::min(seen_limit_, published_limit_));
    if (limit_ == tail_) return false;
    waits_for_ = 0;
    return true;
  }

  // I1, for all readers. If that is not past the tail, waits_for_ says because of which.
  [[nodiscard]] std::uint64_t limit_by_cells() noexcept {
    const auto slowest = Cells::slowest(memory_, tail_, [this](std::uint64_t word) {
      saw("BroadcastCell::state", word);  // I5: it says that it has read what is not yet written
    });
    if (slowest.reader != 0) waits_for_ = slowest.reader;
    return Cells::limit(memory_, tail_, slowest);
  }

  BroadcastMemory memory_;
  BroadcastPlaces<std::byte> at_;
  std::uint64_t tail_ = 0;             // the next position to write
  std::uint64_t limit_ = 0;            // I1
  std::uint64_t seen_limit_ = 0;       // what the cells allowed when last read
  std::uint64_t published_limit_ = 0;  // what control.limit says
  bool claimed_ = false;
  ParticipantId waits_for_ = 0;
};

// A reading side. Not thread-safe; move-only; the memory must outlive it. Leaves at its end.
template <AtomicsPolicy Atomics>
class BroadcastLossless<Atomics>::Reader : public BroadcastFollower<Atomics> {
  using Follower = BroadcastFollower<Atomics>;

 public:
  using Follower::corrupt;

  // Nothing: not now, all cells are taken; evict() may help. (Or the writer stored something
  // impossible.) `id` is this participant's alone, and not 0.
  [[nodiscard]] static std::optional<Reader> join(
      const BroadcastMemory& memory, ParticipantId id,
      BroadcastStart start = BroadcastStart::oldest) noexcept {
    std::optional<Reader> reader(Reader(memory, id));
    if (!reader->join_at(reader->first(start))) reader.reset();
    return reader;
  }

  // The next message, in place; or an empty span: not now, nothing is there (or evicted(), or
  // corrupt()). The same message again until release(). The bytes stay in shared memory: a hostile
  // writer can change them while they are read.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const BroadcastSequence found =
        Atomics::load(at_.sequence_at(next_), std::memory_order_acquire, kPublish);
    peeked_ = found == holding_sequence(next_) && !evicted_ && !corrupt();
    if (!peeked_) [[unlikely]] {
      nothing(found);
      return {};
    }
    return {at_.payload_at(next_), at_.message_bytes()};
  }

  // How many messages were committed and not given back, the peeked one included. Looks at as many
  // slots as their count has bits.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    return broadcast_lag<Atomics>(at_, next_, kRelaxed);
  }

 private:
  using Follower::at_;
  using Follower::evicted_;
  using Follower::keeps_its_cell;
  using Follower::next_;
  using Follower::oldest;
  using Follower::peeked_;
  using Follower::saw;

  Reader(const BroadcastMemory& memory, ParticipantId id) noexcept : Follower(memory, id) {}

  [[nodiscard]] std::optional<std::uint64_t> first(BroadcastStart start) const noexcept {
    if (start == BroadcastStart::oldest) return oldest();
    Finding found;
    return broadcast_end<Atomics>(at_, kRelaxed, found);
  }

  [[gnu::noinline]] void nothing(BroadcastSequence found) noexcept {
    if (!keeps_its_cell()) return;
    // A sequence from further on is what an evicted reader finds, and else impossible.
    const bool expected = at_.plausible(found, next_) && found < holding_sequence(next_);
    if (!expected) saw(kSequenceField, found);
  }
};

}  // namespace ringbell::core
