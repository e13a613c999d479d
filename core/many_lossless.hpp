// Many writers, many readers, one total order, and each reader sees every message of it from where
// it joined; the writers wait for the slowest reader. Messages of one size, written and read in
// place. Of whichever process dies at whatever instruction, the others go on.
//
//   control lines                                                slots, a power of two of them
//   +-----------+----------+-------+--------+-----+--------+     +-------+---------+-------+----
//   | tail hint | recovery | limit | reader | ... | reader |     | state | payload | state | ...
//   +-----------+----------+-------+--------+-----+--------+     +-------+---------+-------+----
//   writers'                writers' each a reader's: id, position
//
// Position p is slot p modulo the slot count, in lap p / slot count. A slot's state word
// (many_memory.hpp) names its writer from the instant that it is claimed, and is all that a reader
// polls. Writers claim as those of an MpmcRing do (mpmc_writer.hpp, mpmc_ring.hpp); what is free
// for them is not what readers gave back one by one, but what lies below a limit, which follows
// from the readers' cells as in a BroadcastLossless ring.
//
// Invariants
//   I1  A position is claimed only when all before it have been: that is the order. What was
//       committed comes to each reader in it; what was aborted, or was claimed by a writer that
//       died, is passed over by all.
//   I2  [p, p + slot count) belongs to the reader whose cell says p: no writer claims a position at
//       or behind the end of it. A writer claims below its own limit, which is no further than the
//       cells allowed when it looked at them, and no further than the published limit was before
//       that. The published limit only grows.
//   I3  The published limit is raised by a writer for a position that all others have come to: all
//       that lies a step (an eighth of the ring) or more below it was claimed.
//   I4  A reader reads only after it has found its position to be at or behind the published limit
//       minus the slot count. See edge J.
//   I5  Only the owner of a claimed slot stores its payload. It leaves the slot by compare-exchange
//       only: failing tells it that it was declared dead. A cell is changed so, too
//       (broadcast_cells.hpp).
//   I6  A word from shared memory selects nothing but which slot of the ring is looked at next; a
//       call looks at a bounded number of them. What is impossible makes the handle corrupt(), a
//       reader's for good.
// Edges
//   P   publish: commit() stores ready -> peek() loads it, the next lap's claim() exchanges it: the
//       payload is written before it is read, or overwritten where no reader is. (mpmc.P, mpmc.F)
//   F   free: abort() and recover() store free -> the next claim() there: the slot's last owner is
//       done with the payload (mpmc.F). A reader gives back, or leaves -> a writer's look at the
//       cells: the payload is read before it is overwritten (bcast.F).
//   E   evict: a participant frees a dead reader's cell -> each writer's look at the cells: what
//       the dead reader read was read before.
//   J   join: a writer loads or raises the limit, fences, reads the cells; a reader stores its
//       cell, fences, loads the limit (broadcast_follower.hpp). The fences are seq_cst. If the
//       reader's came first, the writer sees the cell and keeps to it. Else the reader sees a limit
//       no lower than the writer's, and moves on to where that is no harm (Dekker). It makes no
//       difference which writer had raised the limit.
//   R   relaxed: looks before a compare-exchange, the hint, and the limit, which J orders.
// Progress: peek() and release() are wait-free, claim() is lock-free: that one writer fails to
// claim or to raise the limit means that another has done it. A writer that stops, or dies, between
// claim and commit holds up the readers at its slot, and the writers a ring further on, until
// recover() has been told that it is dead; so does a reader the writers.
// Death: see recover(). Nothing committed is lost or repeated.
//
// The claims are those of Vyukov's bounded MPMC queue with the owner's name in the slot and no
// counter that must be right; the limit is Aeron's publisher limit, worked out by each writer in
// place of a third process.
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
#include <ringbell/core/layout.hpp>
#include <ringbell/core/many_memory.hpp>
#include <ringbell/core/mpmc_participant.hpp>
#include <ringbell/core/mpmc_writer.hpp>

namespace ringbell::core {

// What recover() found of dead participants.
struct ManyRecovered {
  std::uint64_t skipped = 0;  // messages that were claimed and never committed: passed over
  std::uint32_t evicted = 0;  // readers
};

template <AtomicsPolicy Atomics = HardwareAtomics>
class ManyLossless {
 public:
  class Writer;
  class Reader;

