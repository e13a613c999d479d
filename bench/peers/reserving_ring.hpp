// The yardstick of the MPMC benchmark in batches: a ring as DPDK's rte_ring has it (its guide,
// "Ring Library"). A batch of any length costs a compare-exchange of the head, and a store of the
// tail once all before it have stored theirs: a thread that stops in between stops all others.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <ringbell/core/atomics.hpp>

namespace ringbell::bench {

template <class T>
class ReservingRing {
 public:
  // REQUIRES: capacity is a power of two.
  explicit ReservingRing(std::size_t capacity)
      : slots_(std::make_unique<T[]>(capacity)), capacity_(capacity) {}

  // Up to `most` messages: at(i) is the i-th. Returns how many.
  template <class At>
  std::uint32_t push(std::uint32_t most, At&& at) {
    return move(producers_, consumers_.tail, capacity_, most,
                [&](std::uint64_t position, std::uint32_t i) { slot(position) = at(i); });
  }
  // Up to `most` messages, each of which see() sees.
  template <class See>
  std::uint32_t pop(std::uint32_t most, See&& see) {
    return move(consumers_, producers_.tail, 0, most,
                [&](std::uint64_t position, std::uint32_t) { see(slot(position)); });
  }

 private:
  static constexpr std::size_t kApart = 128;

  struct alignas(kApart) Side {
    std::atomic<std::uint64_t> head = 0;  // reserved up to here
    std::atomic<std::uint64_t> tail = 0;  // done up to here
  };

  [[nodiscard]] T& slot(std::uint64_t position) { return slots_[position & (capacity_ - 1)]; }

  // `other` plus `room` is where this side must stop.
  template <class Use>
  std::uint32_t move(Side& side, const std::atomic<std::uint64_t>& other, std::uint64_t room,
                     std::uint32_t most, Use&& use) {
    std::uint64_t head = side.head.load(std::memory_order_acquire);
    std::uint64_t count = 0;
    do {
      // Too many, where others have moved this head on: then the exchange fails.
      const std::uint64_t there = other.load(std::memory_order_acquire) + room - head;
      count = std::min<std::uint64_t>(most, there);
      if (count == 0) return 0;
    } while (!side.head.compare_exchange_weak(head, head + count, std::memory_order_acquire));
    for (std::uint32_t i = 0; i < count; ++i) use(head + i, i);
    while (side.tail.load(std::memory_order_acquire) != head) core::HardwareAtomics::pause();
    side.tail.store(head + count, std::memory_order_release);
    return static_cast<std::uint32_t>(count);
  }

  std::unique_ptr<T[]> slots_;
  std::uint64_t capacity_;
  Side producers_;
  Side consumers_;
};

}  // namespace ringbell::bench
