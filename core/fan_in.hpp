// Many writers, one reader, variable-size records: an SpscRing for each writer, its lane, and what
// tells the reader which lanes have something, so that it need not look at the others
// (ready_lanes.hpp).
//
//   control lines                    lanes
//   +----------------------------+  +---------------+-------+   +-------------------+
//   | ready bits of lanes 0..63  |  | SpscControl 0 | quiet |   | data of lane 0    |
//   | ready bits of lanes 64..   |  | SpscControl 1 | quiet |   | data of lane 1    |
//   | ...                        |  | ...                   |   | ...               |
//   +----------------------------+  +---------------+-------+   +-------------------+
//     writers set, reader takes       as in the ring | reader      as in the ring
//
// A visit to a lane takes at most `burst` records (FanInPace), then it is the next lane's turn.
//
// Invariants: SpscRing's for each lane, those of ready_lanes.hpp for all, and
//   I1  Only the lane of the current visit has a head that is not published.
// Fairness, with L lanes of which A are active
//   - Before an active lane that has something is visited, at most (A - 1) * burst records of
//     others come.
//   - A quiet lane that has something becomes active within ceil(L / 64) rounds if its bit is set,
//     within L rounds in any case. A round has at most A * burst records; a peek() that finds
//     nothing is at least one round.
// Progress: every call is wait-free. peek() takes time in proportion to the active lanes, and looks
// at no more than L / 64 words and one lane beyond these.
// Death: a dead writer leaves a lane that stays as it is; what it committed is read, its successor
// goes on there (SpscRing). A new reader looks at all lanes once, and starts as SpscRing's does.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/fan_in_memory.hpp>
#include <ringbell/core/ready_lanes.hpp>
#include <ringbell/core/spsc_ring.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class FanIn {
 public:
  class Writer;
  class Reader;
  // What a reader keeps of a lane: the embedder gives it as many of these as there are lanes.
  using ReaderLane = typename ReadyLanes<Atomics, FanInMemory>::Lane;
};

// The writing side of one lane, which is this writer's alone. Not thread-safe; move-only; the
// memory must outlive it. What is not explained here is as in SpscRing::Writer.
template <AtomicsPolicy Atomics>
class FanIn<Atomics>::Writer : private SpscRing<Atomics>::Writer {
  using Ring = typename SpscRing<Atomics>::Writer;

 public:
  // Takes the lane up where the writer before left it. REQUIRES: lane < memory.lane_count.
  Writer(const FanInMemory& memory, std::uint32_t lane) noexcept
      : Ring(memory.ring(lane)), signal_(*memory.control, memory.quiet(lane), lane) {}

  using Ring::abort;
  using Ring::claim;
  using Ring::corrupt;
  using Ring::finding;
  using Ring::has_room;
  using Ring::in_use;
  using Ring::max_record_bytes;
  using Ring::stage;
  using Ring::staged_position;
  using Ring::tail;

  void commit() noexcept {
    Ring::commit();
    signal_();
  }
  void commit(std::uint32_t size_bytes) noexcept {
    Ring::commit(size_bytes);
    signal_();
  }
  template <class Fill>
  [[nodiscard]] bool write(std::uint32_t size_bytes, Fill&& fill) {
    const bool written = Ring::write(size_bytes, std::forward<Fill>(fill));
    if (written) signal_();
    return written;
  }
  void flush() noexcept {
    Ring::flush();
    signal_();
  }
  void flush_to(std::uint64_t position) noexcept {
    Ring::flush_to(position);
    signal_();
  }

 private:
  ReadySignal<Atomics> signal_;
};

