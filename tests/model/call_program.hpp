// What the programs over a CallLine have in common.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <ringbell/core/call_line.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {

using Line = core::CallLine<SimulatedAtomics>;

inline constexpr std::size_t kCaller = 1;
inline constexpr std::size_t kServer = 2;
inline constexpr std::size_t kSuccessor = 3;

// A server that answers n with n + 500, until the caller says that it has done.
class CallProgram : public Program {
 public:
  explicit CallProgram(std::uint32_t size_bytes) : size_bytes_(size_bytes) {}

  [[nodiscard]] std::size_t threads() const override { return 2; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kCaller ? "caller" : "server";
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_.cell = execution.shared<core::CallCell>();
    if (size_bytes_ > core::kInlineCallBytes) {
      memory_.buffer_bytes = size_bytes_;
      memory_.request_buffer = execution.shared<std::byte>(size_bytes_);
      memory_.response_buffer = execution.shared<std::byte>(size_bytes_);
    }
    ended_ = execution.shared<std::uint64_t>();
    done_ = execution.shared<std::uint64_t>();
  }

 protected:
  static constexpr std::uint64_t kAnswer = 500;

  [[nodiscard]] const core::CallMemory& memory() const { return memory_; }

  void call(Line::Caller& caller, std::uint64_t number) {
    std::span<std::byte> room;
    while ((room = caller.claim(size_bytes_)).empty()) {
      require(!caller.corrupt(), "the caller takes the line for corrupt");
      SimulatedAtomics::pause();
    }
    write_payload(room, number);
    caller.call();
  }
  void wait(Line::Caller& caller) {
    while (!caller.answered()) {
      require(!caller.corrupt(), "the caller takes the line for corrupt");
      SimulatedAtomics::pause();
    }
  }
  void expect(Line::Caller& caller, std::uint64_t number) {
    wait(caller);
    require(!caller.failed(), "the call failed");
    require(read_payload(caller.response()) == number + kAnswer, "the answer to another call");
  }
  void say_done() {
    SimulatedAtomics::store(*done_, std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }

  void serve(Line::Server& server) {
    serve(server, [&](std::uint64_t number) {
      write_payload(server.claim(size_bytes_), number + kAnswer);
      server.respond();
    });
  }
  // Each request by answer(number), until there will be no more.
  template <class Answer>
  void serve(Line::Server& server, Answer&& answer) {
    while (true) {
      const std::span<const std::byte> request = server.request();
      require(!server.corrupt(), "the server takes the line for corrupt");
      if (request.empty()) {
        if (is_done()) return;
        SimulatedAtomics::pause();
        continue;
      }
      const std::uint64_t number = read_payload(request);
      say_begun(number);
      answer(number);
    }
  }

  void say_begun(std::uint64_t number) {
    require(!withdrawn_.at(number), "a call was begun after it was taken back");
    require(++begun_.at(number) == 1, "a call was begun twice");
  }
  void say_withdrawn(Line::Caller& caller, std::uint64_t number) {
    require(begun_.at(number) == 0, "a call was taken back after it was begun");
    withdrawn_.at(number) = true;
    require(caller.has_room(), "a call was taken back, and the line is not free");
  }
  // Gives the call up, and holds the caller to what it is told.
  void give_up(Line::Caller& caller, std::uint64_t number) {
    switch (caller.abandon()) {
      case core::CallFate::withdrawn:
        return say_withdrawn(caller, number);
      case core::CallFate::served:
        require(read_payload(caller.response()) == number + kAnswer, "the answer to another call");
        return;
      case core::CallFate::maybe_served:
        return;
      case core::CallFate::none:
        require(false, "there was a call");
    }
  }
  [[nodiscard]] bool is_done() const {
    return SimulatedAtomics::load(*done_, std::memory_order_acquire, kNoEdge) != 0;
  }
  [[nodiscard]] std::uint32_t size_bytes() const { return size_bytes_; }

  void say_ended() {
    SimulatedAtomics::store(*ended_, std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }
  // The kernel lets a successor in when the one before has ended or died.
  void wait_for_the_end_of(std::size_t thread) const {
    while (SimulatedAtomics::load(*ended_, std::memory_order_acquire, kNoEdge) == 0 &&
           !is_dead(thread)) {
      SimulatedAtomics::pause();
    }
  }

 private:
  std::uint32_t size_bytes_;
  core::CallMemory memory_{};
  std::array<int, 16> begun_{};
  std::array<bool, 16> withdrawn_{};
  std::uint64_t* ended_ = nullptr;  // the first of a role has ended alive
  std::uint64_t* done_ = nullptr;   // there will be no more calls
};

// A program of two, with one more that comes when the one that may die has ended or died.
template <class OfTwo, std::size_t kMayDie>
class WithSuccessor : public OfTwo {
 public:
  using OfTwo::OfTwo;

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new " + OfTwo::role(kMayDie) : OfTwo::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kMayDie; }
};

}  // namespace ringbell::model
