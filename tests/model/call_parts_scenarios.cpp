// CallLine, explored: answers in parts, read to their end or given up; a server that finishes,
// answers or drops; and the death of either side with a successor.
#include <string>
#include <utility>
#include <vector>

#include "tests/model/call_program.hpp"
#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

enum class Reads { all, first_part, one_look };
enum class Ends { finish, respond, drop };

// A server that answers n with two parts, and ends the call; a caller that makes two calls, of
// which it reads the last to its end.
class Parts : public CallProgram {
 public:
  Parts(Reads reads, Ends ends, std::uint32_t size_bytes = 8)
      : CallProgram(size_bytes), reads_(reads), ends_(ends) {}

  void run(std::size_t thread) override {
    if (thread == kServer) {
      Line::Server server(memory());
      serve_in_parts(server);
    } else {
      Line::Caller caller(memory());
      call_all(caller, 1);
      say_done();
    }
  }

 protected:
  void call_all(Line::Caller& caller, std::uint64_t first) {
    call(caller, first);
    read(caller, first, reads_);
    call(caller, first + 1);
    read(caller, first + 1, Reads::all);
  }
  void serve_in_parts(Line::Server& server) {
    serve(server, [&](std::uint64_t number) {
      Line::Taken taken = server.take();
      answer(taken, number);
    });
  }
  [[nodiscard]] int failed() const { return failed_; }
  [[nodiscard]] virtual bool may_fail() const { return false; }

 private:
  static constexpr std::uint64_t kParts = 2;
  [[nodiscard]] static std::uint64_t content(std::uint64_t number, std::uint64_t part) {
    return kAnswer + 10 * number + part;
  }

  void answer(Line::Taken& taken, std::uint64_t number) {
    for (std::uint64_t part = 1; part <= kParts; ++part) {
      if (!is_wanted(taken)) return taken.drop();
      write_payload(taken.claim(size_bytes()), content(number, part));
      if (!taken.part()) return taken.drop();
    }
    if (ends_ == Ends::finish) return taken.finish();
    if (ends_ == Ends::drop || !is_wanted(taken)) return taken.drop();
    write_payload(taken.claim(size_bytes()), content(number, kParts + 1));
    taken.respond();
  }
  static bool is_wanted(Line::Taken& taken) {
    using Standing = Line::Taken::Standing;
    Standing at = taken.look();
    for (; at == Standing::out; at = taken.look()) SimulatedAtomics::pause();
    require(at == Standing::here, "the server takes the line for spoilt");
    return !taken.is_cancelled();
  }

  void read(Line::Caller& caller, std::uint64_t number, Reads reads) {
    for (std::uint64_t part = 1;; ++part) {
      if (reads == Reads::one_look && !caller.answered()) {
        const core::CallFate fate = caller.abandon();
        require(fate != core::CallFate::none, "there was a call");
        if (fate == core::CallFate::withdrawn) say_withdrawn(caller, number);
        return;
      }
      wait(caller);
      if (caller.failed()) {
        require(may_fail() || (ends_ == Ends::drop && part > kParts - 1), "the call failed");
        ++failed_;
        return;
      }
      if (caller.over()) {
        require(ends_ == Ends::finish && part == kParts + 1, "the call ended before its last part");
        return;
      }
      require(read_payload(caller.response()) == content(number, part), "another part");
      if (caller.has_more() && reads == Reads::first_part) {
        require(caller.abandon() != core::CallFate::withdrawn, "a call was begun and withdrawn");
        return;
      }
      if (!caller.next() && caller.over()) {
        require(part == kParts + (ends_ == Ends::respond ? 1 : 0), "a part is missing");
        return;
      }
    }
  }

  Reads reads_;
  Ends ends_;
  int failed_ = 0;
};

class ServerDiesBetweenParts : public WithSuccessor<Parts, kServer> {
 public:
  ServerDiesBetweenParts() : WithSuccessor(Reads::all, Ends::finish) {}

  void run(std::size_t thread) override {
    if (thread == kCaller) {
      Line::Caller caller(memory());
      call_all(caller, 1);
      require(failed() <= 1, "more calls failed than servers died");
      say_done();
      return;
    }
    if (thread == kSuccessor) wait_for_the_end_of(kServer);
    Line::Server server(memory());
    serve_in_parts(server);
    if (thread == kServer) say_ended();
  }

 private:
  [[nodiscard]] bool may_fail() const override { return true; }
};

class CallerDiesBetweenParts : public WithSuccessor<Parts, kCaller> {
 public:
  CallerDiesBetweenParts() : WithSuccessor(Reads::all, Ends::finish) {}

  void run(std::size_t thread) override {
    if (thread == kServer) {
      Line::Server server(memory());
      serve_in_parts(server);
      return;
    }
    const bool is_new = thread == kSuccessor;
    if (is_new) wait_for_the_end_of(kCaller);
    Line::Caller caller(memory());
    call_all(caller, is_new ? 10 : 1);
    if (is_new) {
      say_done();
    } else {
      say_ended();
    }
  }
};

}  // namespace

// They belong to CallLine.
std::vector<Scenario> call_parts_scenarios() {
  const auto two = [](const char* name, MakeProgram make) {
    return Scenario{"CallLine", name, std::move(make), Bounds{.preemptions = 2, .stale_loads = 2},
                    Bounds{.preemptions = 3, .stale_loads = 3}};
  };
  const auto death = [](const char* name, MakeProgram make, int stale_loads) {
    return Scenario{"CallLine", name, std::move(make),
                    Bounds{.preemptions = 1, .stale_loads = 1, .deaths = 1},
                    Bounds{.preemptions = 2, .stale_loads = stale_loads, .deaths = 1}};
  };
  constexpr std::uint32_t kLong = 56;
  return {
      two("parts, finished", program<Parts>(Reads::all, Ends::finish)),
      two("long parts, finished", program<Parts>(Reads::all, Ends::finish, kLong)),
      two("parts and an answer", program<Parts>(Reads::all, Ends::respond)),
      two("parts, then dropped", program<Parts>(Reads::all, Ends::drop)),
      two("given up after a part", program<Parts>(Reads::first_part, Ends::finish)),
      two("given up after a part, answered", program<Parts>(Reads::first_part, Ends::respond)),
      two("parts, given up", program<Parts>(Reads::one_look, Ends::finish)),
      death("the server dies between parts", program<ServerDiesBetweenParts>(), 2),
      death("the caller dies between parts", program<CallerDiesBetweenParts>(), 1),
  };
}

}  // namespace ringbell::model
