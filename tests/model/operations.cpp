// What the threads of an execution do to memory and to each other.
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tests/model/execution.hpp"
#include "tests/model/steps.hpp"

namespace ringbell::model {
namespace {

std::uint64_t value_in(Word word) {
  std::uint64_t value = 0;
  std::memcpy(&value, word.address, word.bytes);
  return value;
}

}  // namespace

// --- the state, as a hash --------------------------------------------------------------------

void Execution::note(std::uint64_t what) {
  Fiber& fiber = fibers_[running_];
  state_ -= mix(fiber.history, running_);
  fiber.history = mix(fiber.history, what);
  state_ += mix(fiber.history, running_);
  fiber.round = mix(fiber.round, what);
}

void Execution::note_order(std::uint64_t& order, std::uint64_t what) {
  state_ -= order;
  order = mix(order, what);
  state_ += order;
}

void Execution::fence_first(std::memory_order order) {
  if (order != std::memory_order_seq_cst) return;
  memory_.fence(running_, order);
  note(event(kFence, 0, 0));
  note_order(fences_, fibers_[running_].history);
}

void Execution::note_read(std::size_t location, std::size_t message) {
  if (!sequential_) fibers_[running_].reads.push_back({location, message});
}

void Execution::note_write(std::size_t location) {
  const std::uint32_t identity = memory_.identity(location, memory_.newest(location));
  note_order(stores_[location], mix(word_of_[location], identity));
}

// --- what a program does ---------------------------------------------------------------------

std::size_t Execution::locate(Word word) {
  const auto* address = static_cast<const std::byte*>(word.address);
  if (address < arena_begin_ || address >= arena_begin_ + arena_used_) {
    fail("an access outside the shared memory");
  }
  const auto offset = static_cast<std::size_t>(address - arena_begin_);
  if (offset % word.bytes != 0) fail("a misaligned access");
  // Two words of four bytes in one of eight are taken for one: the layouts keep them apart.
  const std::size_t location = memory_.location(offset / kWordBytes, value_in(word));
  word_of_[location] = offset / kWordBytes;
  return location;
}

std::memory_order Execution::effective(std::memory_order order, Operation operation,
                                       std::string_view label) {
  if (sequential_) return order;
  const std::string& role = fibers_[running_].role;
  if (mutation_ == nullptr) {
    if (order != std::memory_order_relaxed || is_check(label)) {
      sites_.insert({role, std::string(label), operation, order});
    }
    return order;
  }
  return mutation_->hits(role, label, operation) ? mutation_->weakened(order) : order;
}

bool Execution::is_left_out(std::string_view label) const {
  return !sequential_ && mutation_ != nullptr && mutation_->takes == Mutation::Takes::store &&
         mutation_->hits(fibers_[running_].role, label, Operation::store);
}

void Execution::check_race(Word word, const char* what) {
  if (!memory_.racy()) return;
  fail(fmt::format("a data race: this {} of the word at {} is not ordered with an earlier access",
                   what, static_cast<const std::byte*>(word.address) - arena_begin_));
}

std::uint64_t Execution::load(Word word, std::memory_order order, std::string_view label) {
  decide_who();
  order = effective(order, Operation::load, label);
  fence_first(order);
  const std::size_t location = locate(word);
  const std::size_t message = choose_message(location);
  memory_.read(running_, location, message, order, Kind::atomic);
  note(event(kLoad, word_of_[location], memory_.identity(location, message)));
  note_read(location, message);
  const std::uint64_t value = memory_.value(location, message);
  say("load  {} [{}] = {:#x} {}{}", label, word_of_[location] * kWordBytes, value, name_of(order),
      message == memory_.newest(location) ? "" : " (stale)");
  check_race(word, "load");
  return value;
}

void Execution::store(Word word, std::uint64_t value, std::memory_order order,
                      std::string_view label) {
  if (is_left_out(label)) return;
  decide_who();
  order = effective(order, Operation::store, label);
  fence_first(order);
  const std::size_t location = locate(word);
  memory_.write(running_, location, value, order, Kind::atomic);
  note(event(kStore, word_of_[location], 0));
  note_write(location);
  say("store {} [{}] = {:#x} {}", label, word_of_[location] * kWordBytes, value, name_of(order));
  check_race(word, "store");
}

bool Execution::compare_exchange(Word word, std::uint64_t& expected, std::uint64_t desired,
                                 std::memory_order success, std::memory_order failure,
                                 std::string_view label) {
  decide_who();
  success = effective(success, Operation::read_modify_write, label);
  fence_first(success);
  const std::size_t location = locate(word);
  const std::size_t newest = memory_.newest(location);
  // It succeeds on the newest message only, and fails as a load of any other value would.
  std::array<std::size_t, kMaxMessages> possible{};
  std::size_t count = 0;
  const std::size_t oldest = may_be_stale() ? memory_.oldest(running_, location) : newest;
  for (std::size_t message = newest + 1; message-- > oldest;) {
    if (message == newest || memory_.value(location, message) != expected) {
      possible[count++] = message;
    }
  }
  const std::size_t message = possible[choose(count)];
  if (message != newest) ++stale_loads_;
  const std::uint64_t value = memory_.value(location, message);
  const std::uint32_t identity = memory_.identity(location, message);
  note(event(kExchange, word_of_[location], identity));
  if (value == expected) {
    memory_.read_and_write(running_, location, desired, success);
    note_write(location);
    say("cas   {} [{}] {:#x} -> {:#x} {}", label, word_of_[location] * kWordBytes, value, desired,
        name_of(success));
  } else {
    memory_.read(running_, location, message, failure, Kind::atomic);
    note_read(location, message);
    say("cas   {} [{}] fails, {:#x}{}", label, word_of_[location] * kWordBytes, value,
        message == newest ? "" : " (stale)");
  }
  check_race(word, "compare-exchange");
  return value == expected || (expected = value, false);
}

std::uint64_t Execution::begin_modify(Word word, std::memory_order order, std::string_view label) {
  decide_who();
  fence_first(effective(order, Operation::read_modify_write, label));
  const std::size_t location = locate(word);
  return memory_.value(location, memory_.newest(location));
}

void Execution::end_modify(Word word, std::uint64_t value, std::memory_order order,
                           std::string_view label) {
  order = effective(order, Operation::read_modify_write, label);
  const std::size_t location = locate(word);
  const std::size_t newest = memory_.newest(location);
  note(event(kExchange, word_of_[location], memory_.identity(location, newest)));
  say("rmw   {} [{}] {:#x} -> {:#x} {}", label, word_of_[location] * kWordBytes,
      memory_.value(location, newest), value, name_of(order));
  memory_.read_and_write(running_, location, value, order);
  note_write(location);
  check_race(word, "read-modify-write");
}

void Execution::fence(std::memory_order order, std::string_view label) {
  order = effective(order, Operation::fence, label);
  if (order == std::memory_order_relaxed) return;  // taken away, and no step either
  // Only a seq_cst fence meets others.
  if (order == std::memory_order_seq_cst) decide_who();
  memory_.fence(running_, order);
  note(event(kFence, 0, static_cast<std::uint64_t>(order)));
  if (order == std::memory_order_seq_cst) note_order(fences_, fibers_[running_].history);
  say("fence {} {}", label, name_of(order));
}

void Execution::heavy_barrier() {
  constexpr std::memory_order kOrder = std::memory_order_seq_cst;
  if (effective(kOrder, Operation::fence, "membarrier") != kOrder) return;
  decide_who();
  memory_.heavy_barrier();
  note(event(kBarrier, 0, 0));
  // It has an order with every step of every other thread.
  std::uint64_t everything = 0;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
    everything = mix(everything, fibers_[thread].history);
  }
  note_order(fences_, everything);
  say("membarrier");
}

