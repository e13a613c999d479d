// CallLine, explored: calls in the line and in attached buffers, calls given up, calls that another
// thread answers, and the death of either side with a successor.
#include <array>
#include <optional>
#include <string>

#include <ringbell/core/call_line.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Line = core::CallLine<SimulatedAtomics>;

constexpr std::size_t kCaller = 1;
constexpr std::size_t kServer = 2;
constexpr std::size_t kSuccessor = 3;

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
      write_payload(server.claim(size_bytes_), number + kAnswer);
      server.respond();
    }
  }

  void say_begun(std::uint64_t number) {
    require(!withdrawn_.at(number), "a call was begun after it was taken back");
    require(++begun_.at(number) == 1, "a call was begun twice");
  }
  // Gives the call up, and holds the caller to what it is told.
  void give_up(Line::Caller& caller, std::uint64_t number) {
    switch (caller.abandon()) {
      case core::CallFate::withdrawn:
        require(begun_.at(number) == 0, "a call was taken back after it was begun");
        withdrawn_.at(number) = true;
        require(caller.has_room(), "a call was taken back, and the line is not free");
        return;
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

class Calls : public CallProgram {
 public:
  Calls(std::uint32_t size_bytes, std::uint64_t calls) : CallProgram(size_bytes), calls_(calls) {}

  void run(std::size_t thread) override {
    if (thread == kServer) {
      Line::Server server(memory());
      serve(server);
      return;
    }
    Line::Caller caller(memory());
    for (std::uint64_t number = 1; number <= calls_; ++number) {
      call(caller, number);
      expect(caller, number);
    }
    say_done();
  }

 private:
  std::uint64_t calls_;
};

// Each call but the last is given up after one look.
class Abandoned : public CallProgram {
 public:
  explicit Abandoned(std::uint32_t size_bytes) : CallProgram(size_bytes) {}

  void run(std::size_t thread) override {
    if (thread == kServer) {
      Line::Server server(memory());
      serve(server);
      return;
    }
    Line::Caller caller(memory());
    for (std::uint64_t number = 1; number <= 2; ++number) {
      call(caller, number);
      if (!caller.answered()) give_up(caller, number);
    }
    call(caller, 3);
    expect(caller, 3);
    say_done();
  }
};

// The server hands each request to a worker, and looks for the next one meanwhile.
class AnsweredLater : public CallProgram {
 public:
  explicit AnsweredLater(std::uint32_t size_bytes) : CallProgram(size_bytes) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kWorker ? "worker" : CallProgram::role(thread);
  }
  void begin() override {
    CallProgram::begin();
    box_ = Execution::current().shared<std::uint64_t>();
  }

  void run(std::size_t thread) override {
    if (thread == kCaller) {
      ask();
    } else if (thread == kServer) {
      hand_on();
    } else {
      work();
    }
  }

 private:
  static constexpr std::size_t kWorker = 3;

  void ask() {
    Line::Caller caller(memory());
    call(caller, 1);
    if (!caller.answered()) give_up(caller, 1);
    call(caller, 2);
    expect(caller, 2);
    say_done();
  }
  void hand_on() {
    Line::Server server(memory());
    while (!is_done()) {
      const std::span<const std::byte> request = server.request();
      require(!server.corrupt(), "the server takes the line for corrupt");
      if (request.empty()) {
        SimulatedAtomics::pause();
        continue;
      }
      say_begun(read_payload(request));
      while (SimulatedAtomics::load(*box_, std::memory_order_acquire, kNoEdge) != 0) {
        SimulatedAtomics::pause();
      }
      taken_.emplace(server.take());
      SimulatedAtomics::store(*box_, std::uint64_t{1}, std::memory_order_release, kNoEdge);
    }
  }
  void work() {
    while (!is_done()) {
      if (SimulatedAtomics::load(*box_, std::memory_order_acquire, kNoEdge) == 0) {
        SimulatedAtomics::pause();
        continue;
      }
      Line::Taken taken = *taken_;
      SimulatedAtomics::store(*box_, std::uint64_t{0}, std::memory_order_release, kNoEdge);
      const std::uint64_t number = read_payload(taken.request());
      (void)taken.is_cancelled();
      write_payload(taken.claim(size_bytes()), number + kAnswer);
      taken.respond();
    }
  }

  std::uint64_t* box_ = nullptr;  // 1: taken_ is the worker's
  std::optional<Line::Taken> taken_;
};

class ServerDies : public CallProgram {
 public:
  explicit ServerDies(bool gives_up) : CallProgram(8), gives_up_(gives_up) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new server" : CallProgram::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kServer; }

  void run(std::size_t thread) override {
    if (thread == kCaller) {
      Line::Caller caller(memory());
      for (std::uint64_t number = gives_up_ ? 2 : 1; number <= 3; ++number) {
        call(caller, number);
        if (gives_up_ && number < 3) {
          if (!caller.answered()) give_up(caller, number);
          continue;
        }
        wait(caller);
        if (caller.failed()) {
          require(++failed_ == 1, "more calls failed than servers died");
        } else {
          require(read_payload(caller.response()) == number + kAnswer,
                  "the answer to another call");
        }
      }
      say_done();
    } else {
      if (thread == kSuccessor) wait_for_the_end_of(kServer);
      Line::Server server(memory());
      serve(server);
      if (thread == kServer) say_ended();
    }
  }

 private:
  bool gives_up_;
  int failed_ = 0;
};

class CallerDies : public CallProgram {
 public:
  CallerDies() : CallProgram(8) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kSuccessor ? "new caller" : CallProgram::role(thread);
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kCaller; }

  void run(std::size_t thread) override {
    if (thread == kServer) {
      Line::Server server(memory());
      serve(server);
      return;
    }
    const bool is_new = thread == kSuccessor;
    if (is_new) wait_for_the_end_of(kCaller);
    Line::Caller caller(memory());
    const std::uint64_t first = is_new ? 10 : 1;
    for (std::uint64_t number = first; number < first + 2; ++number) {
      call(caller, number);
      expect(caller, number);
    }
    if (is_new) {
      say_done();
    } else {
      say_ended();
    }
  }
};

}  // namespace

std::vector<Scenario> call_scenarios() {
  const auto both = [](const char* name, MakeProgram make, int deaths) {
    return Scenario{"CallLine", name, std::move(make),
                    Bounds{.preemptions = 2, .stale_loads = 2, .deaths = deaths},
                    Bounds{.preemptions = deaths > 0 ? 3 : 4, .stale_loads = 3, .deaths = deaths}};
  };
  constexpr std::uint32_t kLong = 56;
  return {
      both("calls in the line", program<Calls>(16U, 3U), 0),
      both("calls in the buffers", program<Calls>(kLong, 2U), 0),
      both("calls given up", program<Abandoned>(8U), 0),
      both("long calls given up", program<Abandoned>(kLong), 0),
      {"CallLine", "another thread answers", program<AnsweredLater>(8U),
       Bounds{.preemptions = 1, .stale_loads = 2}, Bounds{.preemptions = 3, .stale_loads = 2}},
      both("the server dies", program<ServerDies>(false), 1),
      both("the server dies, calls are given up", program<ServerDies>(true), 1),
      both("the caller dies", program<CallerDies>(), 1),
  };
}

}  // namespace ringbell::model
