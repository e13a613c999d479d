// Which of many lanes one side must look at: the queue of the active ones, and the hints by which
// the others wake it. FanIn (fan_in.hpp) and CallGroup (call_group.hpp) are made of it.
//
//   control lines                    of each lane
//   +----------------------------+  +-------+
//   | ready bits of lanes 0..63  |  | quiet |
//   | ready bits of lanes 64..   |  +-------+
//   | ...                        |
//   +----------------------------+
//     many set, one takes             the one stores
//
// To the one a lane is active or quiet. The active ones stand in a queue, private to it, and are
// visited in turn; what a visit is the owner says. A lane that stayed empty for long (LanePace)
// becomes quiet: its quiet word is stored, it is visited some more, and dropped from the queue. A
// writer that finds its lane's quiet word set after it has published something sets the lane's
// ready bit. At the end of each round (a visit to each lane that was in the queue at its beginning)
// the one looks at a word of ready bits, all of them if the round found nothing, and at one quiet
// lane, each in its turn (the sweep); lanes with something go to the back of the queue.
//
// The quiet word and the bit are hints. The writer publishes and loads the quiet word, the other
// stores the quiet word and looks: without fences both may miss the other, and a writer may die
// between publishing and signal. The sweep finds what they missed, so no fence and no membarrier is
// needed. That a lane is visited some more after its quiet word was stored makes such a miss rare:
// a store takes far less than that to become visible.
//
// Invariants
//   I1  What a lane has, the lane says. Hints decide only when it is looked at.
//   I2  The queue is a FIFO: between two visits to a lane each other lane is visited at most once.
//   I3  Bits beyond the last lane are ignored; each shared word is read once. A lane that is
//       corrupt is set aside: not looked at until it is mended (restore()), and no matter to the
//       others.
// A quiet lane that has something becomes active within ceil(L / 64) rounds if its bit is set,
// within L rounds in any case, with L lanes.
// Edges
//   H   hints, relaxed: what is then read of the lane is ordered by the lane's own edges. A hint
//       that is seen before what it hints at sends the one to a lane that looks empty; the lane is
//       visited many times more, and I1 holds anyway.
// Progress: every call is wait-free. A round takes time in proportion to the active lanes, and
// looks at no more than L / 64 words and one lane beyond these.
#pragma once

#include <bit>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/ready_signal.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// When a lane becomes quiet. REQUIRES: patience is not 0.
struct LanePace {
  // A lane that was found empty in so many visits in a row is told that it will not be polled, and
  // after as many again it is not. Polling an empty lane costs about 1 ns, waking it about 100.
  std::uint32_t patience = 64;
  // So many of the active lanes are polled however long they are empty: what comes next there comes
  // without a signal.
  std::uint32_t kept_lanes = 4;
};

template <AtomicsPolicy Atomics, class Memory>
class ReadyLanes;

// One lane, to the side that looks. Private memory: what stands here can be relied on.
template <class Handle>
class ReadyLane {
 public:
  ReadyLane() = default;

 private:
  template <AtomicsPolicy Atomics, class Memory>
  friend class ReadyLanes;

  enum class Stand : std::uint32_t { quiet, active, aside };

  std::optional<Handle> handle_{};
  std::uint32_t empty_visits_ = 0;  // in a row; from `patience` on the quiet word is set
  std::uint32_t next_ = 0;          // the lane behind it in the queue
  Finding finding_{};               // why it was last set aside
  bool is_queued_ = false;
  Stand stand_ = Stand::quiet;
};

// Not thread-safe; move-only. Memory says where the lanes are and what they are:
//   Handle                one side of a lane, with corrupt()
//   handle(lane)          makes it
//   has_something(handle) whether a visit is worth while; without effect for others
//   quiet(lane), control, lane_count
template <AtomicsPolicy Atomics, class Memory>
class ReadyLanes {
 public:
  using Handle = typename Memory::template Handle<Atomics>;
  using Lane = ReadyLane<Handle>;