void Execution::pause() {
  if (sequential_) fail("a wait before the threads started or after they ended");
  Fiber& fiber = fibers_[running_];
  if (fiber.round == fiber.round_before) {
    outcome_ = Outcome::redundant;
    stopped_ = true;
    hand_over();
    std::abort();
  }
  fiber.round_before = std::exchange(fiber.round, 0);
  fiber.state = State::paused;
  hand_over();
}

std::uint64_t Execution::plain_load(Word word) {
  const std::size_t location = locate(word);
  const std::size_t newest = memory_.newest(location);
  memory_.read(running_, location, newest, std::memory_order_relaxed, Kind::plain);
  say("read  [{}] = {:#x}", word_of_[location] * kWordBytes, memory_.value(location, newest));
  check_race(word, "read");
  return memory_.value(location, newest);
}

void Execution::plain_store(Word word, std::uint64_t value) {
  if (!memory_.has_room()) fail("a run with more words or more stores than the explorer keeps");
  const std::size_t location = locate(word);
  memory_.write(running_, location, value, std::memory_order_relaxed, Kind::plain);
  note(event(kStore, word_of_[location], 0));
  note_write(location);
  say("write [{}] = {:#x}", word_of_[location] * kWordBytes, value);
  check_race(word, "write");
}

bool Execution::futex_wait(Word word, std::uint64_t expected, bool times_out) {
  decide_who();
  // The kernel's lock of the queue orders waits and wakes, and whatever is around them.
  memory_.fence(running_, std::memory_order_seq_cst);
  const std::size_t location = locate(word);
  const std::size_t newest = memory_.newest(location);
  memory_.read(running_, location, newest, std::memory_order_relaxed, Kind::atomic);
  note(event(kSleep, word_of_[location], memory_.identity(location, newest)));
  note_order(fences_, fibers_[running_].history);
  const bool sleeps = memory_.value(location, newest) == expected;
  say("futex_wait [{}]{}", word_of_[location] * kWordBytes, sleeps ? "" : ": not any more");
  if (!sleeps) return false;
  Fiber& fiber = fibers_[running_];
  fiber.state = State::asleep;
  fiber.sleeps_at = location;
  fiber.times_out = times_out;
  hand_over();
  return true;
}