  // Frees what dead participants held, slots and cells: `is_dead(id)` is asked about their owners,
  // or about any id that a hostile peer stored there. Any process may call it at any time.
  // REQUIRES: what the dead participant did happened before is_dead() said so; its id goes to a new
  // one when a recover() begun after the death has returned, and none that may have been told of
  // it is under way.
  template <class IsDead>
  static ManyRecovered recover(const ManyMemory& memory, IsDead&& is_dead) noexcept {
    const MpmcPlaces at(memory.claims());
    return {.skipped = MpmcParticipant<Atomics>::recover(at, is_dead).skipped,
            .evicted = Cells::evict(memory.readers(), is_dead, std::memory_order_release)};  // E
  }

 private:
  using Cells = BroadcastCells<Atomics>;

  static constexpr Edge kPublish{"mpmc.P"};
  static constexpr Edge kJoin{"bcast.J"};
  static constexpr Edge kRelaxed{"bcast.R"};
};

// A writing side: claim(), payload(), commit() and abort() are those of mpmc_writer.hpp. Not
// thread-safe; move-only; the memory must outlive it.
template <AtomicsPolicy Atomics>
class ManyLossless<Atomics>::Writer
    : public MpmcWriter<Atomics, typename ManyLossless<Atomics>::Writer> {
  using Base = MpmcWriter<Atomics, Writer>;
  friend Base;

 public:
  // `id` is this participant's alone, among readers and writers, and not 0.
  Writer(const ManyMemory& memory, ParticipantId id) noexcept
      : Base(memory.claims(), id),
        memory_(memory),
        readers_(memory.readers()),
        step_(BroadcastPlaces(readers_.slots).step()) {
    assert(memory.max_readers <= kMaxBroadcastReaders);
  }

  // As the ring's recover().
  template <class IsDead>
  ManyRecovered recover(IsDead&& is_dead) noexcept {
    return ManyLossless::recover(memory_, is_dead);
  }

  // How many messages the slowest reader is behind, as it last published: at most the slot count.
  [[nodiscard]] std::uint64_t in_use() const noexcept {
    const std::optional<std::uint64_t> end = many_end<Atomics>(memory_, kRelaxed);
    return end ? Cells::most_behind(readers_, *end) : 0;
  }

 private:
  using Base::saw;
  using Base::waits_for_;

  static constexpr int kTries = 4;  // one to raise the limit, one to look: only a hostile peer
                                    // needs more

  [[nodiscard]] static constexpr bool plausible(MpmcSlotState state) noexcept {
    return ManySlot::plausible(state);
  }
  [[nodiscard]] static constexpr bool is_free(MpmcState word, std::uint64_t lap) noexcept {
    return ManySlot::is_free(word, lap);
  }
  [[nodiscard]] bool reaches(std::uint64_t position) const noexcept { return position < limit_; }
  [[nodiscard]] bool may_claim(std::uint64_t position) noexcept {
    return reaches(position) || look(position);
  }

  // Moves the limit on, beyond this position. False: the slowest reader is a whole ring behind.
  [[nodiscard, gnu::noinline]] bool look(std::uint64_t position) noexcept {
    if (position >= kMaxBroadcastPosition) {  // I6: which only the hint can have led to
      saw("MpmcControl::tail_hint", position);
      return false;
    }
    std::uint64_t& limit = readers_.control->limit;
    for (int tries = 0; tries < kTries; ++tries) {
      std::uint64_t published = Atomics::load(limit, std::memory_order_relaxed, kRelaxed);
      if (published >= kMaxBroadcastPosition) {
        saw("BroadcastControl::limit", published);
        return false;
      }
      Atomics::fence(std::memory_order_seq_cst, kJoin);
      // A cell may be ahead of this position: if others have claimed it, and this one has not yet
      // seen that.
      const auto slowest = Cells::slowest(readers_, position, [](std::uint64_t) {});
      const std::uint64_t allowed = Cells::limit(readers_, position, slowest);
      limit_ = std::min(allowed, published);  // I2
      if (reaches(position)) return true;
      waits_for_ = slowest.reader;
      if (allowed <= position) return false;
      // It fails if another writer has raised it: I3.
      (void)Atomics::compare_exchange(limit, published, std::min(allowed, position + step_),
                                      std::memory_order_relaxed, std::memory_order_relaxed,
                                      kRelaxed);
    }
    return false;
  }

  ManyMemory memory_;
  BroadcastMemory readers_;
  std::uint64_t step_;
  std::uint64_t limit_ = 0;  // I2
};

// A reading side. Not thread-safe; move-only; the memory must outlive it. Leaves at its end.
template <AtomicsPolicy Atomics>
class ManyLossless<Atomics>::Reader : public BroadcastFollower<Atomics> {
  using Follower = BroadcastFollower<Atomics>;