  // All of them quiet, and none looked at yet. REQUIRES: storage.size() >= lane_count.
  ReadyLanes(const Memory& memory, std::span<Lane> storage, const LanePace& pace) noexcept
      : memory_(memory), lanes_(storage.data()), pace_(pace) {
    assert(memory.lane_count > 0 && memory.lane_count <= kMaxLanes);
    assert(storage.size() >= memory.lane_count && pace.patience > 0);
    for (std::uint32_t lane = 0; lane < memory.lane_count; ++lane) {
      lanes_[lane] = Lane();
      lanes_[lane].handle_.emplace(memory.template handle<Atomics>(lane));
      lanes_[lane].empty_visits_ = pace.patience;
      store_quiet(lane, 1);
      if (handle(lane).corrupt()) set_aside(lane);
    }
  }

  ReadyLanes(ReadyLanes&&) noexcept = default;
  ReadyLanes& operator=(ReadyLanes&&) noexcept = default;
  ReadyLanes(const ReadyLanes&) = delete;
  ReadyLanes& operator=(const ReadyLanes&) = delete;
  ~ReadyLanes() = default;

  [[nodiscard]] Handle& handle(std::uint32_t lane) const noexcept { return *lanes_[lane].handle_; }
  [[nodiscard]] std::uint32_t count() const noexcept { return memory_.lane_count; }

  // --- visits ------------------------------------------------------------------------------------

  // The lane of the visit under way. REQUIRES: visiting().
  [[nodiscard]] std::uint32_t current() const noexcept { return current_; }
  [[nodiscard]] bool visiting() const noexcept { return current_ != kNoLane; }

  // Ends the visit under way, and begins one to the next lane that has something. False: there is
  // none; after the rest of the round and a whole one it gives up.
  [[nodiscard, gnu::noinline]] bool next() noexcept {
    if (visiting()) end_visit();
    for (bool begun = false;; begun = true) {
      while (round_left_ > 0) {
        --round_left_;
        const std::uint32_t lane = pop();
        if (is_aside(lane)) continue;
        if (!Memory::has_something(handle(lane))) {
          found_empty(lane);
          continue;
        }
        wake(lane);
        current_ = lane;
        round_found_ = true;
        return true;
      }
      if (begun) return false;
      begin_round();
    }
  }

  // Ends the visit under way, and looks at all lanes: those that have something become active.
  // Whether there was any.
  [[nodiscard]] bool look_at_all() noexcept {
    if (visiting()) end_visit();
    bool found = false;
    for (std::uint32_t lane = 0; lane < count(); ++lane) found = look_at(lane) || found;
    return found;
  }

  // That are visited in turn.
  [[nodiscard]] std::uint32_t active_count() const noexcept {
    return queued_ + (visiting() ? 1 : 0);
  }
  // Set aside, until restore().
  [[nodiscard]] std::uint32_t aside_count() const noexcept { return aside_count_; }
  [[nodiscard]] bool is_aside(std::uint32_t lane) const noexcept {
    return lanes_[lane].stand_ == Stand::aside;
  }
  // What stood in a lane when it was last set aside; no field, if it never was.
  [[nodiscard]] const Finding& finding(std::uint32_t lane) const noexcept {
    return lanes_[lane].finding_;
  }

  // Takes a lane up again that was mended. REQUIRES: is_aside(lane).
  void restore(std::uint32_t lane) noexcept {
    Lane& at = lanes_[lane];
    at.handle_.emplace(memory_.template handle<Atomics>(lane));
    if (at.handle_->corrupt()) return;
    --aside_count_;
    at.empty_visits_ = at.is_queued_ ? 0 : pace_.patience;
    at.stand_ = at.is_queued_ ? Stand::active : Stand::quiet;
    store_quiet(lane, at.is_queued_ ? 0 : 1);
  }

 private:
  using Stand = typename Lane::Stand;
  static constexpr std::uint32_t kNoLane = UINT32_MAX;

  void end_visit() noexcept {
    const std::uint32_t lane = current_;
    current_ = kNoLane;
    if (handle(lane).corrupt()) return set_aside(lane);
    push(lane);
  }

