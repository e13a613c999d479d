// What the reader of a FanIn (fan_in.hpp, which explains it) knows of each lane, and the queue of
// the active ones.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/fan_in_memory.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_ring.hpp>

namespace ringbell::core {

inline constexpr Edge kFanInHint{"fan.H"};

template <AtomicsPolicy Atomics>
class FanInLanes;

// One lane, to its reader. Private memory: what stands here can be relied on.
template <AtomicsPolicy Atomics>
class FanInReaderLane {
 public:
  FanInReaderLane() = default;

 private:
  friend class FanInLanes<Atomics>;

  enum class Stand : std::uint32_t { quiet, active, aside };

  std::optional<typename SpscRing<Atomics>::Reader> ring_;
  std::uint32_t empty_visits_ = 0;  // in a row; from `patience` on the quiet word is set
  std::uint32_t next_ = 0;          // the lane behind it in the queue
  Stand stand_ = Stand::quiet;
};

// Not thread-safe; move-only.
template <AtomicsPolicy Atomics>
class FanInLanes {
  using Lane = FanInReaderLane<Atomics>;
  using Stand = typename Lane::Stand;

 public:
  // All of them quiet, and nobody has looked at them.
  FanInLanes(const FanInMemory& memory, std::span<Lane> storage, const FanInPace& pace) noexcept
      : memory_(memory),
        lanes_(storage.data()),
        patience_(pace.patience),
        kept_lanes_(pace.kept_lanes) {
    assert(memory.lane_count > 0 && memory.lane_count <= kMaxFanInLanes);
    assert(storage.size() >= memory.lane_count && pace.patience > 0);
    for (std::uint32_t lane = 0; lane < memory.lane_count; ++lane) {
      lanes_[lane] = Lane();
      lanes_[lane].ring_.emplace(memory.ring(lane));
      lanes_[lane].empty_visits_ = patience_;
      store_quiet(lane, 1);
      if (lanes_[lane].ring_->corrupt()) set_aside(lane);
    }
  }

  FanInLanes(FanInLanes&&) noexcept = default;
  FanInLanes& operator=(FanInLanes&&) noexcept = default;
  FanInLanes(const FanInLanes&) = delete;
  FanInLanes& operator=(const FanInLanes&) = delete;
  ~FanInLanes() = default;

  [[nodiscard]] typename SpscRing<Atomics>::Reader& ring(std::uint32_t lane) const noexcept {
    return *lanes_[lane].ring_;
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return memory_.lane_count; }
  [[nodiscard]] std::uint32_t queued() const noexcept { return queued_; }
  [[nodiscard]] std::uint32_t aside_count() const noexcept { return aside_count_; }
  [[nodiscard]] bool is_quiet(std::uint32_t lane) const noexcept {
    return lanes_[lane].stand_ == Stand::quiet;
  }
  [[nodiscard]] bool is_aside(std::uint32_t lane) const noexcept {
    return lanes_[lane].stand_ == Stand::aside;
  }

  // From the front of the queue; a lane that was set aside meanwhile may come too. REQUIRES:
  // queued() > 0.
  [[nodiscard]] std::uint32_t pop() noexcept {
    assert(queued_ > 0);
    const std::uint32_t lane = front_;
    front_ = lanes_[lane].next_;
    --queued_;
    return lane;
  }

  // After a visit that had something. REQUIRES, here and for found_empty(): it was popped.
  void to_the_back(std::uint32_t lane) noexcept {
    if (ring(lane).corrupt()) return set_aside(lane);
    push(lane);
  }

  // After a visit that had nothing: to the back, or quiet.
  void found_empty(std::uint32_t lane) noexcept {
    Lane& at = lanes_[lane];
    if (ring(lane).corrupt()) return set_aside(lane);
    if (queued_ >= kept_lanes_) {
      if (++at.empty_visits_ == patience_) store_quiet(lane, 1);
      if (at.empty_visits_ / 2 >= patience_) {
        at.stand_ = Stand::quiet;
        return;
      }
    }
    push(lane);
  }

  // It has something, or somebody says so: it will be visited for some time.
  void wake(std::uint32_t lane) noexcept {
    if (lanes_[lane].empty_visits_ >= patience_) store_quiet(lane, 0);
    lanes_[lane].empty_visits_ = 0;
  }

  // Whether it has something, which makes it active.
  bool look_at(std::uint32_t lane) noexcept {
    if (is_aside(lane)) return false;
    if (!ring(lane).peek().empty()) {
      activate(lane);
      return true;
    }
    if (ring(lane).corrupt()) set_aside(lane);
    return false;
  }

  // Makes the lanes active whose bits stand in this word.
  void take_bits(std::uint32_t word) noexcept {
    const std::uint32_t first = word * FanInMemory::kLanesInWord;
    std::uint64_t& ready = memory_.ready(first);
    if (Atomics::load(ready, std::memory_order_relaxed, kFanInHint) == 0) [[likely]]
      return;
    std::uint64_t bits =
        Atomics::exchange(ready, std::uint64_t{0}, std::memory_order_relaxed, kFanInHint);
    if (count() - first < FanInMemory::kLanesInWord)
      bits &= FanInMemory::bit_of(count()) - 1;  // I4
    for (; bits != 0; bits &= bits - 1) {
      const std::uint32_t lane = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (!is_aside(lane)) activate(lane);
    }
  }

 private:
  void activate(std::uint32_t lane) noexcept {
    wake(lane);
    if (!is_quiet(lane)) return;
    lanes_[lane].stand_ = Stand::active;
    push(lane);
  }

  // If it stands in the queue, it is dropped when its turn comes.
  void set_aside(std::uint32_t lane) noexcept {
    lanes_[lane].stand_ = Stand::aside;
    ++aside_count_;
    store_quiet(lane, 0);  // no signals from there
  }

  void store_quiet(std::uint32_t lane, std::uint64_t value) noexcept {
    Atomics::store(memory_.lanes[lane].quiet, value, std::memory_order_relaxed, kFanInHint);
  }

  void push(std::uint32_t lane) noexcept {
    (queued_ == 0 ? front_ : lanes_[back_].next_) = lane;
    back_ = lane;
    ++queued_;
  }

  FanInMemory memory_;
  Lane* lanes_;
  std::uint32_t patience_;
  std::uint32_t kept_lanes_;
  std::uint32_t front_ = 0;
  std::uint32_t back_ = 0;
  std::uint32_t queued_ = 0;
  std::uint32_t aside_count_ = 0;
};

}  // namespace ringbell::core
