// Many writers, one reader, variable-size records: an SpscRing for each writer, its lane, and a
// bitmap of the lanes that have something, so that the reader need not look at the others.
//
//   control lines                    lanes
//   +----------------------------+  +---------------+-------+   +-------------------+
//   | ready bits of lanes 0..63  |  | SpscControl 0 | quiet |   | data of lane 0    |
//   | ready bits of lanes 64..   |  | SpscControl 1 | quiet |   | data of lane 1    |
//   | ...                        |  | ...                   |   | ...               |
//   +----------------------------+  +---------------+-------+   +-------------------+
//     writers set, reader takes       as in the ring | reader      as in the ring
//
// To the reader a lane is active or quiet. The active ones stand in a queue, private to the reader,
// and are visited in turn: at most `burst` records, then to the back. One that stayed empty for
// long (FanInPace) becomes quiet: the reader stores its quiet word, visits it some more, and drops
// it from the queue. A writer that finds its lane's quiet word set after a commit sets the lane's
// ready bit. At the end of each round (a visit to each lane that was in the queue at its beginning)
// the reader looks at a word of ready bits, all of them if the round found nothing, and at the ring
// of one lane, each in its turn (the sweep); lanes with something go to the back of the queue.
//
// The quiet word and the bit are hints. The writer stores a header and loads the quiet word, the
// reader stores the quiet word and loads the header: without fences both may miss the other, and a
// writer may die between commit and signal. The sweep finds what they missed, so no fence and no
// membarrier is needed. That a lane is visited some more after its quiet word was stored makes such
// a miss rare: a store takes far less than that to become visible.
//
// Invariants
//   I1  The truth about a lane is its ring. Hints decide only when the reader looks there.
//   I2  The queue is a FIFO: between two visits to a lane each other lane is visited at most once.
//   I3  Only the lane of the current visit has a head that is not published.
//   I4  Bits beyond the last lane are ignored; each shared word is read once. A lane whose ring is
//       corrupt is set aside: never looked at again, and no matter to the others.
// Fairness, with L lanes of which A are active
//   - Before an active lane that has something is visited, at most (A - 1) * burst records of
//     others come.
//   - A quiet lane that has something becomes active within ceil(L / 64) rounds if its bit is set,
//     within L rounds in any case. A round has at most A * burst records; a peek() that finds
//     nothing is at least one round.
// Edges
//   H   hints, relaxed: what the reader then reads of the lane is ordered by the ring's own edges.
//       A hint that is seen before what it hints at sends the reader to a lane that looks empty;
//       the lane is visited many times more, and I1 holds anyway.
// Progress: every call is wait-free. peek() takes time in proportion to the active lanes, and looks
// at no more than L / 64 words and one lane beyond these.
// Death: a dead writer leaves a lane that stays as it is; what it committed is read, its successor
// goes on there (SpscRing). A new reader looks at all lanes once, and starts as SpscRing's does.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/fan_in_lanes.hpp>
#include <ringbell/core/fan_in_memory.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_ring.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class FanIn {
 public:
  class Writer;
  class Reader;
  // What a reader keeps of a lane: the embedder gives it as many of these as there are lanes.
  using ReaderLane = FanInReaderLane<Atomics>;

 private:
  static constexpr Edge kHint = kFanInHint;
};

// The writing side of one lane, which is this writer's alone. Not thread-safe; move-only; the
// memory must outlive it. What is not explained here is as in SpscRing::Writer.
template <AtomicsPolicy Atomics>
class FanIn<Atomics>::Writer : private SpscRing<Atomics>::Writer {
  using Ring = typename SpscRing<Atomics>::Writer;

 public:
  // Takes the lane up where the writer before left it. REQUIRES: lane < memory.lane_count.
  Writer(const FanInMemory& memory, std::uint32_t lane) noexcept
      : Ring(memory.ring(lane)),
        quiet_(&memory.lanes[lane].quiet),
        ready_(&memory.ready(lane)),
        bit_(FanInMemory::bit_of(lane)) {}

  using Ring::abort;
  using Ring::claim;
  using Ring::corrupt;
  using Ring::has_room;
  using Ring::max_record_bytes;
  using Ring::stage;
  using Ring::staged_position;
  using Ring::tail;

  void commit() noexcept {
    Ring::commit();
    signal();
  }
  void commit(std::uint32_t size_bytes) noexcept {
    Ring::commit(size_bytes);
    signal();
  }
  void flush() noexcept {
    Ring::flush();
    signal();
  }
  void flush_to(std::uint64_t position) noexcept {
    Ring::flush_to(position);
    signal();
  }

 private:
  [[gnu::always_inline]] void signal() noexcept {
    Atomics::compiler_fence();  // not before the commit, where that costs nothing
    if (Atomics::load(*quiet_, std::memory_order_relaxed, kHint) != 0) [[unlikely]]
      set_bit();
  }
  [[gnu::noinline]] void set_bit() noexcept {
    if ((Atomics::load(*ready_, std::memory_order_relaxed, kHint) & bit_) != 0) return;
    Atomics::fetch_or(*ready_, bit_, std::memory_order_relaxed, kHint);
  }