std::size_t Execution::begin_wake(Word word) {
  decide_who();
  memory_.fence(running_, std::memory_order_seq_cst);
  const std::size_t location = locate(word);
  note(event(kWake, word_of_[location], 0));
  note_order(fences_, fibers_[running_].history);
  say("futex_wake [{}]", word_of_[location] * kWordBytes);
  return location;
}

void Execution::wake(std::size_t thread, std::uint64_t by) {
  const std::size_t waker = running_;
  Fiber& fiber = fibers_[thread];
  memory_.fence(thread, std::memory_order_seq_cst);
  fiber.state = State::ready;
  fiber.slept = true;
  running_ = thread;
  note(event(kAwake, 0, by));
  running_ = waker;
}

void Execution::futex_wake(Word word) {
  const std::size_t location = begin_wake(word);
  const std::uint64_t by = fibers_[running_].history;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
    const Fiber& fiber = fibers_[thread];
    if (fiber.state == State::asleep && fiber.sleeps_at == location) wake(thread, by);
  }
}

bool Execution::futex_wake_one(Word word) {
  const std::size_t location = begin_wake(word);
  std::array<std::size_t, kMaxThreads> asleep{};
  std::size_t count = 0;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
    const Fiber& fiber = fibers_[thread];
    if (fiber.state == State::asleep && fiber.sleeps_at == location) asleep[count++] = thread;
  }
  if (count == 0) return false;
  const std::size_t chosen = asleep[choose(count)];
  note(event(kWoken, 0, chosen));
  say("thread {} is woken", chosen);
  wake(chosen, fibers_[running_].history);
  return true;
}

bool Execution::is_dead(std::size_t thread) {
  decide_who();
  const std::size_t location = memory_.location(kDeathWord + thread, 0);
  word_of_[location] = kDeathWord + thread;
  const std::size_t message = choose_message(location);
  memory_.read(running_, location, message, std::memory_order_acquire, Kind::atomic);
  note(event(kLoad, word_of_[location], memory_.identity(location, message)));
  note_read(location, message);
  say("is_dead({}) = {}", thread, memory_.value(location, message));
  return memory_.value(location, message) != 0;
}

}  // namespace ringbell::model
