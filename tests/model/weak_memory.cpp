#include "tests/model/weak_memory.hpp"

#include <algorithm>

namespace ringbell::model {
namespace {

constexpr std::uint8_t kNoLocation = 0xff;

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

template <class Counts>
void raise(Counts& counts, const Counts& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = std::max(counts[i], other[i]);
}

// Whether a step of another thread is not among those that happened before.
bool unordered(const Clock& last, const Clock& before, std::size_t self) {
  for (std::size_t thread = 0; thread < kMaxThreads; ++thread) {
    if (thread != self && last[thread] > before[thread]) return true;
  }
  return false;
}

}  // namespace

void WeakMemory::Knowledge::join(const Knowledge& other) {
  raise(view, other.view);
  raise(clock, other.clock);
}

void WeakMemory::reset(std::size_t threads) {
  for (const std::size_t word : words_) location_of_word_[word] = kNoLocation;
  words_.clear();
  used_ = 0;
  longest_ = 0;
  thread_count_ = threads;
  for (std::size_t thread = 0; thread < threads; ++thread) threads_[thread] = {};
  sequential_ = {};
  racy_ = false;
}

std::size_t WeakMemory::location(std::size_t word, std::uint64_t initial) {
  if (word >= location_of_word_.size()) location_of_word_.resize(word + 1, kNoLocation);
  std::uint8_t& known = location_of_word_[word];
  if (known == kNoLocation) {
    known = static_cast<std::uint8_t>(used_++);
    words_.push_back(word);
    Location& fresh = locations_[known];
    fresh.messages.clear();
    fresh.messages.push_back({initial, 0, {}});
    fresh.reads = {};
    fresh.writes = {};
  }
  return known;
}

void WeakMemory::check_races(std::size_t thread, const Location& location, bool writes, Kind kind) {
  const Clock& before = threads_[thread].now.clock;
  const auto races_with = [&](const std::array<Clock, 2>& others, Kind other) {
    return unordered(others[static_cast<std::size_t>(other)], before, thread);
  };
  racy_ = racy_ || races_with(location.writes, Kind::plain) ||
          (kind == Kind::plain && races_with(location.writes, Kind::atomic)) ||
          (writes && races_with(location.reads, Kind::plain)) ||
          (writes && kind == Kind::plain && races_with(location.reads, Kind::atomic));
}

void WeakMemory::read(std::size_t thread, std::size_t location, std::size_t message,
                      std::memory_order order, Kind kind) {
  Thread& self = threads_[thread];
  Location& where = locations_[location];
  const Message& what = where.messages[message];
  self.now.view[location] = static_cast<std::uint8_t>(message);
  (acquires(order) ? self.now : self.at_acquire_fence).join(what.released);
  check_races(thread, where, false, kind);
  where.reads[static_cast<std::size_t>(kind)][thread] = ++self.now.clock[thread];
}

void WeakMemory::append(Thread& thread, std::size_t number, std::size_t location,
                        std::uint64_t value, bool releases, const Knowledge* continued) {
  Location& where = locations_[location];
  const auto message = static_cast<std::uint8_t>(where.messages.size());
  thread.now.view[location] = message;
  const std::uint16_t step = ++thread.now.clock[number];
  Knowledge released = releases ? thread.now : thread.at_release_fence;
  released.view[location] = message;
  if (continued != nullptr) released.join(*continued);
  where.messages.push_back({value, static_cast<std::uint32_t>(number << 16U | step), released});
  longest_ = std::max(longest_, where.messages.size());
}

void WeakMemory::write(std::size_t thread, std::size_t location, std::uint64_t value,
                       std::memory_order order, Kind kind) {
  Thread& self = threads_[thread];
  Location& where = locations_[location];
  check_races(thread, where, true, kind);
  append(self, thread, location, value, releases(order), nullptr);
  where.writes[static_cast<std::size_t>(kind)][thread] = self.now.clock[thread];
}

void WeakMemory::read_and_write(std::size_t thread, std::size_t location, std::uint64_t value,
                                std::memory_order order) {
  read(thread, location, newest(location), order, Kind::atomic);
  Thread& self = threads_[thread];
  Location& where = locations_[location];
  check_races(thread, where, true, Kind::atomic);
  // An acquire of this message synchronises with the one that it replaced as well: the release
  // sequence goes on.
  const Knowledge continued = where.messages.back().released;
  append(self, thread, location, value, releases(order), &continued);
  where.writes[static_cast<std::size_t>(Kind::atomic)][thread] = self.now.clock[thread];
}

void WeakMemory::fence(std::size_t thread, std::memory_order order) {
  Thread& self = threads_[thread];
  if (acquires(order)) self.now.join(self.at_acquire_fence);
  if (order == std::memory_order_seq_cst) {
    raise(self.now.view, sequential_);
    sequential_ = self.now.view;
  }
  if (releases(order)) self.at_release_fence = self.now;
}

void WeakMemory::heavy_barrier() {
  // Twice, so that the first ones know of the last ones too: the barrier has no order among them.
  for (int round = 0; round < 2; ++round) {
    for (std::size_t thread = 0; thread < thread_count_; ++thread) {
      fence(thread, std::memory_order_seq_cst);
    }
  }
}

void WeakMemory::follow(std::size_t thread, std::size_t from) {
  threads_[thread].now.join(threads_[from].now);
}

}  // namespace ringbell::model
