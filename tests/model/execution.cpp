#include "tests/model/execution.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "tests/model/steps.hpp"

namespace ringbell::model {
namespace {

namespace context = boost::context::detail;

Execution* g_current = nullptr;

}  // namespace

Execution::Execution(const Bounds& bounds, const Mutation* mutation)
    : bounds_(bounds), mutation_(mutation), arena_(std::make_unique<std::byte[]>(2 * kArenaBytes)) {
  void* begin = arena_.get();
  std::size_t space = 2 * kArenaBytes;
  arena_begin_ = static_cast<std::byte*>(std::align(kArenaBytes / 4, kArenaBytes, begin, space));
  for (Fiber& fiber : fibers_) fiber.stack = std::make_unique<std::byte[]>(kStackBytes);
  g_current = this;
}

Execution::~Execution() { g_current = nullptr; }

Execution& Execution::current() { return *g_current; }

// --- one run ---------------------------------------------------------------------------------

Execution::Outcome Execution::run(Program& program) {
  program_ = &program;
  fiber_count_ = program.threads() + 1;
  memory_.reset(fiber_count_);
  std::memset(arena_begin_, 0, arena_used_);
  arena_used_ = 0;
  for (std::size_t thread = 0; thread < fiber_count_; ++thread) {
    Fiber& fiber = fibers_[thread];
    fiber.state = State::ready;
    if (fiber.role.empty()) fiber.role = thread == 0 ? "all" : program.role(thread);
    fiber.history = fiber.round = fiber.round_before = 0;
    fiber.reads.clear();
    fiber.moved = fiber.chosen = fiber.slept = false;
  }
  stores_ = {};
  fences_ = state_ = 0;
  last_ = steps_ = depth_ = 0;
  preemptions_ = stale_loads_ = deaths_ = 0;
  outcome_ = Outcome::finished;
  stopped_ = false;

  sequential_ = true;
  start(0);  // begin(), and then it waits for the others
  if (stopped_) return outcome_;
  sequential_ = false;
  run_threads();
  if (stopped_) return outcome_;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) memory_.follow(0, thread);
  sequential_ = true;
  resume(0);  // end()
  return outcome_;
}

bool Execution::next() {
  while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().taken;
  return true;
}

void Execution::retrace() {
  seen_.clear();
  tracing_ = true;
  trace_.clear();
}

void* Execution::allocate(std::size_t bytes, std::size_t alignment) {
  arena_used_ = (arena_used_ + alignment - 1) / alignment * alignment;
  void* place = arena_begin_ + arena_used_;
  arena_used_ += (bytes + kWordBytes - 1) / kWordBytes * kWordBytes;
  if (arena_used_ > kArenaBytes) {
    fail("the program shares more memory than the explorer has");
  }
  return place;
}

void Execution::fail(std::string what) {
  outcome_ = Outcome::failed;
  failure_ = std::move(what);
  stopped_ = true;
  hand_over();
  std::abort();  // a stopped run is never taken up again
}

// --- fibers ----------------------------------------------------------------------------------

void Execution::enter(context::transfer_t from) {
  Execution& self = current();
  self.explorer_ = from.fctx;
  const std::size_t thread = self.running_;
  if (thread == 0) {
    self.program_->begin();
    self.hand_over();
    self.program_->end();
  } else {
    self.program_->run(thread);
  }
  self.fibers_[thread].state = State::ended;
  self.note(event(kPause, 0, 0));
  self.hand_over();
  std::abort();  // an ended fiber is never resumed
}

void Execution::start(std::size_t thread) {
  Fiber& fiber = fibers_[thread];
  fiber.context =
      context::make_fcontext(fiber.stack.get() + kStackBytes, kStackBytes, &Execution::enter);
  resume(thread);
}

void Execution::resume(std::size_t thread) {
  running_ = thread;
  fibers_[thread].context = context::jump_fcontext(fibers_[thread].context, nullptr).fctx;
}

void Execution::hand_over() { explorer_ = context::jump_fcontext(explorer_, nullptr).fctx; }

// --- decisions -------------------------------------------------------------------------------

std::size_t Execution::choose(std::size_t count) {
  if (count == 1) return 0;
  if (depth_ == path_.size()) path_.push_back({0, static_cast<std::uint32_t>(count)});
  return path_[depth_++].taken;
}

std::size_t Execution::choose_message(std::size_t location) {
  const std::size_t newest = memory_.newest(location);
  if (!may_be_stale()) return newest;
  const std::size_t message = newest - choose(newest - memory_.oldest(running_, location) + 1);
  if (message != newest) ++stale_loads_;
  return message;
}