  std::uint64_t* quiet_;
  std::uint64_t* ready_;
  std::uint64_t bit_;
};

// The reading side of all lanes. Not thread-safe; move-only; memory and storage must outlive it.
template <AtomicsPolicy Atomics>
class FanIn<Atomics>::Reader {
 public:
  // Starts at each lane's oldest record that was not given back. Looks at all lanes. REQUIRES:
  // storage.size() >= memory.lane_count, and nothing else uses that storage.
  Reader(const FanInMemory& memory, std::span<ReaderLane> storage, FanInPace pace = {}) noexcept
      : lanes_(memory, storage, pace), burst_(pace.burst) {
    assert(pace.burst > 0);
    (void)anything();
  }

  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  // The payload of the next record, in place, and lane() says whose; or an empty span: not now. The
  // same record again until release(). The bytes stay in shared memory: a hostile writer can change
  // them while they are read, so copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    if (left_ > 0) [[likely]] {
      const std::span<const std::byte> record = lanes_.ring(current_).peek();
      if (!record.empty()) [[likely]]
        return record;
    }
    return next_lane();
  }

  // Gives the peeked record back to its writer. REQUIRES: the last peek() returned a record.
  void release() noexcept {
    assert(left_ > 0);
    lanes_.ring(current_).release();
    if (--left_ == 0) lanes_.ring(current_).publish_head();  // I3
  }

  // Whose record it is. REQUIRES: the last peek() returned a record.
  [[nodiscard]] std::uint32_t lane() const noexcept { return current_; }

  // Whether any lane has something; peek() finds it then. Looks at all of them: for who is about to
  // sleep, after announcing it (parking.hpp). REQUIRES: the last peek() found nothing.
  [[nodiscard]] bool anything() noexcept {
    assert(current_ == kNobody);
    bool found = false;
    for (std::uint32_t lane = 0; lane < lanes_.count(); ++lane) {
      found = lanes_.look_at(lane) || found;
    }
    return found;
  }

  // Up to where the writer of a lane knows that its bytes are its own again. It changes only for
  // the lane of the record that was peeked last: at its release(), or at the next peek().
  [[nodiscard]] std::uint64_t published_head(std::uint32_t lane) const noexcept {
    return lanes_.ring(lane).published_head();
  }

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return lanes_.count(); }
  // That are visited in turn.
  [[nodiscard]] std::uint32_t active_lanes() const noexcept {
    return lanes_.queued() + (current_ == kNobody ? 0 : 1);
  }
  // Set aside, because something impossible stood there. They stay so.
  [[nodiscard]] std::uint32_t corrupt_lanes() const noexcept { return lanes_.aside_count(); }
  [[nodiscard]] bool corrupt(std::uint32_t lane) const noexcept { return lanes_.is_aside(lane); }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  // Ends the visit, and begins one to the next lane that has something. After the rest of the
  // round and a whole one it gives up.
  [[nodiscard, gnu::noinline]] std::span<const std::byte> next_lane() noexcept {
    if (current_ != kNobody) lanes_.to_the_back(current_);
    current_ = kNobody;
    left_ = 0;
    for (bool begun = false;; begun = true) {
      while (round_left_ > 0) {
        --round_left_;
        const std::uint32_t lane = lanes_.pop();
        if (lanes_.is_aside(lane)) continue;
        const std::span<const std::byte> record = lanes_.ring(lane).peek();
        if (record.empty()) {
          lanes_.found_empty(lane);
          continue;
        }
        lanes_.wake(lane);
        current_ = lane;
        left_ = burst_;
        round_found_ = true;
        return record;
      }
      if (begun) return {};
      begin_round();
    }
  }

  void begin_round() noexcept {
    const std::uint32_t words =
        (lanes_.count() + FanInMemory::kLanesInWord - 1) / FanInMemory::kLanesInWord;
    for (std::uint32_t looks = round_found_ ? 1 : words; looks > 0; --looks) {
      lanes_.take_bits(word_);
      word_ = word_ + 1 < words ? word_ + 1 : 0;
    }
    if (lanes_.is_quiet(swept_)) (void)lanes_.look_at(swept_);
    swept_ = swept_ + 1 < lanes_.count() ? swept_ + 1 : 0;
    round_left_ = lanes_.queued();
    round_found_ = false;
  }

  FanInLanes<Atomics> lanes_;
  std::uint32_t burst_;
  std::uint32_t left_ = 0;           // how many more records the visit under way may have
  std::uint32_t current_ = kNobody;  // its lane, which is not in the queue
  std::uint32_t round_left_ = 0;     // as many at the front of the queue belong to this round
  std::uint32_t word_ = 0;           // of ready bits, to be looked at next
  std::uint32_t swept_ = 0;          // the lane to be looked at next, whatever the hints say
  bool round_found_ = false;         // this round had a record
};

}  // namespace ringbell::core