  // After a visit that had nothing: to the back, or quiet.
  void found_empty(std::uint32_t lane) noexcept {
    Lane& at = lanes_[lane];
    if (handle(lane).corrupt()) return set_aside(lane);
    if (queued_ >= pace_.kept_lanes) {
      if (++at.empty_visits_ == pace_.patience) store_quiet(lane, 1);
      if (at.empty_visits_ / 2 >= pace_.patience) {
        at.stand_ = Stand::quiet;
        return;
      }
    }
    push(lane);
  }

  void begin_round() noexcept {
    const std::uint32_t words = (count() + kLanesInReadyWord - 1) / kLanesInReadyWord;
    for (std::uint32_t looks = round_found_ ? 1 : words; looks > 0; --looks) {
      take_bits(word_);
      word_ = word_ + 1 < words ? word_ + 1 : 0;
    }
    if (lanes_[swept_].stand_ == Stand::quiet) (void)look_at(swept_);
    swept_ = swept_ + 1 < count() ? swept_ + 1 : 0;
    round_left_ = queued_;
    round_found_ = false;
  }

  // Makes the lanes active whose bits stand in this word.
  void take_bits(std::uint32_t word) noexcept {
    const std::uint32_t first = word * kLanesInReadyWord;
    std::uint64_t& ready = ready_word(*memory_.control, first);
    if (Atomics::load(ready, std::memory_order_relaxed, kReadyHint) == 0) [[likely]]
      return;
    std::uint64_t bits =
        Atomics::exchange(ready, std::uint64_t{0}, std::memory_order_relaxed, kReadyHint);
    if (count() - first < kLanesInReadyWord) bits &= ready_bit(count()) - 1;  // I3
    for (; bits != 0; bits &= bits - 1) {
      const std::uint32_t lane = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (!is_aside(lane)) activate(lane);
    }
  }

  // Whether it has something, which makes it active.
  bool look_at(std::uint32_t lane) noexcept {
    if (is_aside(lane)) return false;
    if (Memory::has_something(handle(lane))) {
      activate(lane);
      return true;
    }
    if (handle(lane).corrupt()) set_aside(lane);
    return false;
  }

  void activate(std::uint32_t lane) noexcept {
    wake(lane);
    if (lanes_[lane].stand_ != Stand::quiet) return;
    lanes_[lane].stand_ = Stand::active;
    push(lane);
  }

  // It has something, or a hint says so: it will be visited for some time.
  void wake(std::uint32_t lane) noexcept {
    if (lanes_[lane].empty_visits_ >= pace_.patience) store_quiet(lane, 0);
    lanes_[lane].empty_visits_ = 0;
  }

  // If it stands in the queue, it is dropped when its turn comes.
  void set_aside(std::uint32_t lane) noexcept {
    lanes_[lane].stand_ = Stand::aside;
    lanes_[lane].finding_ = handle(lane).finding();
    ++aside_count_;
    store_quiet(lane, 0);  // no signals from there
  }

  void store_quiet(std::uint32_t lane, std::uint64_t value) noexcept {
    Atomics::store(memory_.quiet(lane), value, std::memory_order_relaxed, kReadyHint);
  }

  void push(std::uint32_t lane) noexcept {
    (queued_ == 0 ? front_ : lanes_[back_].next_) = lane;
    lanes_[lane].is_queued_ = true;
    back_ = lane;
    ++queued_;
  }
  // REQUIRES: the queue is not empty. A lane that was set aside meanwhile may come too.
  [[nodiscard]] std::uint32_t pop() noexcept {
    assert(queued_ > 0);
    const std::uint32_t lane = front_;
    lanes_[lane].is_queued_ = false;
    front_ = lanes_[lane].next_;
    --queued_;
    return lane;
  }

  Memory memory_;
  Lane* lanes_;
  LanePace pace_;
  std::uint32_t front_ = 0;
  std::uint32_t back_ = 0;
  std::uint32_t queued_ = 0;
  std::uint32_t aside_count_ = 0;
  std::uint32_t current_ = kNoLane;  // not in the queue
  std::uint32_t round_left_ = 0;     // as many at the front of the queue belong to this round
  std::uint32_t word_ = 0;           // of ready bits, to be looked at next
  std::uint32_t swept_ = 0;          // the lane to be looked at next, whatever the hints say
  bool round_found_ = false;         // this round had something
};

}  // namespace ringbell::core
