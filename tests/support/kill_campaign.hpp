// One operation, killed at every step of it: what is killed, what the survivors do, and how long
// that took.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringbell::test {

// A process at work, and what is left when it has died. A new one is made for each kill; what both
// processes see of it is made by its constructor, in the parent.
class Victim {
 public:
  Victim() = default;
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  virtual ~Victim() = default;

  // In the child, before its first step.
  virtual void prepare() {}
  // In the child.
  virtual void operate() = 0;
  // In the parent, once the child is dead: waits until a survivor has noticed, if that takes time.
  // What follows is timed apart from it. False: nothing has to be noticed first.
  virtual bool notice() { return false; }
  // In the parent, after that. Fails the test if anything is lost, torn, or does not go on.
  virtual void survive() = 0;
};

using MakeVictim = std::function<std::unique_ptr<Victim>()>;

// Times, in one line for people.
class SurvivorTimes {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration time) { times_.push_back(time); }
  [[nodiscard]] std::size_t count() const noexcept { return times_.size(); }
  // "median 12 us, worst 340 us". Fails the test where they are beyond `limit` and ten times that,
  // out of all proportion: the machine may be busy. Where the environment has RINGBELL_EMULATED
  // they are only told.
  [[nodiscard]] std::string judged(Duration limit = std::chrono::milliseconds(100));

 private:
  std::vector<Duration> times_;
};

// Kills a child before each instruction of Victim::operate(), and once behind the last. (In a
// sanitizer build, where they are ten times as many, before some of them.)
void kill_at_every_instruction(const std::string& what, const MakeVictim& make);

// For operations of thousands of instructions, which are system calls for the most part: kills a
// child before each system call and behind each, and before so many of the instructions, other ones
// in each run. Before every one if RINGBELL_CRASH_STEPS=all. (In a sanitizer build, at some stops.)
void kill_at_every_system_call(const std::string& what, const MakeVictim& make,
                               std::size_t instructions = 500);

// Where each survivor takes long to notice: kills a child before so many of the instructions, other
// ones in each run. Before every one if RINGBELL_CRASH_STEPS=all.
void kill_at_some_instructions(const std::string& what, const MakeVictim& make,
                               std::size_t instructions);

}  // namespace ringbell::test
