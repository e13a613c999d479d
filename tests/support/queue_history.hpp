// Is a recorded history of a queue linearizable? Every operation took effect at one instant between
// its begin and its end, as if one thread had done them all on a plain FIFO queue.
//
// Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory of states
// that were tried ("Testing for linearizability", 2017). Exponential at worst: for short histories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace ringbell::test {

// An operation that did something. Values are unique.
struct QueueOperation {
  enum class Kind : std::uint8_t { push, pop };
  Kind kind;
  std::uint64_t value;
  std::uint64_t begin;
  std::uint64_t end;
};

class QueueHistory {
 public:
  // REQUIRES: at most 64 operations.
  explicit QueueHistory(std::vector<QueueOperation> operations)
      : operations_(std::move(operations)) {}

  [[nodiscard]] bool is_linearizable() { return goes_on(0, 0); }

 private:
  // `done` is a set of operations as bits; of the values pushed, in order, `popped` are gone.
  bool goes_on(std::uint64_t done, std::size_t popped) {
    if (done == all()) return true;
    if (!tried_.insert({done, order_}).second) return false;
    // What ended first bounds what may come next: nothing that began after that.
    std::uint64_t first_end = UINT64_MAX;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!has(done, i) && operations_[i].end < first_end) first_end = operations_[i].end;
    }
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const QueueOperation& next = operations_[i];
      if (has(done, i) || next.begin > first_end) continue;
      const std::uint64_t then = done | std::uint64_t{1} << i;
      if (next.kind == QueueOperation::Kind::push) {
        order_.push_back(next.value);
        if (goes_on(then, popped)) return true;
        order_.pop_back();
      } else if (popped < order_.size() && order_[popped] == next.value) {
        if (goes_on(then, popped + 1)) return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::uint64_t all() const {
    return operations_.size() == 64 ? UINT64_MAX : (std::uint64_t{1} << operations_.size()) - 1;
  }
  [[nodiscard]] static bool has(std::uint64_t done, std::size_t i) { return (done >> i & 1) != 0; }

  std::vector<QueueOperation> operations_;
  std::vector<std::uint64_t> order_;
  std::set<std::pair<std::uint64_t, std::vector<std::uint64_t>>> tried_;
};

}  // namespace ringbell::test