void Execution::decide_who() {
  if (sequential_) return;
  // A thread that was chosen to go on after a pause or a sleep was chosen for this step.
  if (std::exchange(fibers_[running_].chosen, false)) return;
  if (++steps_ > bounds_.steps)
    fail("a run of this many steps: does a thread wait without pause()?");
  if (!memory_.has_room()) fail("a run with more words or more stores than the explorer keeps");
  hand_over();
}

bool Execution::can_go_on(const Fiber& fiber) const {
  switch (fiber.state) {
    case State::ready:
      return true;
    case State::paused:
      return std::any_of(fiber.reads.begin(), fiber.reads.end(), [&](const Read& read) {
        return memory_.newest(read.location) > read.message;
      });
    default:
      return false;
  }
}

void Execution::collect_options() {
  options_.clear();
  const bool last_can = last_ != 0 && can_go_on(fibers_[last_]);
  if (last_can) options_.push_back({last_, false});
  const bool may_interrupt =
      !last_can || bounds_.preemptions < 0 || preemptions_ < bounds_.preemptions;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
    if (thread != last_ && may_interrupt && can_go_on(fibers_[thread])) {
      options_.push_back({thread, false});
    }
  }
  if (options_.empty()) {  // a sleep with a time-out is over
    for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
      const Fiber& fiber = fibers_[thread];
      if (fiber.state == State::asleep && fiber.times_out) options_.push_back({thread, false});
    }
  }
  if (deaths_ == bounds_.deaths) return;
  for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
    const State state = fibers_[thread].state;
    const bool just_moved = thread == last_ || (last_ == 0 && !fibers_[thread].moved);
    if (just_moved && state != State::dead && program_->may_die(thread)) {
      options_.push_back({thread, true});
    }
  }
}

void Execution::kill(std::size_t thread) {
  ++deaths_;
  running_ = thread;
  fibers_[thread].state = State::dead;
  say("dies");
  // The kernel drops its locks: a thread that learns of it sees everything that it had stored.
  const std::size_t location = memory_.location(kDeathWord + thread, 0);
  word_of_[location] = kDeathWord + thread;
  memory_.write(thread, location, 1, std::memory_order_release, Kind::atomic);
  note_write(location);
}

bool Execution::seen_before() {
  if (depth_ < path_.size() || tracing_) return false;
  std::uint64_t key = state_;
  if (bounds_.preemptions >= 0) {
    key = mix(key, last_ << 32U | static_cast<std::uint64_t>(preemptions_));
  }
  if (bounds_.stale_loads >= 0) key = mix(key, static_cast<std::uint64_t>(stale_loads_));
  // Which thread may die depends on which one moved last.
  if (deaths_ < bounds_.deaths) key = mix(key, last_);
  return !seen_.insert(key).second;
}

void Execution::run_threads() {
  for (std::size_t thread = 1; thread < fiber_count_ && !stopped_; ++thread) {
    memory_.follow(thread, 0);
    start(thread);
  }
  while (!stopped_) {
    collect_options();
    if (options_.empty()) {
      const auto settled = [](const Fiber& fiber) {
        return fiber.state == State::ended || fiber.state == State::dead;
      };
      if (std::all_of(fibers_.begin() + 1, fibers_.begin() + static_cast<int>(fiber_count_),
                      settled)) {
        return;
      }
      outcome_ = Outcome::failed;
      failure_ = "no thread can go on: ";
      for (std::size_t thread = 1; thread < fiber_count_; ++thread) {
        const Fiber& fiber = fibers_[thread];
        if (settled(fiber)) continue;
        failure_ += fmt::format("{} ({}) {} ", fiber.role, thread,
                                fiber.state == State::asleep ? "sleeps" : "waits");
      }
      stopped_ = true;
      return;
    }
    if (seen_before()) {
      outcome_ = Outcome::seen_before;
      stopped_ = true;
      return;
    }
    const bool last_can = !options_.front().dies && options_.front().thread == last_;
    const Option chosen = options_[choose(options_.size())];
    if (chosen.dies) {
      kill(chosen.thread);
      continue;
    }
    if (last_can && chosen.thread != last_) ++preemptions_;
    last_ = chosen.thread;
    Fiber& fiber = fibers_[chosen.thread];
    fiber.moved = true;
    fiber.chosen = fiber.state == State::paused || fiber.slept;
    fiber.slept = false;
    if (fiber.state == State::paused) fiber.reads.clear();
    if (fiber.state == State::asleep) {
      running_ = chosen.thread;
      note(event(kAwake, 0, 0));
      say("wakes: its time is over");
      fiber.chosen = true;
    }
    fiber.state = State::ready;
    resume(chosen.thread);
  }
}

}  // namespace ringbell::model