 public:
  using Follower::corrupt;

  // Nothing: not now, all cells are taken; recover() may help. (Or a peer stored something
  // impossible.) `id` is this participant's alone, among readers and writers, and not 0.
  [[nodiscard]] static std::optional<Reader> join(
      const ManyMemory& memory, ParticipantId id,
      BroadcastStart start = BroadcastStart::oldest) noexcept {
    std::optional<Reader> reader(Reader(memory, id));
    const std::optional<std::uint64_t> first =
        start == BroadcastStart::oldest ? reader->oldest() : many_end<Atomics>(memory, kRelaxed);
    if (!reader->join_at(first)) reader.reset();
    return reader;
  }

  // The next message, in place; or an empty span: not now, nothing is there, or not yet committed
  // (waits_for() names its writer); or evicted(), or corrupt(). The same message again until
  // release(). The bytes stay in shared memory: a hostile writer can change them while they are
  // read.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const MpmcState word =
        Atomics::load(slots_.state_at(next_), std::memory_order_acquire, kPublish);
    peeked_ = word == MpmcSlotState::ready(slots_.lap_of(next_), false) && !evicted_ && !corrupt();
    if (!peeked_ && !passes_over(word)) [[unlikely]]
      return {};
    return {slots_.payload_at(next_), slots_.message_bytes()};
  }

  // How many messages were claimed that this one has not given back, the peeked one included. Looks
  // at as many slots as their count has bits.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    return first_unclaimed<Atomics>(slots_, next_, next_ + slots_.slot_count(), kRelaxed) - next_;
  }
  // The writer whose claim was in the way when peek() last found nothing; 0: none was. Ask whether
  // it lives if it stays so.
  [[nodiscard]] ParticipantId waits_for() const noexcept { return waits_for_; }

 private:
  using Follower::evicted_;
  using Follower::keeps_its_cell;
  using Follower::next_;
  using Follower::pass;
  using Follower::peeked_;
  using Follower::saw;

  Reader(const ManyMemory& memory, ParticipantId id) noexcept
      : Follower(memory.readers(), id), slots_(memory.claims()) {}

  // No message stands at the position that is due. Goes on to the next one that does, if there are
  // only places in between that were given up. False: not now.
  [[nodiscard, gnu::noinline]] bool passes_over(MpmcState word) noexcept {
    waits_for_ = 0;
    if (evicted_ || corrupt()) return false;
    for (std::uint64_t looks = slots_.slot_count(); looks > 0; --looks) {
      const ManySlot slot(word, slots_.lap_of(next_));
      peeked_ = slot.is_ready();
      if (peeked_) return true;
      if (!slot.is_passed_over()) {
        nothing(slot, word);
        return false;
      }
      pass();
      if (evicted_) return false;
      word = Atomics::load(slots_.state_at(next_), std::memory_order_acquire, kPublish);
    }
    return false;
  }

  void nothing(const ManySlot& slot, MpmcState word) noexcept {
    waits_for_ = slot.owner();
    if (!keeps_its_cell()) return;
    // A message of a later lap is what an evicted reader finds, and else impossible. A claim alone
    // does not tell: nothing orders it behind the eviction.
    const bool expected = !slot.is_overwritten() || slot.is_claimed();
    if (!slot.plausible() || !expected) saw("MpmcState", word);
  }

  MpmcPlaces slots_;
  ParticipantId waits_for_ = 0;
};

}  // namespace ringbell::core