// The reading side of all lanes. Not thread-safe; move-only; memory and storage must outlive it.
template <AtomicsPolicy Atomics>
class FanIn<Atomics>::Reader {
 public:
  // Starts at each lane's oldest record that was not given back. Looks at all lanes. REQUIRES:
  // storage.size() >= memory.lane_count, and nothing else uses that storage.
  Reader(const FanInMemory& memory, std::span<ReaderLane> storage, FanInPace pace = {}) noexcept
      : memory_(memory), lanes_(memory, storage, pace.lanes), burst_(pace.burst) {
    assert(pace.burst > 0);
    (void)anything();
  }

  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  // The payload of the next record, in place, and lane() says whose; or a span without data: not
  // now. The same record again until release(). The bytes stay in shared memory: a hostile writer
  // can change them while they are read, so copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    if (left_ > 0) [[likely]] {
      const std::span<const std::byte> record = lanes_.handle(lane()).peek();
      if (record.data() != nullptr) [[likely]]
        return record;
    }
    return next_lane();
  }

  // The peeked record once more; a span without data, if its hostile writer took it back.
  // REQUIRES: the last peek() returned a record.
  [[nodiscard]] std::span<const std::byte> peeked() noexcept {
    assert(left_ > 0);
    return lanes_.handle(lane()).peek();
  }

  // Gives the peeked record back to its writer. REQUIRES: the last peek() returned a record.
  void release() noexcept {
    assert(left_ > 0);
    lanes_.handle(lane()).release();
    if (--left_ == 0) lanes_.handle(lane()).publish_head();  // I1
  }

  // As SpscRing's: in each lane from the next visit on.
  void keep_lines(bool keep) noexcept { keeps_lines_ = keep; }

  // Lets the writers have everything given back so far, without waiting for the end of the visit:
  // for a reader that stops, or pauses, with more to come.
  void publish_head() noexcept {
    if (lanes_.visiting()) lanes_.handle(lane()).publish_head();
  }

  // Whose record it is. REQUIRES: the last peek() returned a record.
  [[nodiscard]] std::uint32_t lane() const noexcept { return lanes_.current(); }

  // Whether any lane has something; peek() finds it then. Looks at all of them: for a reader that
  // is about to sleep, after announcing it (parking.hpp). REQUIRES: the last peek() found nothing.
  [[nodiscard]] bool anything() noexcept {
    assert(left_ == 0);
    return lanes_.look_at_all();
  }

  // SpscRing's unread() of all lanes but those that are set aside.
  [[nodiscard]] SpscUnread unread() const noexcept {
    SpscUnread all;
    for (std::uint32_t lane = 0; lane < lane_count(); ++lane) {
      if (corrupt(lane)) continue;
      const SpscUnread found = lanes_.handle(lane).unread();
      all.records += found.records;
      all.bytes += found.bytes;
    }
    return all;
  }

  // Up to where the writer of a lane knows that its bytes are its own again. It changes only for
  // the lane of the record that was peeked last: at its release(), at the next peek(), or by
  // publish_head().
  [[nodiscard]] std::uint64_t published_head(std::uint32_t lane) const noexcept {
    return lanes_.handle(lane).published_head();
  }

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return lanes_.count(); }
  // That are visited in turn.
  [[nodiscard]] std::uint32_t active_lanes() const noexcept { return lanes_.active_count(); }
  // Set aside, because something impossible stood there. They stay so until mend().
  [[nodiscard]] std::uint32_t corrupt_lanes() const noexcept { return lanes_.aside_count(); }
  [[nodiscard]] bool corrupt(std::uint32_t lane) const noexcept { return lanes_.is_aside(lane); }
  [[nodiscard]] const Finding& finding(std::uint32_t lane) const noexcept {
    return lanes_.finding(lane);
  }

  // Makes a lane good that was set aside: what stood in it is gone. REQUIRES: corrupt(lane); it has
  // no writer, and none comes meanwhile.
  void mend(std::uint32_t lane) noexcept {
    memory_.template clear<Atomics>(lane);
    lanes_.restore(lane);
  }

 private:
  [[nodiscard, gnu::noinline]] std::span<const std::byte> next_lane() noexcept {
    left_ = 0;
    if (!lanes_.next()) return {};
    lanes_.handle(lane()).keep_lines(keeps_lines_);
    const std::span<const std::byte> record = lanes_.handle(lane()).peek();
    if (record.data() != nullptr) left_ = burst_;  // or a hostile writer took it back
    return record;
  }

  FanInMemory memory_;
  ReadyLanes<Atomics, FanInMemory> lanes_;
  std::uint32_t burst_;
  std::uint32_t left_ = 0;  // how many more records the visit under way may have
  bool keeps_lines_ = false;
};

}  // namespace ringbell::core
