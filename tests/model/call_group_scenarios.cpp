// CallGroup, explored: two callers and a server that takes every line for quiet as soon as it is
// empty, and the death of the server with a successor. A server that polls as often as there are
// lines finds whatever was called, signalled or not: else its caller would wait for ever.
#include <array>
#include <string>
#include <vector>

#include <ringbell/core/call_group.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Group = core::CallGroup<SimulatedAtomics>;

constexpr std::uint32_t kLines = 2;
constexpr std::uint64_t kPerCaller = 100;
constexpr std::uint64_t kAnswer = 500;

// Threads 1 and 2 call, 3 serves, and 4 after it if it dies. A server answers n with n + 500, until
// all callers have done.
class TwoCallers : public Program {
 public:
  TwoCallers(core::LanePace pace, std::uint64_t calls_each, bool dies)
      : pace_(pace), calls_each_(calls_each), dies_(dies) {}

  [[nodiscard]] std::size_t threads() const override { return dies_ ? 4 : 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread <= kLines ? "caller" : thread == kServer ? "server" : "new server";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return dies_ && thread == kServer;
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::ReadyControl>(),
               .lines = execution.shared<core::CallGroupLine>(kLines),
               .buffers = nullptr,
               .buffer_bytes = 0,
               .lane_count = kLines};
    done_ = execution.shared<std::uint64_t>(kMaxThreads);
  }

  void run(std::size_t thread) override {
    if (thread <= kLines) {
      call_all(static_cast<std::uint32_t>(thread - 1));
      say_done(thread);
      return;
    }
    if (thread != kServer) {
      while (!is_done(kServer) && !is_dead(kServer)) SimulatedAtomics::pause();
    }
    serve();
    if (dies_ && thread == kServer) say_done(thread);
  }

 private:
  static constexpr std::size_t kServer = kLines + 1;

  void say_done(std::size_t thread) const {
    SimulatedAtomics::store(done_[thread], std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }
  [[nodiscard]] bool is_done(std::size_t thread) const {
    return SimulatedAtomics::load(done_[thread], std::memory_order_acquire, kNoEdge) != 0;
  }

  void call_all(std::uint32_t line) {
    Group::Caller caller(memory_, line);
    for (std::uint64_t count = 1; count <= calls_each_; ++count) {
      const std::uint64_t number = line * kPerCaller + count;
      write_payload(caller.claim(8), number);
      caller.call();
      while (!caller.answered()) {
        require(!caller.corrupt(), "the caller takes its line for corrupt");
        SimulatedAtomics::pause();
      }
      if (caller.failed()) {
        require(dies_ && ++failed_ == 1, "more calls failed than servers died");
      } else {
        require(read_payload(caller.response()) == number + kAnswer, "the answer to another call");
      }
    }
  }

  // The next request, or nothing after as many polls as the promise needs.
  [[nodiscard]] static std::span<const std::byte> poll(Group::Server& server) {
    for (std::uint32_t round = 0; round < kLines; ++round) {
      if (const auto request = server.request(); !request.empty()) return request;
      require(server.corrupt_lines() == 0, "the server takes a line for corrupt");
    }
    return {};
  }
  void serve() {
    std::vector<Group::ServerLine> storage(kLines);
    Group::Server server(memory_, storage, pace_);
    while (true) {
      const bool over = is_done(1) && is_done(2);
      const std::span<const std::byte> request = poll(server);
      if (request.empty()) {
        if (over) return;
        SimulatedAtomics::pause();
        continue;
      }
      const std::uint64_t number = read_payload(request);
      require(number / kPerCaller == server.line(), "a call in another's line");
      require(++begun_.at(number) == 1, "a call was begun twice");
      write_payload(server.claim(8), number + kAnswer);
      server.respond();
    }
  }

  core::LanePace pace_;
  std::uint64_t calls_each_;
  bool dies_;
  core::CallGroupMemory memory_{};
  std::uint64_t* done_ = nullptr;
  std::array<int, kLines * kPerCaller + 16> begun_{};
  int failed_ = 0;
};

}  // namespace

// They belong to CallLine: a group's own words are hints, and no order there can be taken away.
std::vector<Scenario> call_group_scenarios() {
  constexpr core::LanePace kHasty{.patience = 1, .kept_lanes = 0};
  constexpr core::LanePace kPatient{.patience = 2, .kept_lanes = 1};
  const auto scenario = [](const char* name, core::LanePace pace, std::uint64_t calls, bool dies,
                           const Bounds& quick, const Bounds& full) {
    return Scenario{"CallLine", name, program<TwoCallers>(pace, calls, dies), quick, full};
  };
  return {
      scenario("2 callers, 1 call each", kHasty, 1, false, {.preemptions = 1, .stale_loads = 1},
               {.preemptions = 2, .stale_loads = 1}),
      scenario("2 callers, a patient server", kPatient, 2, false,
               {.preemptions = 1, .stale_loads = 0}, {.preemptions = 1, .stale_loads = 1}),
      scenario("2 callers, the server dies", kHasty, 1, true,
               {.preemptions = 1, .stale_loads = 0, .deaths = 1},
               {.preemptions = 1, .stale_loads = 1, .deaths = 1}),
  };
}

}  // namespace ringbell::model
