// CallLine, explored: calls in the line and in attached buffers, calls given up, calls that another
// thread answers, and the death of either side with a successor.
#include <optional>
#include <string>
#include <vector>

#include "tests/model/call_program.hpp"
#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

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

class ServerDies : public WithSuccessor<CallProgram, kServer> {
 public:
  explicit ServerDies(bool gives_up) : WithSuccessor(8), gives_up_(gives_up) {}

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

class CallerDies : public WithSuccessor<CallProgram, kCaller> {
 public:
  CallerDies() : WithSuccessor(8) {}

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
