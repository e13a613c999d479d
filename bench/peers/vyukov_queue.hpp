// The yardstick of the MPMC benchmark: Dmitry Vyukov's bounded MPMC queue, as published on
// 1024cores.net, and as good as it gets where no thread may die: a thread that stops between moving
// a counter and storing the cell's sequence stops all others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace ringbell::bench {

template <class T>
class VyukovQueue {
 public:
  // REQUIRES: capacity is a power of two.
  explicit VyukovQueue(std::size_t capacity)
      : cells_(std::make_unique<Cell[]>(capacity)), mask_(capacity - 1) {
    for (std::size_t i = 0; i < capacity; ++i) {
      cells_[i].sequence.store(i, std::memory_order_relaxed);
    }
  }

  bool try_push(const T& value) {
    return at(tail_, 0, [&](Cell& cell, std::uint64_t position) {
      cell.value = value;
      cell.sequence.store(position + 1, std::memory_order_release);
    });
  }

  bool try_pop(T& value) {
    return at(head_, 1, [&](Cell& cell, std::uint64_t position) {
      value = cell.value;
      cell.sequence.store(position + mask_ + 1, std::memory_order_release);
    });
  }

 private:
  static constexpr std::size_t kApart = 128;

  struct Cell {
    std::atomic<std::uint64_t> sequence = 0;
    T value{};
  };

  // Moves a counter over the cell whose sequence is `ahead` of it, and uses the cell.
  template <class Use>
  bool at(std::atomic<std::uint64_t>& counter, std::uint64_t ahead, Use&& use) {
    std::uint64_t position = counter.load(std::memory_order_relaxed);
    while (true) {
      Cell& cell = cells_[position & mask_];
      const std::uint64_t sequence = cell.sequence.load(std::memory_order_acquire);
      const auto distance = static_cast<std::int64_t>(sequence - (position + ahead));
      if (distance < 0) return false;
      if (distance > 0) {
        position = counter.load(std::memory_order_relaxed);
      } else if (counter.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
        use(cell, position);
        return true;
      }
    }
  }

  std::unique_ptr<Cell[]> cells_;
  std::uint64_t mask_;
  alignas(kApart) std::atomic<std::uint64_t> tail_ = 0;
  alignas(kApart) std::atomic<std::uint64_t> head_ = 0;
};

}  // namespace ringbell::bench
